import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { generateWebCryptoKey, webCryptoSigner } from '../../src/crypto/webcrypto.ts';
import { providers } from './providers.ts';

const KINDS = ['ed25519', 'p256', 'p384', 'p521'] as const;
const message = utf8('signed by the platform');

describe.each(KINDS)('a %s key of the platform', (kind) => {
  it('signs by promise what both providers verify', async () => {
    const { signer } = await generateWebCryptoKey(kind);
    expect(signer.kind).toBe(kind);
    const [scheme] = signer.schemes;
    for (let i = 0; i < 8; i++) {
      const signature = await signer.sign(scheme!, message);
      for (const provider of providers.filter(({ supports }) => supports.verifies.includes(scheme!)))
        expect(provider.verify(scheme!, signer.spki, message, signature), provider.name).toBe(true);
    }
  });

  it('cannot be carried away', async () => {
    const { privateKey } = await generateWebCryptoKey(kind);
    expect(privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('pkcs8', privateKey)).rejects.toThrow();
  });

  it('rejects schemes of other kinds', async () => {
    const { signer } = await generateWebCryptoKey(kind);
    await expect(signer.sign('rsa_pss_rsae_sha256', message)).rejects.toMatchObject({
      code: 'ERR_CRYPTO_SCHEME',
    });
  });
});

it('a signer wants a private key and the public half of its own kind', async () => {
  const p256 = await generateWebCryptoKey('p256');
  const p384 = await generateWebCryptoKey('p384');
  const refused = expect.objectContaining({ code: 'ERR_CRYPTO_KEY' });
  expect(() => webCryptoSigner(p256.privateKey, p384.signer.spki)).toThrow(refused);
  expect(() => webCryptoSigner(p256.privateKey, new Uint8Array(10))).toThrow(refused);
  const ecdh = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
  expect(() => webCryptoSigner(ecdh.privateKey, p256.signer.spki)).toThrow(refused);
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
    'verify',
  ]);
  expect(() => webCryptoSigner(pair.publicKey, p256.signer.spki)).toThrow(refused);
});
