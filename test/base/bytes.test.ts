import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBytes,
  concat,
  equalBytes,
  equalConstantTime,
  fromHex,
  fromUtf8,
  hex,
  utf8,
} from '../../src/base/bytes.ts';

const bytes = fc.uint8Array({ maxLength: 40 });

describe('bytes', () => {
  it('join in order', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 6 }), (parts) => {
        expect([...concat(parts)]).toEqual(parts.flatMap((part) => [...part]));
      }),
    );
  });

  it('compare equal exactly when they are, in constant time or not', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(), (a, b, where) => {
        const same = hex(a) === hex(b);
        expect(equalBytes(a, b)).toBe(same);
        expect(equalConstantTime(a, b)).toBe(same);
        expect(equalConstantTime(a, a.slice())).toBe(true);
        if (a.length === 0) return;
        const changed = a.slice();
        changed[where % a.length]! ^= 0x80;
        expect(equalBytes(a, changed)).toBe(false);
        expect(equalConstantTime(a, changed)).toBe(false);
      }),
    );
  });

  it('order as their hexadecimal texts do', () => {
    const sign = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(sign(hex(a), hex(b)));
      }),
    );
  });

  it('return from hexadecimal, whatever its case and white space', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(hex(fromHex(hex(value)))).toBe(hex(value));
        const spaced = hex(value).toUpperCase().replace(/../g, '$& \n');
        expect(hex(fromHex(spaced))).toBe(hex(value));
      }),
    );
  });

  it.each(['0', 'zz', '0x12', '+1', '1.'])('are not read from %j', (text) => {
    expect(() => fromHex(text)).toThrow(RangeError);
  });

  it('are UTF-8 strictly, byte order mark kept', () => {
    const scalars = fc.oneof(fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }));
    const texts = fc.array(scalars, { maxLength: 20 }).map((codes) => String.fromCodePoint(...codes));
    fc.assert(
      fc.property(texts, (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    expect(fromUtf8(utf8('\ufeffx'))).toBe('\ufeffx');
    for (const bad of ['ff', 'c0af', 'eda080', 'f4908080', 'e282'])
      expect(() => fromUtf8(fromHex(bad))).toThrow(TypeError);
  });
});
