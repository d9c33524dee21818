import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64, base64url, fromBase64, fromBase64url } from '../../src/base/base64.ts';
import { hex, utf8 } from '../../src/base/bytes.ts';

describe('base64', () => {
  it.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('writes %j as %j (RFC 4648 §10)', (text, encoded) => {
    expect(base64(utf8(text))).toBe(encoded);
    expect(hex(fromBase64(encoded))).toBe(hex(utf8(text)));
    expect(base64url(utf8(text))).toBe(encoded.replace(/=+$/, ''));
  });

  it('agrees with the platform in both alphabets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(base64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(base64url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
        expect(hex(fromBase64(base64(bytes)))).toBe(hex(bytes));
        expect(hex(fromBase64url(base64url(bytes)))).toBe(hex(bytes));
      }),
    );
  });

  it('has one text for each value: whatever is read, is what would be written', () => {
    const texts = fc.string({ unit: fc.constantFrom(...'AQgwZ09_-+/= \n'), maxLength: 12 });
    fc.assert(
      fc.property(texts, (text) => {
        for (const [read, write] of [[fromBase64, base64] as const, [fromBase64url, base64url] as const]) {
          let bytes: Uint8Array;
          try {
            bytes = read(text);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
            continue;
          }
          expect(write(bytes)).toBe(text);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    'Zg',
    'Zg=',
    'Zg===',
    'Z===',
    '====',
    'Zh==',
    'Zm9=',
    'Zm 9v',
    'Zm9v\n',
    'Zm9-',
    '=Zg=',
    'Zg==Zg==',
  ])('refuses %j', (text) => {
    expect(() => fromBase64(text)).toThrow(RangeError);
  });

  it.each(['Zg==', 'Z', 'Zh', 'Zm9+', 'Zm9v ', 'é'])('refuses %j in the URL alphabet', (text) => {
    expect(() => fromBase64url(text)).toThrow(RangeError);
  });
});
