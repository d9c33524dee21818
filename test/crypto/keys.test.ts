import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, type TestContext } from 'vitest';
import { fromBase64 } from '../../src/base/base64.ts';
import { type Bytes, concat, fromHex, hex, utf8 } from '../../src/base/bytes.ts';
import { BIT_STRING, encode, INTEGER, OCTET_STRING, SEQUENCE } from '../../src/crypto/der.ts';
import { CryptoError } from '../../src/crypto/errors.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { parseSpki } from '../../src/crypto/spki.ts';
import { SCHEMES } from '../../src/crypto/suites.ts';
import { have } from '../support/counterpart.ts';
import { pairs, providers } from './providers.ts';

const KINDS = ['ed25519', 'p256', 'p384'] as const;
const message = utf8('a message');

/** RFC 8410 §10.3: the same key without and with attributes and public half. */
const ED25519_V1 = fromBase64('MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC');
const ED25519_V2 = fromBase64(
  'MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCoB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=',
);

const P256_ALGORITHM = fromHex('301306072a8648ce3d020106082a8648ce3d030107');

interface EcParts {
  readonly scalar: Uint8Array;
  readonly publicKey?: Uint8Array;
  readonly parameters?: Uint8Array;
  readonly version?: number;
}

/** A PKCS#8 P-256 key with the optional fields asked for. */
function p256({ scalar, publicKey, parameters, version = 0 }: EcParts): Bytes {
  const inner = [encode(INTEGER, Uint8Array.of(1)), encode(OCTET_STRING, scalar)];
  if (parameters !== undefined) inner.push(encode(0xa0, parameters));
  if (publicKey !== undefined)
    inner.push(encode(0xa1, encode(BIT_STRING, concat([Uint8Array.of(0), publicKey]))));
  const key = encode(OCTET_STRING, encode(SEQUENCE, ...inner));
  return encode(SEQUENCE, encode(INTEGER, Uint8Array.of(version)), P256_ALGORITHM, key);
}

function publicBytes(key: PrivateKey): Uint8Array {
  const parsed = parseSpki(key.spki)!;
  return 'bytes' in parsed ? parsed.bytes : parsed.modulus;
}

describe.each(pairs)('keys from $pair', ({ one, other }) => {
  it.each(KINDS)('sign with %s what the other verifies, and are read back the same', (kind) => {
    const key = one.generateKey(kind);
    const [scheme] = key.schemes;
    const copy = other.importKey(key.dangerousExport());
    expect(hex(copy.spki)).toBe(hex(key.spki));
    expect(hex(copy.dangerousExport())).toBe(hex(key.dangerousExport()));
    expect(copy.kind).toBe(kind);
    const changed = utf8('A message');
    for (const signer of [key, copy]) {
      const signature = signer.sign(scheme!, message);
      expect(other.verify(scheme!, key.spki, message, signature)).toBe(true);
      expect(other.verify(scheme!, key.spki, changed, signature)).toBe(false);
    }
  });
});

describe.each(providers)('keys of $name', (provider) => {
  it.each(KINDS)('sign with the one scheme of %s and with no other', (kind) => {
    const key = provider.generateKey(kind);
    expect(key.schemes.length).toBe(1);
    for (const { name } of SCHEMES) {
      if (name === key.schemes[0]) continue;
      expect(() => key.sign(name, message)).toThrow(expect.objectContaining({ code: 'ERR_CRYPTO_SCHEME' }));
    }
  });

  it.each(KINDS)('never show the secret of a %s key', (kind) => {
    const key = provider.generateKey(kind);
    const secret = hex(key.dangerousExport()).slice(
      kind === 'ed25519' ? 32 : 72,
      kind === 'ed25519' ? 96 : 136,
    );
    const shown = inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key) + String(key);
    const numbers = [...fromHex(secret).subarray(0, 6)].join(', ');
    expect(shown).not.toContain(secret.slice(0, 12));
    expect(shown).not.toContain(numbers);
  });

  it('reads Ed25519 keys of both versions (RFC 8410 §10.3)', () => {
    const key = provider.importKey(ED25519_V1);
    expect(hex(publicBytes(key))).toBe('19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1');
    expect(hex(provider.importKey(ED25519_V2).spki)).toBe(hex(key.spki));
    expect(hex(key.dangerousExport())).toBe(hex(ED25519_V1));
  });

  it('reads EC keys with and without public half and parameters', () => {
    const scalar = new Uint8Array(32).fill(7);
    const key = provider.importKey(p256({ scalar }));
    const publicKey = publicBytes(key);
    const parameters = fromHex('06082a8648ce3d030107');
    for (const same of [
      p256({ scalar, publicKey }),
      p256({ scalar, parameters }),
      p256({ scalar, publicKey, parameters }),
    ])
      expect(hex(provider.importKey(same).spki)).toBe(hex(key.spki));
  });

  it('refuses keys that are malformed, inconsistent or out of range', () => {
    const scalar = new Uint8Array(32).fill(7);
    const foreign = publicBytes(provider.generateKey('p256'));
    const order = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const wrongHalf = ED25519_V2.slice();
    wrongHalf[wrongHalf.length - 1]! ^= 1;
    const keys: Record<string, Uint8Array> = {
      empty: new Uint8Array(0),
      'not a structure': utf8('-----BEGIN PRIVATE KEY-----'),
      'followed by a byte': concat([ED25519_V1, Uint8Array.of(0)]),
      'cut short': ED25519_V1.subarray(0, -1),
      'of version 3': p256({ scalar, version: 2 }),
      'with a short scalar': p256({ scalar: scalar.subarray(1) }),
      'with scalar zero': p256({ scalar: new Uint8Array(32) }),
      'with a scalar of the group order': p256({ scalar: order }),
      'with the public half of another': p256({ scalar, publicKey: foreign }),
      'naming two curves': p256({ scalar, parameters: fromHex('06052b81040022') }),
      'with the wrong Ed25519 half': wrongHalf,
      'of X25519': fromHex(`302e020100300506032b656e04220420${'11'.repeat(32)}`),
      'too long': new Uint8Array(9000),
    };
    for (const [what, key] of Object.entries(keys))
      expect(() => provider.importKey(key), what).toThrow(
        expect.objectContaining({ code: 'ERR_CRYPTO_KEY' }),
      );
  });

  it('answers ERR_CRYPTO_KEY and nothing else to damaged keys', () => {
    const whole = provider.generateKey('p256').dangerousExport();
    fc.assert(
      fc.property(
        fc.nat(whole.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (at, change, cut) => {
          const key = cut ? whole.slice(0, at) : whole.slice();
          if (!cut) key[at]! ^= change;
          try {
            provider.importKey(key);
          } catch (error) {
            expect(error).toBeInstanceOf(CryptoError);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it.for(provider === node ? [...KINDS, 'p521' as const] : KINDS)(
    'export %s keys that OpenSSL reads, and read those that OpenSSL makes',
    (kind, context: TestContext) => {
      if (!have('openssl')) context.skip('no openssl');
      const toSpki = (pkcs8: Uint8Array): string =>
        execFileSync('openssl', ['pkey', '-inform', 'DER', '-pubout', '-outform', 'DER'], {
          input: pkcs8,
        }).toString('hex');
      if (kind !== 'p521') {
        const ours = provider.generateKey(kind); // of P-521 we make none
        expect(toSpki(ours.dangerousExport())).toBe(hex(ours.spki));
      }
      const options = kind === 'ed25519' ? [] : ['-pkeyopt', `ec_paramgen_curve:P-${kind.slice(1)}`];
      const algorithm = kind === 'ed25519' ? 'ED25519' : 'EC';
      const theirs = execFileSync(
        'openssl',
        ['genpkey', '-algorithm', algorithm, ...options, '-outform', 'DER'],
        {
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
      // genpkey writes EC keys in their traditional form where DER is asked for; PKCS#8 comes by way of pkcs8.
      const pkcs8 = execFileSync(
        'openssl',
        ['pkcs8', '-topk8', '-nocrypt', '-inform', 'DER', '-outform', 'DER'],
        {
          input: theirs,
        },
      );
      const key = provider.importKey(new Uint8Array(pkcs8));
      expect(hex(key.spki)).toBe(toSpki(pkcs8));
      expect(hex(key.dangerousExport())).toBe(pkcs8.toString('hex'));
    },
  );
});

it('the portable provider names the kind of an RSA or P-521 key and where it can be used', () => {
  const rsa = fromHex('3014020100300d06092a864886f70d01010105000400');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const p521 = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }));
  for (const [key, kind] of [
    [rsa, 'rsa'],
    [p521, 'p521'],
  ] as const)
    expect(() => noble.importKey(key)).toThrow(
      expect.objectContaining({
        code: 'ERR_CRYPTO_KEY',
        message: expect.stringContaining(kind),
        hint: expect.stringContaining('node:crypto provider'),
      }),
    );
  expect(() => node.importKey(rsa)).toThrow(expect.objectContaining({ code: 'ERR_CRYPTO_KEY' }));
});

it('signing with the portable provider draws randomness, and random numbers can be replayed', async () => {
  const { nobleProvider } = await import('../../src/crypto/noble.ts');
  const run = (): string => {
    let counter = 0;
    const random = (length: number): Bytes => new Uint8Array(length).map(() => counter++ & 0xff);
    const provider = nobleProvider({ random });
    const key = provider.generateKey('p256');
    const [first, second] = [key.sign(key.schemes[0]!, message), key.sign(key.schemes[0]!, message)];
    expect(hex(first)).not.toBe(hex(second));
    return hex(key.spki) + hex(first) + hex(provider.keyExchange('secp384r1').share);
  };
  expect(run()).toBe(run());
});
