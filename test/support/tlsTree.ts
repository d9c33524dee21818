/**
 * Handshake messages as trees of fields, so that a fuzzer can change one field and everything around it still parses:
 * lengths are computed when a tree is written, unless a vector is told to lie.
 */
import { type Bytes, concat } from '../../src/base/bytes.ts';
import { Writer } from '../../src/base/writer.ts';

export type Tree = IntField | BytesField | Vector;

export interface IntField {
  readonly kind: 'int';
  readonly size: number;
  value: number;
}

export interface BytesField {
  readonly kind: 'bytes';
  bytes: Uint8Array;
}

export interface Vector {
  readonly kind: 'vector';
  /** Bytes of the length in front; 0: a plain sequence. */
  readonly lengthSize: number;
  children: Tree[];
  /** Added to the true length. */
  lie: number;
}

/** What is expected where: the presentation language of RFC 9846 §3, as far as messages use it. */
type Shape =
  | { readonly int: number }
  | { readonly fixed: number }
  | 'rest'
  | 'extension'
  | { readonly vec: number; readonly many: Shape }
  | { readonly vec: number; readonly one: Shape }
  | readonly Shape[];

const u8 = { int: 1 } as const;
const u16 = { int: 2 } as const;
const u32 = { int: 4 } as const;
const opaque = (vec: number): Shape => ({ vec, one: 'rest' });
const list = (vec: number, many: Shape): Shape => ({ vec, many });
const extensions = list(2, 'extension');

const MESSAGES: Readonly<Record<number, Shape>> = {
  1: [u16, { fixed: 32 }, opaque(1), list(2, u16), list(1, u8), extensions],
  2: [u16, { fixed: 32 }, opaque(1), u16, u8, extensions],
  4: [u32, u32, opaque(1), opaque(2), extensions],
  8: [extensions],
  11: [opaque(1), list(3, [opaque(3), extensions])],
  13: [opaque(1), extensions],
  15: [u16, opaque(2)],
  24: [u8],
  25: [u16, { int: 3 }, opaque(3)],
};

/** By type; where one stands in several messages with different contents, the first shape that fits all bytes. */
const EXTENSIONS: Readonly<Record<number, readonly Shape[]>> = {
  0: [list(2, [u8, opaque(2)])],
  5: [
    [u8, opaque(2), opaque(2)],
    [u8, opaque(3)],
  ],
  10: [list(2, u16)],
  13: [list(2, u16)],
  16: [list(2, opaque(1))],
  18: [list(2, opaque(2))],
  19: [u8, list(1, u8)],
  20: [u8, list(1, u8)],
  27: [list(1, u16)],
  28: [u16],
  41: [u16, [list(2, [opaque(2), u32]), list(2, opaque(1))]],
  42: [u32],
  43: [u16, list(1, u16)],
  44: [opaque(2)],
  45: [list(1, u8)],
  47: [list(2, opaque(2))],
  50: [list(2, u16)],
  51: [u16, [u16, opaque(2)], list(2, [u16, opaque(2)])],
  58: [[u8, u8]],
};

/** The body of a message; bytes that fit no shape stay one field. */
export function readTree(type: number, body: Uint8Array): Vector {
  const shape = MESSAGES[type];
  const fields = shape === undefined ? undefined : attempt(shape, body);
  return sequence(fields === undefined ? [bytesField(body)] : [fields]);
}

export function writeTree(tree: Tree): Bytes {
  switch (tree.kind) {
    case 'int':
      return bigEndian(tree.size, tree.value);
    case 'bytes':
      return new Uint8Array(tree.bytes);
    case 'vector': {
      const content = concat(tree.children.map(writeTree));
      return tree.lengthSize === 0
        ? content
        : concat([bigEndian(tree.lengthSize, Math.max(0, content.length + tree.lie)), content]);
    }
  }
}

/** Every field in the tree, outer ones first. */
export function fieldsOf(tree: Tree): Tree[] {
  return tree.kind === 'vector' ? [tree, ...tree.children.flatMap(fieldsOf)] : [tree];
}

export function copyTree<T extends Tree>(tree: T): T {
  return tree.kind === 'vector'
    ? { ...tree, children: tree.children.map((child) => copyTree(child)) }
    : { ...tree };
}

export const bytesField = (bytes: Uint8Array): BytesField => ({ kind: 'bytes', bytes });
const sequence = (children: Tree[], lengthSize = 0): Vector => ({
  kind: 'vector',
  lengthSize,
  children,
  lie: 0,
});

function bigEndian(size: number, value: number): Bytes {
  const bytes = new Uint8Array(size);
  for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return bytes;
}

function attempt(shape: Shape, bytes: Uint8Array): Tree | undefined {
  const cursor = { bytes, at: 0 };
  const tree = read(shape, cursor);
  return tree !== undefined && cursor.at === bytes.length ? tree : undefined;
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** Undefined when the bytes do not have this shape. */
function read(shape: Shape, cursor: Cursor): Tree | undefined {
  if (shape === 'rest') return bytesField(take(cursor, cursor.bytes.length - cursor.at)!);
  if (shape === 'extension') return readExtension(cursor);
  if ('int' in shape) {
    const bytes = take(cursor, shape.int);
    return bytes && { kind: 'int', size: shape.int, value: bytes.reduce((sum, byte) => sum * 256 + byte, 0) };
  }
  if ('fixed' in shape) {
    const bytes = take(cursor, shape.fixed);
    return bytes && bytesField(bytes);
  }
  if ('vec' in shape) return readVector(shape, cursor);
  const children = shape.map((part) => read(part, cursor));
  return children.includes(undefined) ? undefined : sequence(children as Tree[]);
}

function readVector(
  shape: { readonly vec: number } & ({ readonly many: Shape } | { readonly one: Shape }),
  cursor: Cursor,
): Tree | undefined {
  const content = takeVector(cursor, shape.vec);
  if (content === undefined) return undefined;
  if ('one' in shape) {
    const child = attempt(shape.one, content);
    return child && sequence([child], shape.vec);
  }
  const inner = { bytes: content, at: 0 };
  const children: Tree[] = [];
  while (inner.at < content.length) {
    const child = read(shape.many, inner);
    if (child === undefined) return undefined;
    children.push(child);
  }
  return sequence(children, shape.vec);
}

function readExtension(cursor: Cursor): Tree | undefined {
  const type = read(u16, cursor) as IntField | undefined;
  const content = type && takeVector(cursor, 2);
  if (content === undefined) return undefined;
  const shapes = EXTENSIONS[type!.value] ?? [];
  const inner = shapes.map((shape) => attempt(shape, content)).find((tree) => tree !== undefined);
  return sequence([type!, sequence([inner ?? bytesField(content)], 2)]);
}

function takeVector(cursor: Cursor, lengthSize: number): Uint8Array | undefined {
  const length = take(cursor, lengthSize)?.reduce((sum, byte) => sum * 256 + byte, 0);
  return length === undefined ? undefined : take(cursor, length);
}

function take(cursor: Cursor, length: number): Uint8Array | undefined {
  if (cursor.at + length > cursor.bytes.length) return undefined;
  cursor.at += length;
  return cursor.bytes.subarray(cursor.at - length, cursor.at);
}

/** A handshake message of any type and body. */
export function rawMessage(type: number, body: Uint8Array): Bytes {
  return new Writer()
    .u8(type)
    .vector(3, (w) => w.bytes(body))
    .finish();
}
