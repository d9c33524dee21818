import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../src/base/bytes.ts';
import { derFromRaw, rawFromDer } from '../../src/crypto/signature.ts';
import { providers } from './providers.ts';

const raw = (size: number) => fc.uint8Array({ minLength: 2 * size, maxLength: 2 * size });

describe('ECDSA signatures', () => {
  it('return from DER as they went in, leading zeros and all', () => {
    const zeros = fc
      .tuple(raw(32), fc.nat(31), fc.nat(31))
      .map(([bytes, r, s]) => bytes.fill(0, 0, r).fill(0, 32, 32 + s));
    fc.assert(
      fc.property(fc.oneof(raw(32), raw(48), zeros), (bytes) => {
        expect(hex(rawFromDer(derFromRaw(bytes), bytes.length / 2)!)).toBe(hex(bytes));
      }),
    );
  });

  it('have one encoding: whatever is read, is what would be written', () => {
    const near = fc.tuple(raw(32), fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
      const der = derFromRaw(bytes);
      der[at % Math.min(der.length, 8)] = value;
      return der;
    });
    fc.assert(
      fc.property(near, (der) => {
        const bytes = rawFromDer(der, 32);
        if (bytes !== undefined) expect(hex(derFromRaw(bytes))).toBe(hex(der));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['empty', ''],
    ['not a sequence', '3106020101020101'],
    ['a long-form length', '308106020101020101'],
    ['an indefinite length', '30800201010201010000'],
    ['a byte behind it', '300602010102010100'],
    ['a byte inside behind it', '300702010102010100'],
    ['one number', '3003020101'],
    ['a negative number', '3006020181020101'],
    ['a padded number', '300702020001020101'],
    ['a number without content', '30050200020101'],
    ['a number too large', `30${(40).toString(16)}0221${'01'.repeat(33)}020101${'00'.repeat(2)}`],
  ])('are refused when they are %s', (_, der) => {
    expect(rawFromDer(fromHex(der), 32)).toBeUndefined();
  });
});

describe.each(providers)('ECDSA verification by $name', (provider) => {
  it('refuses r or s of zero or of the group order, and admits both s and n - s', () => {
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const order = n.toString(16);
    const key = provider.generateKey('p256');
    const message = new Uint8Array(3);
    const good = hex(rawFromDer(key.sign('ecdsa_secp256r1_sha256', message), 32)!);
    const [r, s] = [good.slice(0, 64), good.slice(64)];
    const check = (text: string): boolean =>
      provider.verify('ecdsa_secp256r1_sha256', key.spki, message, derFromRaw(fromHex(text)));
    const zero = '0'.repeat(64);
    expect(check(r + s)).toBe(true);
    // Both are signatures of X.509 and TLS; only some blockchains forbid the larger.
    expect(check(r + (n - BigInt(`0x${s}`)).toString(16).padStart(64, '0'))).toBe(true);
    for (const bad of [zero + s, r + zero, zero + zero, order + s, r + order]) expect(check(bad)).toBe(false);
  });
});
