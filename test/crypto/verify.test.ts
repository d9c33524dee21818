import {
  constants,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  type RSAPSSKeyPairKeyObjectOptions,
  sign,
} from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bytes, concat, fromHex, hex, utf8 } from '../../src/base/bytes.ts';
import { BIT_STRING, encode, encodeUnsigned, SEQUENCE } from '../../src/crypto/der.ts';
import { KEY_CACHE_LIMIT, MAX_SPKI_BYTES } from '../../src/crypto/limits.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { encodeSpki, parseSpki } from '../../src/crypto/spki.ts';
import { SCHEMES, type SchemeName } from '../../src/crypto/suites.ts';
import { providers } from './providers.ts';

const message = utf8('what was signed');

function rsaKey(modulusLength: number, options: object = {}): PrivateKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength, ...options });
  return node.importKey(privateKey.export({ format: 'der', type: 'pkcs8' }));
}

/** A key that may be bound to one hash by its parameters. */
function pssKey(bound: { hashAlgorithm: string; mgf1HashAlgorithm: string } | undefined): PrivateKey {
  // The types have saltLength as a string; the number is what Node takes.
  const options = { modulusLength: 2048, ...(bound && { ...bound, saltLength: 32 }) } as object;
  const { privateKey } = generateKeyPairSync('rsa-pss', options as RSAPSSKeyPairKeyObjectOptions);
  return node.importKey(privateKey.export({ format: 'der', type: 'pkcs8' }));
}

function ecKey(namedCurve: string): PrivateKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve });
  return node.importKey(privateKey.export({ format: 'der', type: 'pkcs8' }));
}

const RSA_ALGORITHM = fromHex('300d06092a864886f70d0101010500');

function rsaSpki(modulus: Uint8Array, exponent: Uint8Array, algorithm: Uint8Array = RSA_ALGORITHM): Bytes {
  const key = encode(SEQUENCE, encodeUnsigned(modulus), encodeUnsigned(exponent));
  return encode(SEQUENCE, algorithm, encode(BIT_STRING, concat([Uint8Array.of(0), key])));
}

const SHA256_ONLY = { hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256' };

let keys: readonly PrivateKey[];

beforeAll(() => {
  const curves = (['ed25519', 'p256', 'p384'] as const).map((kind) => node.generateKey(kind));
  keys = [...curves, rsaKey(2048), pssKey(undefined), pssKey(SHA256_ONLY), ecKey('P-521')];
});

describe.each(providers)('verification by $name', (provider) => {
  it('accepts each scheme with its own kind of key, and with no other', () => {
    let accepted = 0;
    for (const key of keys)
      for (const scheme of key.schemes) {
        const signature = key.sign(scheme, message);
        for (const { name } of SCHEMES) {
          const verdict = provider.verify(name, key.spki, message, signature);
          const right = name === scheme && provider.supports.verifies.includes(name);
          expect(verdict, `${scheme} by ${key.kind}, checked as ${name}`).toBe(right);
          if (verdict) accepted++;
        }
        for (const other of keys)
          if (other !== key) expect(provider.verify(scheme, other.spki, message, signature)).toBe(false);
      }
    expect(accepted).toBe(1 + 1 + 1 + 6 + 3 + 1 + (provider.name === 'node' ? 1 : 0));
  });

  it('refuses any flipped bit of a signature', () => {
    for (const key of keys) {
      const [scheme] = key.schemes;
      const signature = key.sign(scheme!, message);
      fc.assert(
        fc.property(fc.nat(signature.length * 8 - 1), (bit) => {
          const bad = signature.slice();
          bad[bit >> 3]! ^= 1 << (bit & 7);
          expect(provider.verify(scheme!, key.spki, message, bad)).toBe(false);
        }),
        { numRuns: 12 },
      );
      for (const bad of [signature.subarray(1), concat([signature, Uint8Array.of(0)]), new Uint8Array(0)])
        expect(provider.verify(scheme!, key.spki, message, bad)).toBe(false);
    }
  });

  it('answers false, and never throws, to keys that are noise or damaged', () => {
    const names = fc.constantFrom(...SCHEMES.map((scheme) => scheme.name));
    const noise = fc.uint8Array({ maxLength: 400 });
    const damaged = fc
      .tuple(fc.nat(keys.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }))
      .map(([i, at, change]) => {
        const spki = keys[i]!.spki.slice();
        spki[at % spki.length]! ^= change;
        return spki;
      });
    fc.assert(
      fc.property(names, fc.oneof(noise, damaged), noise, (scheme, spki, signature) => {
        expect(provider.verify(scheme, spki, message, signature)).toBe(false);
      }),
      { numRuns: 150 },
    );
    expect(provider.verify('rsa_pkcs1_sha256', new Uint8Array(MAX_SPKI_BYTES + 1), message, message)).toBe(
      false,
    );
  });

  it('refuses points that are not on the curve, compressed or hybrid', () => {
    const key = keys[1]!;
    const signature = key.sign('ecdsa_secp256r1_sha256', message);
    const bend = (change: (spki: Uint8Array) => Uint8Array): boolean =>
      provider.verify('ecdsa_secp256r1_sha256', change(key.spki.slice()), message, signature);
    expect(bend((spki) => spki)).toBe(true);
    expect(bend((spki) => spki.fill(spki.at(-1)! ^ 1, -1))).toBe(false);
    expect(bend((spki) => spki.fill(0x06 | (spki.at(-1)! & 1), 26, 27))).toBe(false);
    expect(bend((spki) => spki.fill(0, 27))).toBe(false);
  });

  it.each([
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000080',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ])('refuses the Ed25519 key %s, under which anything verifies', (key) => {
    const identity = new Uint8Array(64);
    identity[0] = 1; // R the neutral point, S = 0: satisfies the equation when A has small order and h·k = 0
    for (let i = 0; i < 16; i++)
      expect(
        provider.verify('ed25519', encodeSpki('ed25519', fromHex(key)), Uint8Array.of(i), identity),
      ).toBe(false);
  });

  it('gives the verdicts of RFC 8032 §7.1 test 2', () => {
    const spki = encodeSpki(
      'ed25519',
      fromHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
    );
    const signature = fromHex(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
    expect(provider.verify('ed25519', spki, Uint8Array.of(0x72), signature)).toBe(true);
    // S + L is the same point: malleable, refused (RFC 8032 §5.1.7 step 1).
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${hex(signature.slice(32).reverse())}`) + order;
    const malleable = concat([
      signature.subarray(0, 32),
      fromHex(s.toString(16).padStart(64, '0')).reverse(),
    ]);
    expect(provider.verify('ed25519', spki, Uint8Array.of(0x72), malleable)).toBe(false);
  });

  it('refuses RSA keys that are too small, too large, odd in length or with a useless exponent', () => {
    const [modulus, f4] = [new Uint8Array(256).fill(0xff), Uint8Array.of(1, 0, 1)];
    const reads = (n: Uint8Array, e: Uint8Array, algorithm?: Uint8Array): boolean =>
      parseSpki(rsaSpki(n, e, algorithm)) !== undefined;
    expect(reads(modulus, f4)).toBe(true);
    expect(reads(modulus, Uint8Array.of(3))).toBe(true);
    expect(reads(modulus, Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff))).toBe(true);
    expect(reads(new Uint8Array(1024).fill(0xff), f4)).toBe(true);
    expect(reads(new Uint8Array(1025).fill(0xff), f4)).toBe(false);
    expect(reads(modulus.subarray(1), f4)).toBe(false);
    expect(reads(modulus.slice().fill(0x7f, 0, 1), f4)).toBe(false);
    expect(reads(modulus.slice().fill(0xfe, -1), f4)).toBe(false);
    for (const exponent of [[0], [1], [2], [1, 0], [3, 0xff, 0xff, 0xff, 0xff], [1, 1, 1, 1, 1, 1]])
      expect(reads(modulus, Uint8Array.from(exponent))).toBe(false);
    // Parameters absent where NULL must be.
    expect(reads(modulus, f4, fromHex('300b06092a864886f70d010101'))).toBe(false);
    const small = generateKeyPairSync('rsa', {
      modulusLength: 1024,
      publicKeyEncoding: { format: 'der', type: 'spki' },
      privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
    });
    const signature = sign('sha256', message, small.privateKey);
    expect(provider.verify('rsa_pkcs1_sha256', small.publicKey, message, signature)).toBe(false);
  });

  it('refuses RSA-PSS signatures whose salt is not as long as the digest', () => {
    const key = keys[3]!;
    const object: KeyObject = createPrivateKey({
      key: key.dangerousExport() as Buffer,
      format: 'der',
      type: 'pkcs8',
    });
    const signWith = (saltLength: number): Uint8Array =>
      sign('sha256', message, { key: object, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    for (const length of [0, 20, 31, 33, 222])
      expect(provider.verify('rsa_pss_rsae_sha256', key.spki, message, signWith(length))).toBe(false);
    expect(provider.verify('rsa_pss_rsae_sha256', key.spki, message, signWith(32))).toBe(true);
  });

  it('still verifies under a key that was pushed out of every cache', () => {
    const key = keys[0]!;
    const signature = key.sign('ed25519', message);
    expect(provider.verify('ed25519', key.spki, message, signature)).toBe(true);
    for (let i = 0; i <= KEY_CACHE_LIMIT; i++) {
      const other = new Uint8Array(32).fill(0x33);
      other[0] = i;
      other[1] = i >> 8;
      provider.verify('ed25519', encodeSpki('ed25519', other), message, new Uint8Array(63));
    }
    expect(provider.verify('ed25519', key.spki, message, signature)).toBe(true);
  });

  it('keeps its verdict when the caller reuses the array that held a key', () => {
    const [first, second] = [node.generateKey('ed25519'), node.generateKey('ed25519')];
    const buffer = first.spki.slice();
    const signature = first.sign('ed25519', message);
    expect(provider.verify('ed25519', buffer, message, signature)).toBe(true);
    buffer.set(second.spki);
    expect(provider.verify('ed25519', buffer, message, signature)).toBe(false);
    expect(provider.verify('ed25519', first.spki, message, signature)).toBe(true);
  });
});

describe('RSA keys of the node provider', () => {
  it('name the schemes that they can sign, and are exported as they were', () => {
    const names = (key: PrivateKey): readonly SchemeName[] => key.schemes;
    expect(names(keys[3]!)).toEqual(SCHEMES.filter((s) => s.key === 'rsa').map((s) => s.name));
    expect(names(keys[4]!)).toEqual(['rsa_pss_pss_sha256', 'rsa_pss_pss_sha384', 'rsa_pss_pss_sha512']);
    expect(names(keys[5]!)).toEqual(['rsa_pss_pss_sha256']);
    for (const key of keys.slice(3, 6))
      expect(hex(node.importKey(key.dangerousExport()).spki)).toBe(hex(key.spki));
  });

  it('are refused when no peer would verify them', () => {
    expect(() => rsaKey(1024)).toThrow(expect.objectContaining({ code: 'ERR_CRYPTO_KEY' }));
    expect(() => rsaKey(2048, { publicExponent: 2 ** 32 - 1 })).not.toThrow();
  });
});
