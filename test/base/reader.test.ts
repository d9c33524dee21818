import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/base/bytes.ts';
import { Reader, ShortInput } from '../../src/base/reader.ts';
import { Writer } from '../../src/base/writer.ts';

type Field =
  | { kind: 'u8' | 'u16' | 'u24' | 'u32'; value: number }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'vector'; prefix: 1 | 2 | 3; value: Uint8Array };

const numbers = ([8, 16, 24, 32] as const).map((bits) =>
  fc.record({
    kind: fc.constant(`u${bits}` as const),
    value: fc.oneof(fc.constantFrom(0, 2 ** bits - 1, 2 ** (bits - 1)), fc.nat(2 ** Math.min(bits, 31) - 1)),
  }),
);
const fields: fc.Arbitrary<Field[]> = fc.array(
  fc.oneof(
    ...numbers,
    fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 40 }) }),
    fc.record({
      kind: fc.constant('vector' as const),
      prefix: fc.constantFrom(1, 2, 3),
      value: fc.uint8Array({ maxLength: 255 }),
    }),
  ),
  { maxLength: 20 },
);

function write(writer: Writer, field: Field): void {
  if (field.kind === 'bytes') writer.bytes(field.value);
  else if (field.kind === 'vector') writer.vector(field.prefix, (w) => w.bytes(field.value));
  else writer[field.kind](field.value);
}

function read(reader: Reader, field: Field): number | Uint8Array {
  if (field.kind === 'bytes') return reader.bytes(field.value.length);
  if (field.kind === 'vector') return reader.vector(field.prefix);
  return reader[field.kind]();
}

describe('a reader', () => {
  it('reads back what a writer of any first capacity wrote', () => {
    fc.assert(
      fc.property(fields, fc.nat(40), (list, capacity) => {
        const writer = new Writer(capacity);
        for (const field of list) write(writer, field);
        const reader = new Reader(writer.finish());
        for (const field of list) {
          const value = read(reader, field);
          if (typeof value === 'number') expect(value).toBe(field.value);
          else expect(hex(value)).toBe(hex(field.value as Uint8Array));
        }
        expect(reader.left).toBe(0);
        reader.end();
      }),
    );
  });

  it('throws ShortInput at every cut, and never reads past its bound', () => {
    fc.assert(
      fc.property(fields, fc.nat(), (list, where) => {
        const writer = new Writer();
        for (const field of list) write(writer, field);
        const whole = writer.finish();
        if (whole.length === 0) return;
        // The missing bytes are in the array, behind the bound.
        const reader = new Reader(whole, 0, where % whole.length);
        expect(() => {
          for (const field of list) read(reader, field);
        }).toThrow(ShortInput);
      }),
    );
  });

  it('gives views, not copies', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const view = new Reader(bytes, 1).bytes(2);
    bytes[1] = 9;
    expect([...view]).toEqual([9, 3]);
    expect(view.buffer).toBe(bytes.buffer);
  });

  it('does not move when a read fails', () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3));
    expect(() => reader.u32()).toThrow('wanted 4 bytes, 3 left');
    expect(reader.position).toBe(0);
    expect(reader.u24()).toBe(0x010203);
  });

  it('looks at the next byte without taking it', () => {
    const reader = new Reader(Uint8Array.of(7));
    expect(reader.peek()).toBe(7);
    expect(reader.left).toBe(1);
    expect(reader.u8()).toBe(7);
    expect(reader.peek()).toBeUndefined();
    expect(new Reader(Uint8Array.of(1, 2), 0, 0).peek()).toBeUndefined();
  });

  it('holds vectors to their bounds', () => {
    const bytes = Uint8Array.of(0, 2, 5, 6);
    expect(() => new Reader(bytes).vector(2, 3)).toThrow('vector of 2 bytes, wanted 3 to 65535');
    expect(() => new Reader(bytes).vector(2, 0, 1)).toThrow(ShortInput);
    expect([...new Reader(bytes).nested(2, 2, 2).rest()]).toEqual([5, 6]);
  });

  it('ends only where nothing is left', () => {
    const reader = new Reader(Uint8Array.of(1));
    expect(() => reader.end()).toThrow('1 bytes left over');
    reader.u8();
    expect(() => reader.end()).not.toThrow();
  });
});
