/**
 * ECDSA signatures as TLS and X.509 carry them, `SEQUENCE { r INTEGER, s INTEGER }` (RFC 9846 §4.3.3, RFC 3279 §2.2.3),
 * to and from fixed-size r ‖ s. Both providers read through here, so both refuse the same encodings.
 */
import type { Bytes } from '../base/bytes.ts';
import { Reader } from '../base/reader.ts';
import { encode, encodeUnsigned, nested, SEQUENCE, unlessMalformed, unsigned } from './der.ts';

/** r ‖ s, each of `size` bytes, or undefined unless the bytes are strict DER of two numbers that fit. */
export function rawFromDer(der: Uint8Array, size: number): Bytes | undefined {
  return unlessMalformed(() => {
    const outer = new Reader(der);
    const pair = nested(outer, SEQUENCE);
    outer.end();
    const r = unsigned(pair);
    const s = unsigned(pair);
    pair.end();
    if (r.length > size || s.length > size) return undefined;
    const raw = new Uint8Array(2 * size);
    raw.set(r, size - r.length);
    raw.set(s, 2 * size - s.length);
    return raw;
  });
}

export function derFromRaw(raw: Uint8Array): Bytes {
  const size = raw.length / 2;
  return encode(SEQUENCE, encodeUnsigned(raw.subarray(0, size)), encodeUnsigned(raw.subarray(size)));
}
