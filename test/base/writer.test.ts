import { describe, expect, it } from 'vitest';
import { hex } from '../../src/base/bytes.ts';
import { Writer } from '../../src/base/writer.ts';

describe('a writer', () => {
  it('nests vectors and fills their lengths in', () => {
    const writer = new Writer(1);
    writer.u8(1).vector(3, (w) => w.vector(2, (v) => v.u16(0xabcd)).vector(1, () => {}));
    expect(hex(writer.finish())).toBe('010000050002abcd00');
  });

  it('starts from any capacity, zero too', () => {
    expect(hex(new Writer(0).u32(0xdeadbeef).bytes(new Uint8Array(3)).finish())).toBe('deadbeef000000');
    expect(new Writer(0).finish().length).toBe(0);
  });

  it('throws RangeError when a vector outgrows its length', () => {
    const fits = new Writer().vector(1, (w) => w.bytes(new Uint8Array(255)));
    expect(fits.length).toBe(256);
    expect(() => new Writer().vector(1, (w) => w.bytes(new Uint8Array(256)))).toThrow(RangeError);
    expect(() => new Writer().vector(2, (w) => w.bytes(new Uint8Array(65_536)))).toThrow(RangeError);
  });

  it('patches bytes that were written, and only those', () => {
    const writer = new Writer().u32(0);
    writer.patch(1, Uint8Array.of(7, 8));
    expect(() => writer.patch(3, Uint8Array.of(1, 2))).toThrow(RangeError);
    expect(hex(writer.finish())).toBe('00070800');
  });
});
