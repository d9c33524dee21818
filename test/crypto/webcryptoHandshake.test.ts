/** Whole TLS handshakes whose signatures come by promise from keys that cannot leave the platform. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { CURVE_SCHEME } from '../../src/crypto/privateKey.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { generateWebCryptoKey, type WebCryptoKey } from '../../src/crypto/webcrypto.ts';
import type { Credential, TlsConfigInit } from '../../src/tls/index.ts';
import { ClientContext, performOp, ServerContext } from '../../src/tls/index.ts';
import { DOMAIN, NOW, Pki } from '../support/pki.ts';
import { End, type Pair, pump } from '../support/tls.ts';
import { providers } from './providers.ts';

const KINDS = ['ed25519', 'p256', 'p384', 'p521'] as const;
const pki = new Pki();

function serverCredential({ signer }: WebCryptoKey): Credential {
  return { chain: pki.authority.issueServer({ spki: signer.spki, now: NOW }), signer };
}

function userCredential({ signer }: WebCryptoKey): Credential {
  return { chain: pki.authority.issueUser({ spki: signer.spki, user: 'alice', now: NOW }), signer };
}

function pair(provider: CryptoProvider, server: Credential, client: Credential): Pair {
  const common = (credential: Credential): Pick<TlsConfigInit, 'credentials'> => ({
    credentials: [credential],
  });
  const ours = new ClientContext({ ...common(client), verifier: pki.serverVerifier(provider) }, provider);
  const theirs = new ServerContext({ ...common(server), verifier: pki.clientVerifier(provider) }, provider);
  return { client: new End(ours.connect({ serverName: DOMAIN })), server: new End(theirs.accept()) };
}

/** Answers the ops of one end, each when its promise is there; how many had to be waited for. */
async function settleLater(end: End): Promise<number> {
  let waited = 0;
  for (let event = end.connection.next(); event !== undefined; event = end.connection.next()) {
    end.events.push(event);
    if (event.type !== 'op') continue;
    const answer = performOp(event.op);
    if (answer instanceof Promise) {
      waited++;
      expect(end.connection.phase).toBe('handshake');
    }
    const settled = await Promise.resolve(answer).catch((error: Error) => error);
    end.connection.settle(event.id, settled);
  }
  return waited;
}

/** Moves bytes until both ends are silent; the ops that were waited for at the client and the server. */
async function pumpLater({ client, server }: Pair): Promise<readonly [number, number]> {
  const waited = [0, 0] as [number, number];
  for (;;) {
    waited[0] += await settleLater(client);
    waited[1] += await settleLater(server);
    const [up, down] = [client.take(), server.take()];
    if (up.length === 0 && down.length === 0) return waited;
    if (up.length > 0) server.connection.feed(up);
    if (down.length > 0) client.connection.feed(down);
  }
}

describe.each(providers)('with $name and keys that are not extractable', (provider) => {
  const known = KINDS.filter((kind) => provider.supports.verifies.includes(CURVE_SCHEME[kind]));

  it.each(known)('a mutual handshake completes with %s keys at both ends', async (kind) => {
    const [server, client] = [await generateWebCryptoKey(kind), await generateWebCryptoKey(kind)];
    for (const { privateKey } of [server, client]) expect(privateKey.extractable).toBe(false);
    const ends = pair(provider, serverCredential(server), userCredential(client));
    expect(await pumpLater(ends)).toEqual([1, 1]);
    expect([ends.client.error, ends.server.error]).toEqual([undefined, undefined]);
    expect(ends.client.connection.negotiated?.peerScheme).toBe(server.signer.schemes[0]);
    expect(ends.server.connection.negotiated?.peerScheme).toBe(client.signer.schemes[0]);
    ends.client.connection.write(utf8('from a page'));
    ends.server.connection.write(utf8('from a worker'));
    pump(ends);
    expect(new TextDecoder().decode(ends.server.data)).toBe('from a page');
    expect(new TextDecoder().decode(ends.client.data)).toBe('from a worker');
  });

  it('a key that fails to sign ends the handshake, at either end', async () => {
    const key = await generateWebCryptoKey('p256');
    const gone = { ...key, signer: { ...key.signer, sign: () => Promise.reject(new Error('key is gone')) } };
    const byServer = pair(provider, serverCredential(gone), userCredential(key));
    await pumpLater(byServer);
    expect(byServer.server.error).toMatchObject({ code: 'ERR_TLS_OP', alert: 'internal_error' });
    expect(byServer.client.error).toMatchObject({ alert: 'internal_error', alertFrom: 'peer' });
    const byClient = pair(provider, serverCredential(key), userCredential(gone));
    await pumpLater(byClient);
    expect(byClient.client.error).toMatchObject({ code: 'ERR_TLS_OP', alert: 'internal_error' });
    expect(byClient.server.error).toMatchObject({ alert: 'internal_error', alertFrom: 'peer' });
  });
});
