/** Our ECDSA and ECDH beside noble's own: the same bytes from the same input, and the vectors of RFC 6979. */
import { p256 as nobleP256, p384 as nobleP384 } from '@noble/curves/nist.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, fromHex, hex, utf8 } from '../../src/base/bytes.ts';
import { HASHES } from '../../src/crypto/hashes.ts';
import { p256, p384 } from '../../src/crypto/nistCurve.ts';

/** Bytes from a seed, and what was drawn first: the entropy that goes into the nonce. */
function drawing(seed: number): { random: (length: number) => Bytes; first: () => Bytes } {
  let state = seed;
  let first: Bytes | undefined;
  const random = (length: number): Bytes => {
    const bytes = Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    });
    first ??= bytes.slice();
    return bytes;
  };
  return { random, first: () => first! };
}

/** RFC 6979 Appendix A.2.5 and A.2.6, message "sample". */
const RFC_6979 = {
  p256: {
    secret: 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
    signature:
      'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716' +
      'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  },
  p384: {
    secret:
      '6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8' + '96d5724e4c70a825f872c9ea60d2edf5',
    signature:
      '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46' +
      '99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
  },
} as const;

describe.each([
  { name: 'p256', curve: p256, reference: nobleP256, hash: HASHES.sha256 },
  { name: 'p384', curve: p384, reference: nobleP384, hash: HASHES.sha384 },
] as const)('$name', ({ name, curve, reference, hash }) => {
  const seeds = fc.integer({ min: 1, max: 0xffff_ffff });
  const runs = { numRuns: 40 };

  it('signs as noble does with the same entropy, byte for byte', () => {
    fc.assert(
      fc.property(seeds, fc.uint8Array({ maxLength: 200 }), (seed, message) => {
        const { random, first } = drawing(seed);
        const secret = curve.freshSecret(drawing(seed + 1).random);
        const signature = curve.sign(message, secret, random);
        expect(first()).toHaveLength(32);
        expect(signature).toEqual(reference.sign(message, secret, { lowS: false, extraEntropy: first() }));
        expect(curve.verify(signature, hash(message), curve.publicKey(secret))).toBe(true);
      }),
      runs,
    );
  });

  it('makes the signature of RFC 6979 when nothing is added to its nonce', () => {
    const { secret, signature } = RFC_6979[name];
    const random = (length: number): Bytes => drawing(1).random(length);
    const unhedged = (length: number): Bytes => (length === 32 ? new Uint8Array(0) : random(length));
    expect(hex(curve.sign(utf8('sample'), fromHex(secret), unhedged))).toBe(signature);
  });

  it('never makes the same signature twice, but with the same randomness', () => {
    const secret = curve.freshSecret(drawing(1).random);
    const sign = (seed: number): string => hex(curve.sign(utf8('text'), secret, drawing(seed).random));
    expect(sign(2)).toBe(sign(2));
    expect(sign(2)).not.toBe(sign(3));
  });

  it('judges as noble does: good signatures, and those with a bit, a key or a message changed', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.nat(),
        fc.constantFrom('signature', 'key', 'message', 'none'),
        (seed, at, what) => {
          const secret = curve.freshSecret(drawing(seed).random);
          const parts = {
            message: utf8(`message ${seed}`),
            key: curve.publicKey(secret),
            signature: curve.sign(utf8(`message ${seed}`), secret, drawing(seed + 1).random),
            none: new Uint8Array(1),
          };
          const spoilt = parts[what];
          spoilt[at % spoilt.length]! ^= 1 << (at % 8);
          const judge = (verify: () => boolean): boolean => {
            try {
              return verify();
            } catch {
              return false; // a point off the curve, a number beyond the order
            }
          };
          const verdict = judge(() => curve.verify(parts.signature, hash(parts.message), parts.key));
          expect(verdict).toBe(what === 'none');
          expect(verdict).toBe(
            judge(() => reference.verify(parts.signature, parts.message, parts.key, { lowS: false })),
          );
        },
      ),
      runs,
    );
  });

  it('takes digests of any hash, by their leftmost bits', () => {
    for (const digest of Object.values(HASHES)) {
      const secret = curve.freshSecret(drawing(5).random);
      const given = digest(utf8('any'));
      const signature = reference.sign(given, secret, { prehash: false, lowS: false });
      expect(curve.verify(signature, given, curve.publicKey(secret))).toBe(true);
      given[0]! ^= 1;
      expect(curve.verify(signature, given, curve.publicKey(secret))).toBe(false);
    }
  });

  it('refuses zeros, the order itself, and halves of the wrong length', () => {
    const secret = curve.freshSecret(drawing(7).random);
    const key = curve.publicKey(secret);
    const digest = hash(utf8('x'));
    const good = curve.sign(utf8('x'), secret, drawing(8).random);
    const zero = new Uint8Array(curve.size);
    const order = reference.Point.Fn.ORDER.toString(16);
    const [r, s] = [good.slice(0, curve.size), good.slice(curve.size)];
    expect(curve.verify(concat([zero, s]), digest, key)).toBe(false);
    expect(curve.verify(concat([r, zero]), digest, key)).toBe(false);
    for (const bad of [
      concat([fromHex(order), s]),
      concat([r, fromHex(order)]),
      good.slice(1),
      concat([good, r]),
    ])
      expect(() => curve.verify(bad, digest, key)).toThrow();
    for (const bad of [zero, fromHex(order), secret.slice(1)]) expect(() => curve.publicKey(bad)).toThrow();
  });

  it('agrees on what noble agrees on', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const mine = curve.freshSecret(drawing(seed).random);
        const theirs = curve.freshSecret(drawing(seed ^ 0x5a5a).random);
        const share = reference.getPublicKey(theirs, false) as Bytes;
        expect(curve.publicKey(theirs)).toEqual(share);
        expect(curve.sharedSecret(mine, share)).toEqual(
          reference.getSharedSecret(mine, share, true).slice(1),
        );
        expect(curve.sharedSecret(theirs, curve.publicKey(mine))).toEqual(curve.sharedSecret(mine, share));
      }),
      { numRuns: 10 },
    );
  });

  it('makes the keys that noble makes of the same random bytes', () => {
    const { random } = drawing(11);
    const seed = drawing(11).random(curve.size * 1.5);
    expect(curve.freshSecret(random)).toEqual(reference.utils.randomSecretKey(seed));
  });
});
