import { createHmac, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, hex, utf8 } from '../../src/base/bytes.ts';
import type { HashName } from '../../src/crypto/suites.ts';
import { pairs, providers } from './providers.ts';

const NAMES: readonly HashName[] = ['sha256', 'sha384', 'sha512'];

describe.each(providers)('hashing with $name', (provider) => {
  // FIPS 180-4 examples: "abc".
  it.each([
    ['sha256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'sha384',
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    ],
    [
      'sha512',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    ],
  ] as const)('gives the published %s digest', (name, digest) => {
    expect(hex(provider.hash(name).update(utf8('abc')).digest())).toBe(digest);
  });

  it.each(NAMES)('does not depend on how %s input is split, and clones go their own way', (name) => {
    const parts = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 });
    fc.assert(
      fc.property(parts, fc.nat(6), fc.uint8Array({ maxLength: 50 }), (chunks, cut, tail) => {
        const whole = hex(provider.hash(name).update(concat(chunks)).digest());
        const hash = provider.hash(name);
        for (const chunk of chunks.slice(0, cut)) hash.update(chunk);
        const snapshot = hash.clone();
        const branch = hash.clone().update(tail);
        for (const chunk of chunks.slice(cut)) hash.update(chunk);
        expect(hex(hash.digest())).toBe(whole);
        const head = concat(chunks.slice(0, cut));
        expect(hex(snapshot.digest())).toBe(hex(provider.hash(name).update(head).digest()));
        expect(hex(branch.digest())).toBe(
          hex(
            provider
              .hash(name)
              .update(concat([head, tail]))
              .digest(),
          ),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('gives the HMAC of RFC 4231 test case 2', () => {
    const parts = [utf8('what do ya want '), utf8('for nothing?')];
    expect(hex(provider.hmac('sha256', utf8('Jefe'), ...parts))).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });

  it.each(NAMES)('gives the %s HMAC that node:crypto gives, whatever the sizes', (name) => {
    // Around a block of 64 or 128 bytes the key is hashed first; around 512 the node provider takes another way.
    const edge = fc.constantFrom(0, 1, 32, 48, 63, 64, 65, 127, 128, 129, 300);
    const bytes = (max: number): fc.Arbitrary<Uint8Array> =>
      fc.uint8Array({ minLength: max, maxLength: max });
    const parts = fc.array(fc.constantFrom(0, 1, 22, 200, 511, 512, 513).chain(bytes), { maxLength: 4 });
    fc.assert(
      fc.property(edge.chain(bytes), parts, (key, chunks) => {
        const expected = createHmac(name, key).update(concat(chunks)).digest('hex');
        expect(hex(provider.hmac(name, key, ...chunks))).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });

  it.each(NAMES)('gives the %s HKDF that node:crypto gives, of any length', (name) => {
    const size = provider.hash(name).digest().length;
    const lengths = fc.constantFrom(1, 12, 16, 32, 48, size - 1, size, size + 1, 2 * size, 200);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), lengths, (info, length) => {
        const [inputKey, salt] = [utf8('input key'), utf8('salt')];
        const secret = provider.hkdfExtract(name, salt, inputKey);
        const expected = new Uint8Array(hkdfSync(name, inputKey, salt, info, length));
        expect(hex(provider.hkdfExpand(name, secret, info, length))).toBe(hex(expected));
      }),
      { numRuns: 40 },
    );
  });

  it('gives the HKDF of RFC 5869 test cases 1 and 3', () => {
    const secret = new Uint8Array(22).fill(0x0b);
    const salted = provider.hkdfExtract('sha256', fromHex('000102030405060708090a0b0c'), secret);
    expect(hex(salted)).toBe('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
    expect(hex(provider.hkdfExpand('sha256', salted, fromHex('f0f1f2f3f4f5f6f7f8f9'), 42))).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
    const unsalted = provider.hkdfExtract('sha256', new Uint8Array(0), secret);
    expect(hex(unsalted)).toBe('19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04');
    expect(hex(provider.hkdfExpand('sha256', unsalted, new Uint8Array(0), 42))).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
  });

  it('expands up to 255 blocks and no further', () => {
    const key = new Uint8Array(32);
    expect(provider.hkdfExpand('sha256', key, key, 0).length).toBe(0);
    expect(provider.hkdfExpand('sha256', key, key, 255 * 32).length).toBe(255 * 32);
    expect(() => provider.hkdfExpand('sha256', key, key, 255 * 32 + 1)).toThrow(RangeError);
    expect(() => provider.hkdfExpand('sha384', key, key, 32)).toThrow(RangeError);
  });

  it('gives plain byte arrays of its own', () => {
    const arrays = [
      provider.random(9),
      provider.hash('sha256').digest(),
      provider.hmac('sha256', new Uint8Array(1)),
      provider.hkdfExpand('sha256', new Uint8Array(32), new Uint8Array(0), 3),
      provider.keyExchange('x25519').share,
      provider.keyExchange('secp256r1').share,
    ];
    for (const array of arrays) expect(Object.getPrototypeOf(array)).toBe(Uint8Array.prototype);
  });

  it('gives as many random bytes as asked for, above the platform quota too', () => {
    expect(provider.random(0).length).toBe(0);
    const many = provider.random(200_001);
    expect(many.length).toBe(200_001);
    for (const at of [0, 65_530, 131_070, 199_900])
      expect(hex(many.subarray(at, at + 100))).not.toMatch(/^0+$/);
    expect(hex(provider.random(32))).not.toBe(hex(provider.random(32)));
  });
});

it.each(pairs.slice(1, 2))('both providers derive the same from any input ($pair)', ({ one, other }) => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), bytes, bytes, fc.nat(300), (name, a, b, length) => {
      expect(one.hmac(name, a, b, a)).toEqual(other.hmac(name, a, b, a));
      const secret = one.hkdfExtract(name, a, b);
      expect(other.hkdfExtract(name, a, b)).toEqual(secret);
      expect(one.hkdfExpand(name, secret, a, length)).toEqual(other.hkdfExpand(name, secret, a, length));
    }),
    { numRuns: 60 },
  );
});
