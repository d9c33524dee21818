import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type AcceptBody,
  decodeAccept,
  decodeOpen,
  encodeAccept,
  encodeOpen,
  equalAccepts,
  equalOpens,
  type OpenBody,
} from '../../src/mux/bodies.ts';
import type { ControlValue } from '../../src/mux/control.ts';
import { rememberDecoded, rememberEncoded } from '../../src/mux/remembered.ts';

/** Few values, so that bodies repeat. */
const meta = fc.constantFrom<ControlValue[]>(undefined, undefined, null, 1);
const opens: fc.Arbitrary<OpenBody> = fc.record({
  mode: fc.constantFrom(0, 1),
  urgency: fc.constantFrom(3, 7),
  sharing: fc.boolean(),
  credit: fc.constantFrom(0, 262_144),
  name: fc.constantFrom('a', 'b', 'é'.repeat(120)),
  meta,
});
const accepts: fc.Arbitrary<AcceptBody> = fc.record({ credit: fc.constantFrom(0, 300), meta });

function agrees<T extends OpenBody | AcceptBody>(
  bodies: fc.Arbitrary<T>,
  encode: (body: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
  equal: (a: T, b: T) => boolean,
): void {
  fc.assert(
    fc.property(fc.array(bodies, { maxLength: 12 }), (sequence) => {
      const [remembering, recalling] = [rememberEncoded(encode, equal), rememberDecoded(decode)];
      for (const body of sequence) {
        const bytes = encode(body);
        expect(remembering(body)).toEqual(bytes);
        expect(recalling(bytes)).toEqual(decode(bytes));
      }
    }),
  );
}

it('a remembered OPEN is the one that would be written and read', () => {
  agrees(opens, encodeOpen, decodeOpen, equalOpens);
});

it('a remembered ACCEPT is the one that would be written and read', () => {
  agrees(accepts, encodeAccept, decodeAccept, equalAccepts);
});

it('bytes that change after they were read change nothing that is remembered', () => {
  const recalling = rememberDecoded(decodeAccept);
  const bytes = encodeAccept({ credit: 1, meta: undefined });
  recalling(bytes);
  bytes[1] = 2;
  expect(recalling(bytes).credit).toBe(2);
  expect(recalling(encodeAccept({ credit: 1, meta: undefined })).credit).toBe(1);
});

it('meta data, which its owner may change, is encoded and decoded each time', () => {
  const remembering = rememberEncoded(encodeAccept, equalAccepts);
  const recalling = rememberDecoded(decodeAccept);
  const body = { credit: 1, meta: [1] };
  const before = remembering(body);
  body.meta[0] = 2;
  expect(remembering(body)).not.toEqual(before);
  expect(recalling(before).meta).not.toBe(recalling(before).meta);
});

it('the encoder is asked once for many like channels', () => {
  let asked = 0;
  const remembering = rememberEncoded((body: AcceptBody) => {
    asked++;
    return encodeAccept(body);
  }, equalAccepts);
  for (let i = 0; i < 100; i++) remembering({ credit: 5, meta: undefined });
  expect(asked).toBe(1);
});
