/**
 * The part of MessagePack that control messages use: nil, booleans, integers up to 2^53, strings, binary, arrays.
 * msgpackr does the work; `measure` walks the bytes first, without recursion into anything not yet counted, so that hostile
 * input can neither nest, nor grow, nor name an extension type.
 */
import { Packr, Unpackr } from 'msgpackr';
import type { Bytes } from '../base/bytes.ts';

export type Packed = null | boolean | number | string | Uint8Array | readonly Packed[];

const options = { useRecords: false, mapsAsObjects: false, int64AsType: 'number' } as const;
const packr = new Packr(options);
const unpackr = new Unpackr(options);

export function pack(value: Packed): Bytes {
  return Uint8Array.from(packr.pack(value)); // msgpackr hands out a view of its shared buffer
}

export interface PackLimits {
  readonly depth: number;
  readonly values: number;
}

/** Throws RangeError unless `bytes` is exactly one value of our subset within `limits`. Binary values are copies. */
export function unpack(bytes: Uint8Array, limits: PackLimits): Packed {
  const end = measure(bytes, limits);
  if (end !== bytes.length) throw new RangeError(`${bytes.length - end} bytes behind the value`);
  return own(unpackr.unpack(bytes) as Packed);
}

/** msgpackr's binary values are views of its input, and Buffers in Node: make them plain and ours. */
function own(value: Packed): Packed {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  return Array.isArray(value) ? value.map(own) : value;
}

/** Index behind the value that begins at 0. */
function measure(bytes: Uint8Array, limits: PackLimits): number {
  let at = 0;
  let values = 0;
  const open: number[] = []; // values still missing in each enclosing array

  const need = (count: number): number => {
    if (count > bytes.length - at) throw new RangeError('value is cut short');
    const from = at;
    at += count;
    return from;
  };
  const size = (width: 1 | 2 | 4): number => {
    let from = need(width);
    let length = 0;
    for (let i = 0; i < width; i++) length = length * 256 + bytes[from++]!;
    return length;
  };
  const array = (length: number): void => {
    if (open.length >= limits.depth) throw new RangeError(`arrays nest deeper than ${limits.depth}`);
    if (length > limits.values) throw new RangeError(`array of ${length} values, limit ${limits.values}`);
    open.push(length);
  };

  do {
    if (++values > limits.values) throw new RangeError(`more than ${limits.values} values`);
    if (open.length > 0) open[open.length - 1]!--;
    const head = bytes[need(1)]!;
    if (head <= 0x7f || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) {
      // one byte says it all
    } else if ((head & 0xf0) === 0x90) array(head & 15);
    else if ((head & 0xe0) === 0xa0) need(head & 31);
    else if (head === 0xc4 || head === 0xd9) need(size(1));
    else if (head === 0xc5 || head === 0xda) need(size(2));
    else if (head === 0xc6 || head === 0xdb) need(size(4));
    else if (head === 0xcb)
      need(8); // float 64: msgpackr's form of an integer above 2^32
    else if (head >= 0xcc && head <= 0xcf) need(1 << (head - 0xcc));
    else if (head >= 0xd0 && head <= 0xd3) need(1 << (head - 0xd0));
    else if (head === 0xdc) array(size(2));
    else if (head === 0xdd) array(size(4));
    else throw new RangeError(`a value of type 0x${head.toString(16)} has no place here`);
    while (open.at(-1) === 0) open.pop();
  } while (open.length > 0);
  return at;
}
