/**
 * Bodies of control frames: msgpack, at most 4 KiB and four levels deep, only plain data. `scan` proves all of that
 * before the decoder runs: the decoder recurses (16 KiB of 0x91 overflow its stack) and knows extension types
 * (regular expressions, errors, typed arrays) that nobody may plant here.
 */
import { Packr } from 'msgpackr';
import { MuxError } from './errors.ts';
import { MAX_CONTROL_BODY, MAX_CONTROL_DEPTH } from './limits.ts';

/** Plain data: what meta of OPEN and ACCEPT may hold, at most four levels deep. Byte arrays arrive as copies. */
export type ControlValue =
  | undefined
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly ControlValue[]
  | { readonly [key: string]: ControlValue };

const packr = new Packr({ useRecords: false, variableMapSize: true, copyBuffers: true });

/** Throws MuxError ERR_MUX_ARGUMENT when the value is not plain, too deep or too large. */
export function encodeBody(value: unknown): Uint8Array {
  checkPlain(value, 1);
  const bytes = new Uint8Array(packr.pack(value)); // out of the encoder's own buffer
  if (bytes.length > MAX_CONTROL_BODY)
    throw argument(`control data of ${bytes.length} bytes, at most ${MAX_CONTROL_BODY} fit`);
  return bytes;
}

/** Throws MuxError ERR_MUX_PROTOCOL on anything but one plain value that fills the body. */
export function decodeBody(body: Uint8Array): unknown {
  scan(body);
  try {
    return packr.unpack(new Uint8Array(body.buffer, body.byteOffset, body.length)); // plain arrays in, plain out
  } catch (cause) {
    throw new MuxError('ERR_MUX_PROTOCOL', 'control data does not decode', { cause });
  }
}

function checkPlain(value: unknown, depth: number): void {
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint')
      throw argument(`control data holds a ${typeof value}, wanted plain data`);
    return;
  }
  if (value instanceof Uint8Array) return;
  if (depth > MAX_CONTROL_DEPTH) throw argument(`control data nests deeper than ${MAX_CONTROL_DEPTH} levels`);
  if (Array.isArray(value)) for (const item of value) checkPlain(item, depth + 1);
  else if (value instanceof Map) for (const item of value.values()) checkPlain(item, depth + 1);
  else if (isPlainObject(value)) for (const item of Object.values(value)) checkPlain(item, depth + 1);
  else throw argument('control data holds a class instance, wanted plain data');
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function argument(message: string): MuxError {
  return new MuxError('ERR_MUX_ARGUMENT', message);
}

/** Walks the msgpack structure without recursion and without building anything. */
function scan(body: Uint8Array): void {
  const open: number[] = []; // values still missing at each level
  let at = 0;
  for (;;) {
    const shape = readShape(body, at);
    at = shape.next;
    if (at > body.length) throw broken('is cut short');
    if (shape.values > 0) {
      if (open.length === MAX_CONTROL_DEPTH) throw broken(`nests deeper than ${MAX_CONTROL_DEPTH} levels`);
      if (shape.values > body.length - at) throw broken('announces more values than it holds');
      open.push(shape.values);
      continue;
    }
    while (open.length > 0 && --open[open.length - 1]! === 0) open.pop();
    if (open.length === 0) break;
  }
  if (at !== body.length) throw broken('has bytes left over');
}

interface Shape {
  /** Index behind the value's head, or behind the whole value when it holds no others. */
  readonly next: number;
  readonly values: number;
}

/** https://github.com/msgpack/msgpack/blob/master/spec.md, formats by first byte. Extensions (c7–c9, d4–d8) are refused. */
function readShape(body: Uint8Array, at: number): Shape {
  const head = body[at];
  if (head === undefined) throw broken('is cut short');
  if (head <= 0x7f || head >= 0xe0) return leaf(at + 1);
  if (head <= 0x8f) return { next: at + 1, values: 2 * (head & 15) };
  if (head <= 0x9f) return { next: at + 1, values: head & 15 };
  if (head <= 0xbf) return leaf(at + 1 + (head & 31));
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return leaf(at + 1);
    case 0xc4:
    case 0xd9:
      return leaf(at + 2 + unsigned(body, at + 1, 1));
    case 0xc5:
    case 0xda:
      return leaf(at + 3 + unsigned(body, at + 1, 2));
    case 0xc6:
    case 0xdb:
      return leaf(at + 5 + unsigned(body, at + 1, 4));
    case 0xca:
      return leaf(at + 5);
    case 0xcb:
      return leaf(at + 9);
    case 0xcc:
    case 0xd0:
      return leaf(at + 2);
    case 0xcd:
    case 0xd1:
      return leaf(at + 3);
    case 0xce:
    case 0xd2:
      return leaf(at + 5);
    case 0xdc:
      return { next: at + 3, values: unsigned(body, at + 1, 2) };
    case 0xdd:
      return { next: at + 5, values: unsigned(body, at + 1, 4) };
    case 0xde:
      return { next: at + 3, values: 2 * unsigned(body, at + 1, 2) };
    case 0xdf:
      return { next: at + 5, values: 2 * unsigned(body, at + 1, 4) };
    default: // 64-bit integers decode to BigInt; senders use the double above 2^32
      throw broken(`holds a value of format 0x${head.toString(16)}, which is not plain data`);
  }
}

function leaf(next: number): Shape {
  return { next, values: 0 };
}

function unsigned(body: Uint8Array, at: number, size: number): number {
  if (at + size > body.length) throw broken('is cut short');
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + body[at + i]!;
  return value;
}

function broken(how: string): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', `control data ${how}`);
}
