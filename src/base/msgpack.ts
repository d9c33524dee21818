/**
 * The part of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) that we speak: plain data, no
 * extension types, bounded before anything is built.
 *
 * msgpackr reads, behind `measure`: it recurses (16 KiB of 0x91 overflow its stack) and knows extension types (regular
 * expressions, errors, typed arrays) that nobody may plant here. Its writer can do much more than plain data needs and
 * would be the heaviest file that a page loads (docs/decisions/0008), so writing is done here.
 */
import { Unpackr } from 'msgpackr/unpack';
import { type Bytes, utf8 } from './bytes.ts';
import { Writer } from './writer.ts';

export interface PackLimits {
  /** Arrays and maps within each other. */
  readonly depth: number;
  /** Values in all, keys of maps included. */
  readonly values: number;
  /** Maps become objects; without this they are refused. `typed`: they become `Map`s, in which 1 and '1' are two keys. */
  readonly maps: boolean | 'typed';
  /** Integers of 64 bits become numbers, rounded above 2^53; without this they are refused. */
  readonly wideIntegers: boolean;
}

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', copyBuffers: true });

/** Throws RangeError unless `bytes` are exactly one value within `limits`. Binary values are copies. */
export function unpack(bytes: Uint8Array, limits: PackLimits): unknown {
  const end = measure(bytes, limits);
  if (end !== bytes.length) throw new RangeError(`${bytes.length - end} bytes left over behind the value`);
  Object.assign(unpackr, { mapsAsObjects: limits.maps !== 'typed' });
  try {
    return unpackr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)); // plain array in, plain out
  } catch {
    throw new RangeError('a map has a key that is neither text nor a number');
  }
}

/** Index behind the value that begins at 0. Recurses into nothing and builds nothing. */
function measure(bytes: Uint8Array, limits: PackLimits): number {
  let at = 0;
  let values = 0;
  const open: number[] = []; // values still missing in each enclosing array or map

  const skip = (count: number): number => {
    if (count > bytes.length - at) throw new RangeError('the value is cut short');
    const from = at;
    at += count;
    return from;
  };
  const length = (width: number): number => {
    let from = skip(width);
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + bytes[from++]!;
    return value;
  };
  const nest = (count: number): void => {
    if (open.length >= limits.depth) throw new RangeError(`nested deeper than ${limits.depth} levels`);
    if (count > bytes.length - at) throw new RangeError('more values are announced than could follow');
    open.push(count);
  };
  const allowed = (permission: boolean, head: number): void => {
    if (!permission) throw new RangeError(`a value of format 0x${head.toString(16)} has no place here`);
  };

  do {
    if (++values > limits.values) throw new RangeError(`more than ${limits.values} values`);
    if (open.length > 0) open[open.length - 1]!--;
    const head = bytes[skip(1)]!;
    if (head <= 0x7f || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) {
      // one byte says it all
    } else if (head <= 0x8f || head === 0xde || head === 0xdf) {
      allowed(limits.maps !== false, head);
      nest(2 * (head <= 0x8f ? head & 15 : length(head === 0xde ? 2 : 4)));
    } else if (head <= 0x9f) nest(head & 15);
    else if (head <= 0xbf) skip(head & 31);
    else if (head >= 0xc4 && head <= 0xc6) skip(length(1 << (head - 0xc4)));
    else if (head === 0xca || head === 0xcb) skip(head === 0xca ? 4 : 8);
    else if (head >= 0xcc && head <= 0xd3) {
      allowed(limits.wideIntegers || (head & 3) < 3, head);
      skip(1 << (head & 3));
    } else if (head >= 0xd9 && head <= 0xdb) skip(length(1 << (head - 0xd9)));
    else if (head === 0xdc || head === 0xdd) nest(length(head === 0xdc ? 2 : 4));
    else allowed(false, head);
    while (open.at(-1) === 0) open.pop();
  } while (open.length > 0);
  return at;
}

/**
 * Throws RangeError for anything but plain data of at most `depth` levels. As in JSON, a property that is undefined is
 * left out, and undefined elsewhere is null.
 */
export function pack(value: unknown, depth: number): Bytes {
  const writer = new Writer(64);
  write(writer, value, depth);
  return writer.finish();
}

function write(writer: Writer, value: unknown, depth: number): void {
  if (value === null || value === undefined) writer.u8(0xc0);
  else if (typeof value === 'boolean') writer.u8(value ? 0xc3 : 0xc2);
  else if (typeof value === 'number') writeNumber(writer, value);
  else if (typeof value === 'string') {
    const text = utf8(value);
    writeLength(writer, text.length, 0xa0, 32, 0xd9, 0xda);
    writer.bytes(text);
  } else if (value instanceof Uint8Array) {
    writeLength(writer, value.length, 0, 0, 0xc4, 0xc5);
    writer.bytes(value);
  } else if (typeof value !== 'object') throw new RangeError(`a ${typeof value}, wanted plain data`);
  else if (depth === 0) throw new RangeError('nested too deep');
  else if (Array.isArray(value)) {
    writeLength(writer, value.length, 0x90, 16, undefined, 0xdc);
    for (const item of value) write(writer, item, depth - 1);
  } else {
    const entries = entriesOf(value).filter(([, item]) => item !== undefined);
    writeLength(writer, entries.length, 0x80, 16, undefined, 0xde);
    for (const [key, item] of entries) {
      write(writer, key, 0);
      write(writer, item, depth - 1);
    }
  }
}

/** Integers of up to 32 bits in their shortest form, all others as doubles: every reader takes those. */
function writeNumber(writer: Writer, value: number): void {
  if (value >>> 0 === value && !Object.is(value, -0)) writeLength(writer, value, 0, 128, 0xcc, 0xcd);
  else if (value >> 0 !== value || value === 0) {
    const double = new DataView(new ArrayBuffer(8));
    double.setFloat64(0, value);
    writer.u8(0xcb).bytes(new Uint8Array(double.buffer));
  } else if (value >= -0x20) writer.u8(value);
  else if (value >= -0x80) writer.u8(0xd0).u8(value);
  else if (value >= -0x8000) writer.u8(0xd1).u16(value);
  else writer.u8(0xd2).u32(value);
}

/** `fix | length` below `fixEnd`, else behind `byte` in one byte (if there is such a form), behind `wide` in two or four. */
function writeLength(
  writer: Writer,
  length: number,
  fix: number,
  fixEnd: number,
  byte: number | undefined,
  wide: number,
): void {
  if (length < fixEnd) writer.u8(fix | length);
  else if (byte !== undefined && length <= 0xff) writer.u8(byte).u8(length);
  else if (length <= 0xffff) writer.u8(wide).u16(length);
  else writer.u8(wide + 1).u32(length);
}

function entriesOf(value: object): readonly (readonly [unknown, unknown])[] {
  if (value instanceof Map) return [...value];
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    throw new RangeError('an instance of a class, wanted plain data');
  return Object.entries(value);
}
