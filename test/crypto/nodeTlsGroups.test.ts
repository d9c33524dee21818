/** P-521 and X25519MLKEM768 against OpenSSL (node:tls), both roles. The hybrid came with OpenSSL 3.5, in Node 24. */
import { generateKeyPairSync } from 'node:crypto';
import * as tls from 'node:tls';
import { describe, expect, it, type TestContext } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { withMlKem } from '../../src/crypto/mlkem.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { Credential, TlsConfigInit } from '../../src/tls/index.ts';
import { ClientContext, type Negotiated, ServerContext } from '../../src/tls/index.ts';
import { Driver, duplexPair, nodeServer, pemOf } from '../support/nodeTls.ts';
import { DOMAIN, NOW, Pki } from '../support/pki.ts';
import { providers } from './providers.ts';

const pki = new Pki('p256');
const p256 = pki.server('p256');

function p521Server(): Credential {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const key = node.importKey(new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })));
  return { chain: pki.authority.issueServer({ spki: key.spki, now: NOW }), signer: key };
}

interface Meeting {
  readonly provider: CryptoProvider;
  readonly server?: Credential;
  readonly config?: Partial<TlsConfigInit>;
  /** OpenSSL's groups, preferred first. */
  readonly groups: string;
}

/** What our client agrees on with an OpenSSL server. */
async function asClient({ provider, server = p256, config, groups }: Meeting): Promise<Negotiated> {
  const [near, far] = duplexPair();
  const them = nodeServer(far, { ...pemOf(server), ecdhCurve: groups });
  them.on('error', () => {});
  them.on('data', (chunk) => them.write(chunk));
  const context = new ClientContext({ verifier: pki.serverVerifier(provider), ...config }, provider);
  const us = new Driver(context.connect({ serverName: DOMAIN }), near);
  await us.until(({ connection }) => connection.phase === 'open');
  us.write(utf8('hello'));
  await us.until(({ received }) => received === 'hello');
  return us.connection.negotiated!;
}

/** What our server agrees on with an OpenSSL client. */
async function asServer({ provider, server = p256, config, groups }: Meeting): Promise<Negotiated> {
  const [near, far] = duplexPair();
  const init = { verifier: pki.clientVerifier(provider), credentials: [server], ...config };
  const context = new ServerContext({ clientCertificate: 'none', ...init }, provider);
  const us = new Driver(context.accept(), near);
  const options = { ecdhCurve: groups, servername: DOMAIN, rejectUnauthorized: false };
  const them = tls.connect({ socket: far as never, ...options });
  them.on('error', () => {});
  them.write('hello');
  await us.until(({ received }) => received === 'hello');
  return us.connection.negotiated!;
}

const ROLES = [
  ['client', asClient],
  ['server', asServer],
] as const;

describe.each(ROLES)('as the %s of OpenSSL', (role, meet) => {
  it('P-521 carries the key exchange and the signature', async () => {
    const config = { groups: ['secp521r1'] } as const;
    const negotiated = await meet({ provider: node, server: p521Server(), config, groups: 'P-521' });
    expect(negotiated.group).toBe('secp521r1');
    const scheme = role === 'client' ? negotiated.peerScheme : negotiated.localScheme;
    expect(scheme).toBe('ecdsa_secp521r1_sha512');
  });

  it.for(providers)('X25519MLKEM768 is agreed on, with $name for the rest', async (plain, context) => {
    needsHybrid(context);
    const provider = withMlKem(plain);
    const { group, helloRetried } = await meet({ provider, groups: 'X25519MLKEM768:X25519' });
    expect([group, helloRetried]).toEqual(['X25519MLKEM768', false]);
  });

  it.for(providers)('one that knows X25519 only is met there, with $name', async (plain) => {
    const { group, helloRetried } = await meet({ provider: withMlKem(plain), groups: 'X25519' });
    expect([group, helloRetried]).toEqual(['x25519', false]);
  });
});

function needsHybrid(context: TestContext): void {
  const { openssl } = process.versions;
  const [major, minor] = openssl.split('.').map(Number) as [number, number];
  if (major > 3 || (major === 3 && minor >= 5)) return;
  const why = `this Node has OpenSSL ${openssl}, wanted 3.5 or newer`;
  console.warn(`skipped "${context.task.name}": ${why}`);
  context.skip(why);
}
