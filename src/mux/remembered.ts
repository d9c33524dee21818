/**
 * The newest OPEN or ACCEPT body without meta data, so that the next one like it is neither written nor read again:
 * channels of one kind follow each other, and MessagePack costs as much as all the rest of a short one.
 */
import { equalBytes } from '../base/bytes.ts';
import type { ControlValue } from './control.ts';

interface Body {
  /** The application's, who may change it: bodies that have some are not remembered. */
  readonly meta: ControlValue;
}

/** Bytes that are worth keeping: a body with the longest name. */
const LARGEST = 288;

/** The bytes may be given out again: nobody writes to them. */
export function rememberEncoded<T extends Body>(
  encode: (body: T) => Uint8Array,
  equal: (a: T, b: T) => boolean,
): (body: T) => Uint8Array {
  let last: T | undefined;
  let bytes: Uint8Array;
  return (body) => {
    if (last !== undefined && equal(body, last)) return bytes;
    const encoded = encode(body);
    if (body.meta === undefined) {
      last = body;
      bytes = encoded;
    }
    return encoded;
  };
}

export function rememberDecoded<T extends Body>(decode: (bytes: Uint8Array) => T): (bytes: Uint8Array) => T {
  let last: T | undefined;
  let bytes: Uint8Array;
  return (encoded) => {
    if (last !== undefined && equalBytes(encoded, bytes)) return last;
    const body = decode(encoded);
    if (body.meta === undefined && encoded.length <= LARGEST) {
      last = body;
      bytes = encoded.slice();
    }
    return body;
  };
}
