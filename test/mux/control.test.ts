import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { decodeGoaway, decodeOpen, decodeVarints, encodeOpen } from '../../src/mux/bodies.ts';
import { decodeBody, encodeBody } from '../../src/mux/control.ts';

const packr = new Packr({ useRecords: false });
const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'none';
};

describe('control bodies', () => {
  it('carry plain data there and back', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }),
    );
    const value = fc.oneof(
      leaf,
      fc.array(leaf, { maxLength: 20 }),
      fc.dictionary(
        fc.string({ maxLength: 8 }).filter((key) => key !== '__proto__'),
        leaf,
        { maxKeys: 8, noNullPrototype: true },
      ),
    );
    fc.assert(
      fc.property(value, (original) => {
        expect(decodeBody(encodeBody(original))).toEqual(original);
      }),
    );
    expect(decodeBody(encodeBody(new Uint8Array([1, 2])))).toEqual(new Uint8Array([1, 2]));
  });

  it('D6: refuses a bomb of nested arrays before the decoder recurses', () => {
    const bomb = new Uint8Array(4_096).fill(0x91);
    bomb[4_095] = 0xc0;
    expect(code(() => decodeBody(bomb))).toBe('ERR_MUX_PROTOCOL');
  });

  it.each([
    ['four levels are the most', '91919191c0', 'none'],
    ['five levels', '9191919191c0', 'ERR_MUX_PROTOCOL'],
    ['an array of 2^32-1', 'ddffffffff', 'ERR_MUX_PROTOCOL'],
    ['a map of 2^32-1', 'dfffffffff', 'ERR_MUX_PROTOCOL'],
    ['a binary of 2^32-1', 'c6ffffffff', 'ERR_MUX_PROTOCOL'],
    ['a cut string', 'a54142', 'ERR_MUX_PROTOCOL'],
    ['bytes left over', 'c0c0', 'ERR_MUX_PROTOCOL'],
    ['nothing', '', 'ERR_MUX_PROTOCOL'],
    ['a 64-bit integer', 'cf0000000000000001', 'ERR_MUX_PROTOCOL'],
    ['a regular expression', 'c70578', 'ERR_MUX_PROTOCOL'],
    ['an error object', 'd465', 'ERR_MUX_PROTOCOL'],
    ['the unused format', 'c1', 'ERR_MUX_PROTOCOL'],
  ])('D6: %s', (_, bytes, expected) => {
    expect(code(() => decodeBody(fromHex(bytes)))).toBe(expected);
  });

  it('D6: survives any bytes with a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeBody, decodeOpen, decodeGoaway])
          expect(['none', 'ERR_MUX_PROTOCOL']).toContain(code(() => decode(bytes)));
        expect(['none', 'ERR_MUX_PROTOCOL']).toContain(code(() => decodeVarints(bytes, 2, 'RESET')));
      }),
      { numRuns: 2_000 },
    );
  });

  it('does not let a body plant a prototype', () => {
    const body = decodeBody(packr.pack(JSON.parse('{"__proto__":{"admin":true}}'))) as { admin?: boolean };
    expect(body.admin).toBeUndefined();
  });

  it.each([
    ['a class instance', new Date()],
    ['a function', () => 1],
    ['a BigInt', 1n],
    ['too many levels', [[[[[1]]]]]],
    ['more than 4 KiB', 'x'.repeat(5_000)],
  ])('refuses to send %s', (_, value) => {
    expect(code(() => encodeBody(value))).toBe('ERR_MUX_ARGUMENT');
  });

  it('checks names and urgencies before they leave', () => {
    const body = { mode: 0, urgency: 3, sharing: true, credit: 1, name: 'x', meta: undefined };
    expect(decodeOpen(encodeOpen({ ...body, meta: { a: [1] } }))).toEqual({ ...body, meta: { a: [1] } });
    expect(code(() => encodeOpen({ ...body, name: 'ü'.repeat(128) }))).toBe('ERR_MUX_ARGUMENT');
    expect(code(() => encodeOpen({ ...body, urgency: 8 }))).toBe('ERR_MUX_ARGUMENT');
  });

  it("keeps the peer's words free of control characters", () => {
    const goaway = decodeGoaway(packr.pack([0, 0, 'bye\u001b[2J\n']));
    expect(goaway.reason).toBe('bye�[2J�');
  });
});
