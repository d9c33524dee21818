import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../src/base/bytes.ts';
import { MAX_VARINT, readVarint, varintLength, varintSize, writeVarint } from '../../src/base/varint.ts';

const EDGES = [0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 31, 2 ** 32 - 1, 2 ** 32, MAX_VARINT];
const values = fc.oneof(fc.constantFrom(...EDGES), fc.nat(20_000), fc.maxSafeNat());

describe('variable-length integers', () => {
  // RFC 9000 §A.1.
  it.each([
    ['25', 37],
    ['7bbd', 15_293],
    ['9d7f3e7d', 494_878_333],
    ['4025', 37],
  ])('%s reads as %d', (text, value) => {
    const bytes = fromHex(text);
    expect(varintSize(bytes[0]!)).toBe(bytes.length);
    expect(readVarint(bytes, 0)).toBe(value);
  });

  it('return as they went in, anywhere in an array, in the shortest form', () => {
    fc.assert(
      fc.property(values, fc.nat(20), (value, at) => {
        const bytes = new Uint8Array(32).fill(0xff);
        const end = writeVarint(value, bytes, at);
        expect(end - at).toBe(varintLength(value));
        expect(varintSize(bytes[at]!)).toBe(end - at);
        expect(readVarint(bytes, at)).toBe(value);
        const shorter = { 1: 0, 2: 64, 4: 16_384, 8: 2 ** 30 }[varintSize(bytes[at]!)];
        expect(value).toBeGreaterThanOrEqual(shorter);
        expect(hex(bytes.subarray(end))).toMatch(/^(ff)*$/);
      }),
    );
  });

  it('agree with the plain twin on BigInt', () => {
    const twin = (value: number): string => {
      const bits = { 1: 0n, 2: 1n, 4: 2n, 8: 3n }[varintLength(value)]!;
      const size = varintLength(value);
      return (BigInt(value) | (bits << BigInt(8 * size - 2))).toString(16).padStart(2 * size, '0');
    };
    fc.assert(
      fc.property(values, (value) => {
        const bytes = new Uint8Array(8);
        expect(hex(bytes.subarray(0, writeVarint(value, bytes, 0)))).toBe(twin(value));
      }),
    );
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 64.5])('refuse to write %d', (value) => {
    expect(() => writeVarint(value, new Uint8Array(8), 0)).toThrow(RangeError);
  });

  it('above 2^53 - 1 are refused when read', () => {
    expect(readVarint(fromHex('c01fffffffffffff'), 0)).toBe(MAX_VARINT);
    expect(() => readVarint(fromHex('c020000000000000'), 0)).toThrow(RangeError);
    expect(() => readVarint(fromHex('ffffffffffffffff'), 0)).toThrow(RangeError);
  });
});
