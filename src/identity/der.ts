/**
 * Distinguished Encoding Rules (X.690 §8, §10, §11), strictly, as far as X.509 and PKCS need them.
 *
 * Reading: one-byte tags, definite minimal lengths, nothing left over, BOOLEAN 00 or FF, minimal INTEGER and
 * OBJECT IDENTIFIER, zero padding in BIT STRING, times as RFC 5280 §4.1.2.5 narrows them. Anything else is
 * `ERR_IDENTITY_DER`, whatever the bytes are. One value has one encoding, so what we parsed is what was
 * signed.
 */
import { type Bytes, compareBytes, utf8 } from '../base/bytes.ts';
import { encode as der, encodeUnsigned } from '../crypto/der.ts';
import { IdentityError } from './errors.ts';
import { decodeOid, encodeOid } from './oid.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tags: `context(0)` is [0] primitive, `context(0, true)` is [0] constructed. */
export function context(number: number, constructed = false): number {
  return 0x80 | (constructed ? 0x20 : 0) | number;
}

/** X.509 nests about 12 deep; the limit only stops inputs made to exhaust the stack. */
const MAX_DEPTH = 32;
/** KeyUsage has 9 named bits; no list we read has more than 32. */
const MAX_NAMED_BITS = 32;

export interface Tlv {
  readonly tag: number;
  /** Tag, length and content, as found. */
  readonly der: Bytes;
  readonly value: Bytes;
}

export class DerReader {
  readonly #bytes: Bytes;
  readonly #depth: number;
  #at = 0;

  constructor(bytes: Bytes, depth = 0) {
    if (depth > MAX_DEPTH) throw malformed(`nested deeper than ${MAX_DEPTH}`);
    this.#bytes = bytes;
    this.#depth = depth;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next tag, or undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next element, of any tag. */
  any(what: string): Tlv {
    const bytes = this.#bytes;
    const start = this.#at;
    if (bytes.length - start < 2) throw malformed(`${what} is missing or cut short`);
    const tag = bytes[start]!;
    if ((tag & 0x1f) === 0x1f) throw malformed(`${what} has a tag above 30`);
    let length = bytes[start + 1]!;
    let content = start + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0) throw malformed(`${what} has an indefinite length`);
      // Three bytes reach 16 MiB, 256 times what a chain may have.
      if (count > 3 || content + count > bytes.length)
        throw malformed(`${what} has a length of ${count} bytes`);
      length = 0;
      for (let i = 0; i < count; i++) length = (length << 8) | bytes[content + i]!;
      content += count;
      if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw malformed(`${what} has a padded length`);
    }
    const end = content + length;
    if (end > bytes.length)
      throw malformed(`${what} claims ${length} bytes, ${bytes.length - content} are there`);
    this.#at = end;
    return { tag, der: bytes.subarray(start, end), value: bytes.subarray(content, end) };
  }

  /** The next element, which must have `tag`. */
  expect(tag: number, what: string): Tlv {
    if (this.peek() !== tag)
      throw malformed(`${what} has tag ${tagName(this.peek())}, wanted ${tagName(tag)}`);
    return this.any(what);
  }

  optional(tag: number, what: string): Tlv | undefined {
    return this.peek() === tag ? this.any(what) : undefined;
  }

  /** A cursor over the content of the next element. The caller ends it with `end`. */
  nested(tag: number, what: string): DerReader {
    return new DerReader(this.expect(tag, what).value, this.#depth + 1);
  }

  optionalNested(tag: number, what: string): DerReader | undefined {
    return this.peek() === tag ? this.nested(tag, what) : undefined;
  }

  /** Like `nested`, over the content of an OCTET STRING that wraps DER (extensions, PKCS#8). */
  wrapped(value: Bytes): DerReader {
    return new DerReader(value, this.#depth + 1);
  }

  sequence(what: string): DerReader {
    return this.nested(TAG.sequence, what);
  }

  boolean(what: string): boolean {
    const { value } = this.expect(TAG.boolean, what);
    return readBoolean(value, what);
  }

  /** BOOLEAN DEFAULT FALSE: left out or TRUE, for DER does not write a default (X.690 §11.5). */
  defaultFalse(what: string): boolean {
    if (this.peek() !== TAG.boolean) return false;
    if (!this.boolean(what)) throw malformed(`${what} writes out its default`);
    return true;
  }

  /** The content octets of an INTEGER, two's complement, minimal. */
  integer(what: string, tag: number = TAG.integer): Bytes {
    return readInteger(this.expect(tag, what).value, what);
  }

  /** A non-negative INTEGER up to 2^31-1. */
  smallInteger(what: string, tag?: number): number {
    const value = this.integer(what, tag);
    if (value[0]! >= 0x80) throw malformed(`${what} is negative`);
    if (value.length > 4) throw malformed(`${what} is larger than 2^31`);
    return value.reduce((sum, byte) => sum * 256 + byte, 0);
  }

  oid(what: string): string {
    return decodeOid(this.expect(TAG.oid, what).value, what);
  }

  octetString(what: string, tag: number = TAG.octetString): Bytes {
    return this.expect(tag, what).value;
  }

  /** A BIT STRING of whole octets: keys and signatures. */
  bitString(what: string): Bytes {
    const { bits, unused } = readBitString(this.expect(TAG.bitString, what).value, what);
    if (unused !== 0) throw malformed(`${what} is not whole octets`);
    return bits;
  }

  /** A named bit list as the set of its bit numbers: X.690 §11.2.2 wants trailing zero bits removed. */
  namedBits(what: string): number[] {
    const { bits, unused } = readBitString(this.expect(TAG.bitString, what).value, what);
    if (bits.length > MAX_NAMED_BITS / 8) throw malformed(`${what} has more than ${MAX_NAMED_BITS} bits`);
    const last = bits.at(-1);
    if (last !== undefined && ((last >> unused) & 1) === 0) throw malformed(`${what} has trailing zero bits`);
    const set: number[] = [];
    for (let i = 0; i < bits.length * 8; i++) if ((bits[i >> 3]! >> (7 - (i & 7))) & 1) set.push(i);
    return set;
  }

  /** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 has them, in milliseconds since the epoch. */
  time(what: string): number {
    const tag = this.peek();
    if (tag !== TAG.utcTime && tag !== TAG.generalizedTime)
      throw malformed(`${what} has tag ${tagName(tag)}, wanted a time`);
    return readTime(tag, this.any(what).value, what);
  }

  /** Fails when anything is left. */
  end(what: string): void {
    if (!this.done) throw malformed(`${what} has ${this.#bytes.length - this.#at} bytes too many`);
  }
}

/** Walks every constructed element, so that no part nobody reads can hide bytes that are not DER. */
export function checkDer(bytes: Bytes, depth = 0): void {
  const reader = new DerReader(bytes, depth);
  while (!reader.done) {
    const { tag, value } = reader.any('element');
    const isConstructed = (tag & 0x20) !== 0;
    // Of the universal types only SEQUENCE and SET are put together from others; strings never are (X.690 §10.2).
    if (tag < 0x40 && isConstructed !== [0x10, 0x11].includes(tag & 0x1f))
      throw malformed(`element has the tag 0x${tag.toString(16).padStart(2, '0')}, which DER has not`);
    if (isConstructed) checkDer(value, depth + 1);
  }
}

export function readBoolean(value: Uint8Array, what: string): boolean {
  if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff))
    throw malformed(`${what} is a BOOLEAN other than 00 and FF`);
  return value[0] === 0xff;
}

export function readInteger(value: Bytes, what: string): Bytes {
  if (value.length === 0) throw malformed(`${what} is an empty INTEGER`);
  const [first, second] = value;
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw malformed(`${what} is a padded INTEGER`);
  return value;
}

export function readBitString(value: Bytes, what: string): { readonly bits: Bytes; readonly unused: number } {
  const unused = value[0];
  if (unused === undefined || unused > 7 || (unused > 0 && value.length === 1))
    throw malformed(`${what} is a BIT STRING with an impossible count of unused bits`);
  if ((value.at(-1)! & ((1 << unused) - 1)) !== 0 && value.length > 1)
    throw malformed(`${what} is a BIT STRING with padding that is not zero`);
  return { bits: value.subarray(1), unused };
}

function readTime(tag: number, value: Uint8Array, what: string): number {
  let text = '';
  for (const byte of value) text += String.fromCharCode(byte);
  const utc = tag === TAG.utcTime;
  const parts = (
    utc ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
  ).exec(text);
  if (parts === null)
    throw malformed(`${what} is not written as ${utc ? 'YYMMDDHHMMSSZ' : 'YYYYMMDDHHMMSSZ'}`);
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const fullYear = utc ? (year >= 50 ? 1900 + year : 2000 + year) : year;
  if (!utc && fullYear < 2050) throw malformed(`${what} is before 2050 and no UTCTime`);
  const time = Date.UTC(fullYear, month - 1, day, hour, minute, second);
  // Date.UTC carries 31 February over into March, and 24:00 into the next day.
  const date = new Date(time);
  if (
    date.getUTCMonth() !== month - 1 ||
    date.getUTCDate() !== day ||
    date.getUTCHours() !== hour ||
    minute > 59 ||
    second > 59
  )
    throw malformed(`${what} is no date of the calendar`);
  return time;
}

/** `YYYYMMDDHHMMSSZ`. */
function formatTime(time: number): string {
  return new Date(time).toISOString().replace(/[-:T]|\.\d+/g, '');
}

/* ---- Writing: each function returns one complete element. ---- */

export { der };

export function sequence(...elements: readonly Uint8Array[]): Bytes {
  return der(TAG.sequence, ...elements);
}

/** SET OF: elements in the order of their encodings (X.690 §11.6). */
export function setOf(...elements: readonly Uint8Array[]): Bytes {
  return der(TAG.set, ...[...elements].sort(compareBytes));
}

export function boolean(value: boolean): Bytes {
  return der(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

/** A non-negative INTEGER from big-endian octets of any length. */
export function integer(magnitude: Uint8Array | number): Bytes {
  return encodeUnsigned(typeof magnitude === 'number' ? bigEndian(magnitude) : magnitude);
}

function bigEndian(value: number): Bytes {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

export function oid(dotted: string): Bytes {
  return der(TAG.oid, encodeOid(dotted));
}

export function octetString(bytes: Uint8Array): Bytes {
  return der(TAG.octetString, bytes);
}

export function bitString(bytes: Uint8Array): Bytes {
  return der(TAG.bitString, Uint8Array.of(0), bytes);
}

/** A named bit list of bit numbers, trailing zeros removed. */
export function namedBits(bits: readonly number[]): Bytes {
  if (bits.length === 0) return der(TAG.bitString, Uint8Array.of(0));
  const highest = Math.max(...bits);
  const bytes = new Uint8Array((highest >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  return der(TAG.bitString, Uint8Array.of(7 - (highest & 7)), bytes);
}

export function utf8String(text: string): Bytes {
  return der(TAG.utf8String, utf8(text));
}

/** UTCTime to 2049, GeneralizedTime after (RFC 5280 §4.1.2.5); milliseconds are cut off. */
export function time(milliseconds: number): Bytes {
  const text = formatTime(milliseconds);
  if (text.length !== 15) throw new RangeError('year outside 0 to 9999');
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050
    ? der(TAG.utcTime, utf8(text.slice(2)))
    : der(TAG.generalizedTime, utf8(text));
}

function tagName(tag: number | undefined): string {
  if (tag === undefined) return 'none (the end)';
  const known = Object.entries(TAG).find(([, value]) => value === tag);
  return known === undefined ? `0x${tag.toString(16).padStart(2, '0')}` : known[0];
}

export function malformed(message: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_DER', message);
}
