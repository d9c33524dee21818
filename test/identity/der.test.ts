import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, fromHex, hex } from '../../src/base/bytes.ts';
import * as d from '../../src/identity/der.ts';
import { IdentityError } from '../../src/identity/index.ts';
import { decodeOid, encodeOid } from '../../src/identity/oid.ts';

const reader = (text: string): d.DerReader => new d.DerReader(fromHex(text));

/** Reads one element and demands that nothing follows. */
function whole<T>(text: string, read: (reader: d.DerReader) => T): T {
  const cursor = reader(text);
  const value = read(cursor);
  cursor.end('input');
  return value;
}

function refuses(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError);
    expect((error as IdentityError).code).toBe('ERR_IDENTITY_DER');
    return (error as IdentityError).message;
  }
  throw new Error('accepted');
}

describe('strict reading', () => {
  test.each([
    ['nothing', '', 'missing'],
    ['a tag alone', '30', 'cut short'],
    ['a length beyond the end', '3003020101ff'.slice(0, 8), 'claims'],
    ['an indefinite length', '30800000', 'indefinite'],
    ['a long form below 128', '30810102', 'padded'],
    ['a long form with a leading zero', '3082008000', 'padded'],
    ['a length of four bytes', '308400000001', 'length of 4'],
    ['a high tag number', '3f8101', 'tag above 30'],
    ['bytes behind the element', '3000ff', 'too many'],
  ])('refuses %s', (_, text, reason) => {
    expect(refuses(() => whole(text, (r) => r.any('thing')))).toContain(reason);
  });

  test.each([
    ['BOOLEAN 01', '010101', (r: d.DerReader) => r.boolean('x')],
    ['BOOLEAN of two bytes', '01020000', (r: d.DerReader) => r.boolean('x')],
    ['an empty BOOLEAN', '0100', (r: d.DerReader) => r.boolean('x')],
    ['an empty INTEGER', '0200', (r: d.DerReader) => r.integer('x')],
    ['an INTEGER padded with 00', '02020001', (r: d.DerReader) => r.integer('x')],
    ['an INTEGER padded with FF', '0202ff80', (r: d.DerReader) => r.integer('x')],
    ['a negative small INTEGER', '0201ff', (r: d.DerReader) => r.smallInteger('x')],
    ['a small INTEGER of five bytes', '02050100000000', (r: d.DerReader) => r.smallInteger('x')],
    ['an empty BIT STRING', '0300', (r: d.DerReader) => r.bitString('x')],
    ['a BIT STRING with 8 unused bits', '030208ff', (r: d.DerReader) => r.namedBits('x')],
    ['unused bits of nothing', '030101', (r: d.DerReader) => r.namedBits('x')],
    ['padding bits that are set', '030201ff', (r: d.DerReader) => r.namedBits('x')],
    ['named bits with trailing zeros', '03020780'.replace('80', '00'), (r: d.DerReader) => r.namedBits('x')],
    ['a key of odd bits', '03020180', (r: d.DerReader) => r.bitString('x')],
    ['an empty OBJECT IDENTIFIER', '0600', (r: d.DerReader) => r.oid('x')],
    ['an OBJECT IDENTIFIER cut short', '060288b7', (r: d.DerReader) => r.oid('x')],
    ['a padded arc', '06032a8001', (r: d.DerReader) => r.oid('x')],
    ['another tag', '0401aa', (r: d.DerReader) => r.integer('x')],
  ])('refuses %s', (_, text, read) => {
    refuses(() => whole<unknown>(text, read));
  });

  test.each([
    ['two-digit years from 1950', '170d3530303130313030303030305a', Date.UTC(1950, 0, 1)],
    ['two-digit years to 2049', '170d3439313233313233353935395a', Date.UTC(2049, 11, 31, 23, 59, 59)],
    ['four digits from 2050', '180f32303530303130313030303030305a', Date.UTC(2050, 0, 1)],
    ['the end of time', '180f39393939313233313233353935395a', Date.UTC(9999, 11, 31, 23, 59, 59)],
    ['a leap day', '170d3234303232393030303030305a', Date.UTC(2024, 1, 29)],
  ])('reads %s', (_, text, expected) => {
    expect(whole(text, (r) => r.time('date'))).toBe(expected);
  });

  const utc = (text: string): Bytes => d.der(d.TAG.utcTime, new TextEncoder().encode(text));
  const general = (text: string): Bytes => d.der(d.TAG.generalizedTime, new TextEncoder().encode(text));
  test.each([
    ['no seconds', utc('2601010000Z')],
    ['an offset', utc('260101000000+0100')],
    ['no zone', utc('260101000000')],
    ['29 February of a common year', utc('230229000000Z')],
    ['month 13', utc('261301000000Z')],
    ['month 0', utc('260001000000Z')],
    ['hour 24', utc('260101240000Z')],
    ['a leap second', utc('161231235960Z')],
    ['a fraction', general('20500101000000.5Z')],
    ['a GeneralizedTime before 2050', general('20260101000000Z')],
    ['letters', utc('26o101000000Z')],
  ])('refuses a time with %s', (_, bytes) => {
    refuses(() => whole(hex(bytes), (r) => r.time('date')));
  });

  test.each([
    ['a string put together from strings', '2c030c0161'],
    ['a constructed OCTET STRING within', '300424020400'],
    ['a primitive SEQUENCE', '1000'],
    ['a primitive SET', '1100'],
    ['a constructed INTEGER', '2203020101'],
  ])('refuses %s', (_, text) => {
    refuses(() => d.checkDer(fromHex(text)));
  });

  test('refuses nesting made to exhaust the stack', () => {
    let bytes: Bytes = d.sequence();
    for (let i = 0; i < 5000; i++) bytes = d.sequence(bytes);
    expect(refuses(() => d.checkDer(bytes))).toContain('nested deeper');
  });
});

describe('writing', () => {
  test.each([
    [0, '020100'],
    [127, '02017f'],
    [128, '02020080'],
    [65537, '0203010001'],
  ])('writes the integer %d as %s', (value, expected) => {
    expect(hex(d.integer(value))).toBe(expected);
  });

  test('drops leading zeros and adds the sign byte where it is needed', () => {
    expect(hex(d.integer(fromHex('000080')))).toBe('02020080');
    expect(hex(d.integer(fromHex('0000')))).toBe('020100');
  });

  test('writes lengths of one to four bytes', () => {
    for (const [length, header] of [
      [127, '047f'],
      [128, '048180'],
      [255, '0481ff'],
      [256, '04820100'],
      [65536, '0483010000'],
    ] as const)
      expect(hex(d.octetString(new Uint8Array(length))).slice(0, header.length)).toBe(header);
  });

  test('sorts a SET OF by encoding', () => {
    expect(hex(d.setOf(d.integer(2), d.integer(1)))).toBe('3106020101020102');
  });

  test('writes UTCTime to 2049 and GeneralizedTime after', () => {
    expect(d.time(Date.UTC(2049, 11, 31))[0]).toBe(d.TAG.utcTime);
    expect(d.time(Date.UTC(2050, 0, 1))[0]).toBe(d.TAG.generalizedTime);
  });
});

describe('properties', () => {
  const seconds = fc.integer({ min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 });

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.uint8Array(), fc.boolean(), seconds, (n, bytes, bool, second) => {
        expect(whole(hex(d.integer(n)), (r) => r.smallInteger('n'))).toBe(n);
        expect(whole(hex(d.octetString(bytes)), (r) => r.octetString('o'))).toEqual(new Uint8Array(bytes));
        expect(whole(hex(d.bitString(bytes)), (r) => r.bitString('b'))).toEqual(new Uint8Array(bytes));
        expect(whole(hex(d.boolean(bool)), (r) => r.boolean('b'))).toBe(bool);
        expect(whole(hex(d.time(second * 1000)), (r) => r.time('t'))).toBe(second * 1000);
      }),
    );
  });

  test('named bits are a set', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(8)), (bits) => {
        expect(whole(hex(d.namedBits(bits)), (r) => r.namedBits('b'))).toEqual(
          [...bits].sort((a, b) => a - b),
        );
      }),
    );
  });

  test('object identifiers survive, arcs of 128 bits too', () => {
    const uuid = `2.25.${2n ** 128n - 1n}`;
    expect(decodeOid(encodeOid(uuid), 'x')).toBe(uuid);
    const arc = fc.bigInt({ min: 0n, max: 2n ** 64n }).map(String);
    fc.assert(
      fc.property(
        fc.constantFrom('0.9', '1.39', '2.5', '2.999'),
        fc.array(arc, { maxLength: 5 }),
        (base, rest) => {
          const dotted = [base, ...rest].join('.');
          expect(decodeOid(encodeOid(dotted), 'x')).toBe(dotted);
        },
      ),
    );
  });

  test('any bytes end in a value or in our error, and what was accepted is the one encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const copy = new Uint8Array(bytes);
        try {
          const cursor = new d.DerReader(copy);
          const { tag, value, der } = cursor.any('thing');
          expect(d.der(tag, value)).toEqual(der);
          d.checkDer(copy);
        } catch (error) {
          expect(error).toBeInstanceOf(IdentityError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
