/** QUIC variable-length integers (RFC 9000 §16), as Numbers up to 2^53-1; BigInt never enters the frame path. */

export const MAX_VARINT: number = Number.MAX_SAFE_INTEGER;

/** Bytes that `value` takes: 1, 2, 4 or 8. Throws RangeError unless it is an integer of 0 … 2^53-1. */
export function varintLength(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${value} does not fit a variable-length integer`);
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  return value < 0x40000000 ? 4 : 8;
}

/** Writes `value` at `at` in its shortest form and returns the index behind it. */
export function writeVarint(value: number, out: Uint8Array, at: number): number {
  switch (varintLength(value)) {
    case 1:
      out[at] = value;
      return at + 1;
    case 2:
      out[at] = 0x40 | (value >>> 8);
      out[at + 1] = value;
      return at + 2;
    case 4:
      out[at] = 0x80 | (value >>> 24);
      out[at + 1] = value >>> 16;
      out[at + 2] = value >>> 8;
      out[at + 3] = value;
      return at + 4;
    default: {
      const high = Math.floor(value / 0x1_0000_0000);
      const low = value % 0x1_0000_0000;
      out[at] = 0xc0 | (high >>> 24);
      out[at + 1] = high >>> 16;
      out[at + 2] = high >>> 8;
      out[at + 3] = high;
      out[at + 4] = low >>> 24;
      out[at + 5] = low >>> 16;
      out[at + 6] = low >>> 8;
      out[at + 7] = low;
      return at + 8;
    }
  }
}

/** Length in bytes of the varint whose first byte is given. */
export function varintSize(firstByte: number): 1 | 2 | 4 | 8 {
  return (1 << (firstByte >> 6)) as 1 | 2 | 4 | 8;
}

/** Reads the varint at `at`; the caller knows that all its bytes are there. Throws RangeError above 2^53-1. */
export function readVarint(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  switch (first >> 6) {
    case 0:
      return first;
    case 1:
      return ((first & 0x3f) << 8) | bytes[at + 1]!;
    case 2:
      return (((first & 0x3f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
    default: {
      const high =
        (((first & 0x3f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
      const low =
        ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0;
      const value = high * 0x1_0000_0000 + low;
      if (!Number.isSafeInteger(value)) throw new RangeError('variable-length integer above 2^53-1');
      return value;
    }
  }
}
