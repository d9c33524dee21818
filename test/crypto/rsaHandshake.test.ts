/** RSA keys at both ends of a TLS handshake: signed by the node provider, verified by either. */
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { SCHEMES } from '../../src/crypto/suites.ts';
import { NOW, Pki } from '../support/pki.ts';
import { openPair } from '../support/tls.ts';
import { providers } from './providers.ts';

const pki = new Pki();
let keys: Readonly<Record<'rsa' | 'rsa-pss', PrivateKey>>;

beforeAll(() => {
  const read = (privateKey: { export(o: { format: 'der'; type: 'pkcs8' }): Buffer }): PrivateKey =>
    node.importKey(new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })));
  const modulusLength = 2048;
  keys = {
    rsa: read(generateKeyPairSync('rsa', { modulusLength }).privateKey),
    'rsa-pss': read(generateKeyPairSync('rsa-pss', { modulusLength }).privateKey),
  };
});

describe.each(providers)('verified by $name', (provider) => {
  const usable = SCHEMES.filter(({ key, certificateOnly }) => key.startsWith('rsa') && !certificateOnly);

  it.each(usable)('$name signs both certificates’ proofs', ({ name, key }) => {
    const signer = keys[key as keyof typeof keys];
    const schemes = [name, 'ed25519'] as const; // the authority's own signatures
    const { client, server } = openPair({
      clientProvider: provider,
      serverProvider: provider,
      client: {
        schemes,
        credentials: [
          { chain: pki.authority.issueUser({ spki: signer.spki, user: 'alice', now: NOW }), signer },
        ],
      },
      server: {
        schemes,
        credentials: [{ chain: pki.authority.issueServer({ spki: signer.spki, now: NOW }), signer }],
      },
      pki,
    });
    expect(client.connection.negotiated).toMatchObject({ peerScheme: name, localScheme: name });
    expect(server.connection.negotiated).toMatchObject({ peerScheme: name, localScheme: name });
  });
});
