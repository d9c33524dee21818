/** Plain data in MessagePack: what we write any reader takes, what we read is bounded first. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { fromHex, hex } from '../../src/base/bytes.ts';
import { type PackLimits, pack, unpack } from '../../src/base/msgpack.ts';

const limits: PackLimits = { depth: 4, values: 10_000, maps: true, wideIntegers: true };
const reference = new Packr({ useRecords: false, variableMapSize: true });
const referenceReader = new Unpackr({ useRecords: false, copyBuffers: true });

const key = fc.string({ maxLength: 40 }).filter((name) => name !== '__proto__');

function plainData(double: fc.Arbitrary<number>): fc.Arbitrary<unknown> {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc.maxSafeInteger(),
    double,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
  );
  return fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, leaf, tie('list'), tie('map')),
    list: fc.array(tie('value'), { maxLength: 20 }),
    map: fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
  })).value;
}

const value = plainData(fc.double());
/** msgpackr writes -0 as the integer 0; we keep its sign. */
const withoutMinusZero = plainData(fc.double().map((number) => number + 0));

describe('MessagePack', () => {
  test('where keys are typed, a text is not the number that it reads', () => {
    const typed = unpack(fromHex('8301a161a13102cb400800000000000003'), { ...limits, maps: 'typed' });
    expect(typed).toEqual(
      new Map<unknown, unknown>([
        [1, 'a'],
        ['1', 2],
        [3, 3],
      ]),
    );
    expect(unpack(fromHex('8201a161a13102'), limits)).toEqual({ 1: 2 });
  });

  test('comes back as it was', () => {
    fc.assert(
      fc.property(value, (plain) => {
        expect(unpack(pack(plain, 4), limits)).toEqual(plain);
      }),
    );
  });

  test('that we write, msgpackr reads', () => {
    fc.assert(
      fc.property(value, (plain) => {
        expect(referenceReader.unpack(new Uint8Array(pack(plain, 4)))).toEqual(plain);
      }),
    );
  });

  test('that msgpackr writes, we read', () => {
    fc.assert(
      fc.property(withoutMinusZero, (plain) => {
        expect(unpack(new Uint8Array(reference.pack(plain)), limits)).toEqual(plain);
      }),
    );
  });

  test.each([
    0,
    1,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    4_294_967_295,
    4_294_967_296,
    -1,
    -32,
    -33,
    -128,
    -129,
    -32_768,
    -32_769,
    -2_147_483_648,
    -2_147_483_649,
    2 ** 53,
    0.5,
    -0,
    Number.POSITIVE_INFINITY,
    Number.NaN,
  ])('writes %d as msgpackr does', (number) => {
    expect(hex(pack(number, 0))).toBe(
      hex(Object.is(number, -0) ? fromHex('cb8000000000000000') : reference.pack(number)),
    );
    expect(unpack(pack(number, 0), limits)).toBe(number);
  });

  test.each([0, 15, 16, 31, 32, 255, 256, 65_535, 65_536])('keeps the shortest length of %i', (length) => {
    const wide = { ...limits, values: 200_000 };
    const text = 'x'.repeat(length);
    const list = new Array<number>(length).fill(7);
    const map = Object.fromEntries(list.map((item, i) => [`k${i}`, item]));
    for (const plain of [text, list, new Uint8Array(length), map]) {
      const packed = pack(plain, 1);
      expect(packed.length).toBe(reference.pack(plain).length);
      // Not `toEqual`: it takes seconds for maps of 65,536, to show a difference that nobody could read.
      expect(isDeepStrictEqual(unpack(packed, wide), plain)).toBe(true);
    }
  });

  test('leaves properties out that are undefined, as JSON does', () => {
    expect(unpack(pack({ a: 1, b: undefined }, 1), limits)).toEqual({ a: 1 });
    expect(unpack(pack([undefined, 1], 1), limits)).toEqual([null, 1]);
  });

  test('of a lone surrogate is still UTF-8', () => {
    expect(unpack(pack('a\ud800', 0), limits)).toBe('a\ufffd');
  });

  test.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a BigInt', 1n],
    ['an instance of a class', new Date()],
    ['five levels', [[[[[]]]]]],
  ])('refuses to write %s', (_, plain) => {
    expect(() => pack(plain, 4)).toThrow(RangeError);
  });

  test.each<[string, string, Partial<PackLimits>]>([
    ['more levels than allowed', '9191919190', {}],
    ['more values than allowed', '93010203', { values: 3 }],
    ['more values than bytes', 'dd00010000', {}],
    ['a map where none may be', '80', { maps: false }],
    ['a long map where none may be', 'de0000', { maps: false }],
    ['a 64-bit integer where none may be', 'cf0000000000000001', { wideIntegers: false }],
    ['a negative 64-bit integer where none may be', 'd3ffffffffffffffff', { wideIntegers: false }],
    ['an extension', 'd40000', {}],
    ['a long extension', 'c70578', {}],
    ['the unused format', 'c1', {}],
    ['a cut text', 'a54142', {}],
    ['nothing', '', {}],
    ['a second value', 'c0c0', {}],
    ['a map with a list for a key', '81910101', {}],
    ['a map with a map for a key', '818001', {}],
  ])('refuses to read %s', (_, bytes, narrower) => {
    expect(() => unpack(fromHex(bytes), { ...limits, ...narrower })).toThrow(RangeError);
  });

  test('of any bytes is read or refused with a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          unpack(bytes, limits);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
