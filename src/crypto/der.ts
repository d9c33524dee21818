/**
 * The few pieces of DER (X.690 §10) that keys and signatures are made of. The full reader, with positions and reasons,
 * lives with certificates in `identity`; this floor is below it and reads structures of one fixed shape.
 */
import { type Bytes, concat, EMPTY } from '../base/bytes.ts';
import { Reader, ShortInput } from '../base/reader.ts';

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const SEQUENCE = 0x30;

/** Bytes that are not the DER that was wanted. */
export class NotDer extends Error {
  override readonly name = 'NotDer';
}

/** The content of the next element, which must carry `tag` and a shortest-form length. */
export function element(reader: Reader, tag: number): Uint8Array {
  const found = reader.u8();
  if (found !== tag) throw new NotDer(`element with tag ${found}, wanted ${tag}`);
  return reader.bytes(contentLength(reader));
}

export function nested(reader: Reader, tag: number): Reader {
  return new Reader(element(reader, tag));
}

function contentLength(reader: Reader): number {
  const first = reader.u8();
  if (first < 0x80) return first;
  const length = first === 0x81 ? reader.u8() : first === 0x82 ? reader.u16() : -1;
  if (length < (first === 0x81 ? 0x80 : 0x100)) throw new NotDer('length is not in its shortest form');
  return length;
}

/** A non-negative INTEGER as big-endian bytes without a leading zero (zero itself is one zero byte). */
export function unsigned(reader: Reader): Uint8Array {
  const bytes = element(reader, INTEGER);
  const [first, second] = bytes;
  if (first === undefined) throw new NotDer('integer without content');
  if (first >= 0x80) throw new NotDer('negative integer');
  if (first !== 0 || second === undefined) return bytes;
  if (second < 0x80) throw new NotDer('integer is not in its shortest form');
  return bytes.subarray(1);
}

/** The content of a BIT STRING that holds whole bytes. */
export function bitString(reader: Reader, tag: number = BIT_STRING): Uint8Array {
  const bytes = element(reader, tag);
  if (bytes[0] !== 0) throw new NotDer('bit string does not hold whole bytes');
  return bytes.subarray(1);
}

/** What `read` returns, or undefined when the bytes are not what it wants; other errors pass. */
export function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof NotDer || error instanceof ShortInput) return undefined;
    throw error;
  }
}

/** One complete element. */
export function encode(tag: number, ...content: readonly Uint8Array[]): Bytes {
  const body = concat(content);
  return concat([Uint8Array.of(tag, ...lengthOctets(body.length)), body]);
}

function lengthOctets(n: number): readonly number[] {
  if (n < 0x80) return [n];
  if (n < 0x100) return [0x81, n];
  if (n < 0x10000) return [0x82, n >> 8, n & 0xff];
  if (n < 0x1000000) return [0x83, n >> 16, (n >> 8) & 0xff, n & 0xff];
  throw new RangeError(`DER element of ${n} bytes`);
}

/** INTEGER of unsigned big-endian bytes of any length; leading zeros are dropped, a sign byte is added where DER wants one. */
export function encodeUnsigned(bytes: Uint8Array): Bytes {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const digits = bytes.subarray(from);
  const sign = digits.length === 0 || digits[0]! >= 0x80 ? Uint8Array.of(0) : EMPTY;
  return encode(INTEGER, sign, digits);
}
