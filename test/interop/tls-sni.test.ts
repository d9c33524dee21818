/** s_client asks for names: which of our certificates it gets, and what it is told when nobody here has the name. */
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import { OID } from '../../src/identity/oid.ts';
import {
  type ContextChooser,
  type Credential,
  ServerContext,
  type TlsConfigInit,
} from '../../src/tls/index.ts';
import { chooseBySni, contextsOf, PrivateCertificate, signingChains } from '../../src/tls/options/index.ts';
import { ca, DAY, eku, make, san, usage } from '../identity/maker.ts';
import { Folder, haveOpenssl, type Openssl, startClient } from '../support/openssl.ts';

const found = haveOpenssl();
const folder = new Folder();
const dates = { notBefore: Date.now() - DAY, notAfter: Date.now() + DAY };
const root = make({
  ...dates,
  subject: 'Root',
  extensions: [ca(), usage('keyCertSign')],
  key: node.generateKey('p256'),
});
const rootFile = folder.certificate('root', root.certificate);

function site(kind: 'ed25519' | 'p256', ...dns: readonly string[]): Credential {
  const extensions = [san({ dns }, true), usage('digitalSignature'), eku(OID.serverAuth)];
  const made = make({ ...dates, issuer: root, key: node.generateKey(kind), extensions });
  return PrivateCertificate.of({ chain: [made.der], signer: made.key }, { provider: node });
}

const config: TlsConfigInit = {
  verifier: { verify: () => Promise.reject(new Error('no client certificates here')) },
  clientCertificate: 'none',
  credentials: [
    site('p256', 'first.example', 'second.example', 'third.example'),
    site('p256', '*.wild.example'),
    site('ed25519', 'both.example'),
    site('p256', 'both.example'),
  ],
};
const contexts = contextsOf(config, node);

let running: Openssl[] = [];
afterEach(async () => {
  await Promise.all(running.map((openssl) => openssl.stop()));
  running = [];
});
afterAll(() => folder.remove());

async function ask(name: string, choose: ContextChooser, ...args: readonly string[]): Promise<Openssl> {
  const context = new ServerContext(config, node, { choose });
  const naming = name === '' ? ['-noservername'] : ['-servername', name];
  const { openssl } = await startClient(
    [...naming, '-CAfile', rootFile, '-verify_return_error', '-nocommands', ...args],
    context.accept(),
  );
  running.push(openssl);
  return openssl;
}

describe.skipIf(!found)('s_client gets', () => {
  const choose = signingChains(contexts, { unknown: 'refuse' });
  for (const name of ['first.example', 'second.example', 'third.example', 'any.wild.example', 'both.example'])
    it(`a certificate for ${name}`, async () => {
      const openssl = await ask(name, choose, '-verify_hostname', name);
      await openssl.until(/Verification: OK/);
      expect(openssl.output).toContain(`Verified peername: ${name.replace('any', '*')}`);
    });

  it('the certificate whose key it can verify', async () => {
    for (const [schemes, shown] of [
      ['ed25519:ecdsa_secp256r1_sha256', /Peer signature type: ed25519/i],
      ['ecdsa_secp256r1_sha256', /Peer signature type: ECDSA/],
    ] as const) {
      const openssl = await ask('both.example', choose, '-sigalgs', schemes);
      await openssl.until(shown);
    }
  });

  it('the first certificate when it names nobody', async () => {
    const openssl = await ask('', choose, '-verify_hostname', 'first.example');
    await openssl.until(/Verification: OK/);
  });

  it('unrecognized_name for a stranger where that is wanted, and the first certificate where not', async () => {
    const refused = await ask('stranger.example', choose);
    await refused.until(/alert unrecognized name|unrecognized name/i);
    const shown = await ask('stranger.example', signingChains(contexts), '-verify_hostname', 'first.example');
    await shown.until(/Verification: OK/);
  });

  it('the context that is kept for a name', async () => {
    const [first, wild, ed] = contexts as [ServerContext, ServerContext, ServerContext];
    const byName = chooseBySni({ 'a.example': first, '*.example': ed }, { fallback: wild });
    const shown: [string, string][] = [
      ['a.example', 'first.example'],
      ['b.example', 'both.example'],
      ['elsewhere.test', 'x.wild.example'],
    ];
    for (const [name, verified] of shown) {
      const openssl = await ask(name, byName, '-verify_hostname', verified);
      await openssl.until(/Verification: OK/);
    }
  });
});
