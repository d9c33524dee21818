/** The part of MessagePack that control messages and invites use: as everywhere (`base/msgpack.ts`), but no maps. */
import type { Bytes } from '../base/bytes.ts';
import * as msgpack from '../base/msgpack.ts';
import { MAX_DEPTH } from './limits.ts';

export type Packed = null | boolean | number | string | Uint8Array | readonly Packed[];

export function pack(value: Packed): Bytes {
  return msgpack.pack(value, MAX_DEPTH);
}

/** Throws RangeError unless `bytes` are exactly one value of our subset within `limits`. Binary values are copies. */
export function unpack(bytes: Uint8Array, limits: { depth: number; values: number }): Packed {
  return msgpack.unpack(bytes, { ...limits, maps: false, wideIntegers: true }) as Packed;
}
