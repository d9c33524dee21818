/**
 * Damages recorded flights by what they are made of: fields of messages, messages, records, bytes. Everything is decided
 * by one seed, so that a printed number replays a case.
 */
import { type Bytes, concat, EMPTY } from '../../src/base/bytes.ts';
import type { SeededRandom } from './random.ts';
import { type Item, type MessageItem, sealRecord, writeScript } from './tlsScript.ts';
import { bytesField, copyTree, fieldsOf, readTree, type Tree, type Vector, writeTree } from './tlsTree.ts';

/** The damaged bytes of one direction, and what was done to them. */
export interface Damaged {
  readonly wire: Bytes;
  readonly how: readonly string[];
}

export function damage(random: SeededRandom, script: readonly Item[], others: readonly Item[][]): Damaged {
  const how: string[] = [];
  let items = [...script];
  for (let count = random.int(1, 3); count > 0 && items.length > 0; count--) {
    const change = pick(random, CHANGES);
    how.push(change.name);
    items = change(random, items, others);
  }
  let wire = writeScript(items, random.int(0, 3) === 0 ? random.int(1, 200) : undefined);
  if (wire.length > 0 && random.int(0, 4) === 0) {
    how.push('bytes');
    wire = damageBytes(random, wire);
  }
  return { wire, how };
}

type Change = (random: SeededRandom, items: Item[], others: readonly Item[][]) => Item[];

/** Twice what is read at all. */
const MAX_BODY = 128 * 1024;
/** Trees grow no further: what is larger than a message may be is refused by its length. */
const MAX_FIELDS = 20_000;

/** Fields three times: that is where parsers are. */
const CHANGES: readonly Change[] = [
  field,
  field,
  field,
  drop,
  double,
  swap,
  splice,
  insert,
  record,
  boundary,
];

function pick<T>(random: SeededRandom, list: readonly T[]): T {
  return list[random.int(0, list.length - 1)]!;
}

// messages

function drop(random: SeededRandom, items: Item[]): Item[] {
  return items.toSpliced(random.int(0, items.length - 1), random.int(1, 2));
}

function double(random: SeededRandom, items: Item[]): Item[] {
  const at = random.int(0, items.length - 1);
  const count = pick(random, [1, 1, 2, 40]);
  // Behind a change of keys a copy is noise, unless it is protected as what follows.
  const tag = pick(random, [items[at]!.tag, items[at + 1]?.tag]);
  return items.toSpliced(at + 1, 0, ...Array<Item>(count).fill({ ...items[at]!, tag }));
}

function swap(random: SeededRandom, items: Item[]): Item[] {
  const [a, b] = [random.int(0, items.length - 1), random.int(0, items.length - 1)];
  const [first, second] = [items[a]!, items[b]!];
  if (random.int(0, 3) === 0) return items.with(a, second).with(b, first);
  return items.with(a, { ...second, tag: first.tag }).with(b, { ...first, tag: second.tag });
}

/** The beginning of one conversation and the end of another. */
function splice(random: SeededRandom, items: Item[], others: readonly Item[][]): Item[] {
  const end = pick(random, others);
  return [...items.slice(0, random.int(0, items.length)), ...end.slice(random.int(0, end.length))];
}

/** A message of any conversation, protected as its new neighbours are. */
function insert(random: SeededRandom, items: Item[], others: readonly Item[][]): Item[] {
  const item = pick(random, pick(random, others));
  const at = random.int(0, items.length);
  return items.toSpliced(at, 0, { ...item, tag: items[Math.min(at, items.length - 1)]?.tag });
}

// records

function record(random: SeededRandom, items: Item[]): Item[] {
  const at = random.int(0, items.length);
  const tag = random.int(0, 3) === 0 ? random.int(0, 255) : items[Math.min(at, items.length - 1)]?.tag;
  const kind = { kind: 'record', tag, padding: pick(random, [0, 0, 0, 1, 300, 16_384]) } as const;
  const content = pick(random, [
    EMPTY,
    Uint8Array.of(1),
    Uint8Array.of(random.int(0, 3), random.int(0, 121)),
    random.bytes(random.int(0, 40)),
    new Uint8Array(pick(random, [16_384, 16_385, 16_640, 16_641, 65_535])),
  ]);
  const type = pick(random, [20, 21, 22, 23, 0, 24, random.int(0, 255)]);
  return items.toSpliced(
    at,
    0,
    ...Array<Item>(pick(random, [1, 1, 1, 3, 40])).fill({ ...kind, type, content }),
  );
}

/** Messages that shared a record do not, or the other way round. */
function boundary(random: SeededRandom, items: Item[]): Item[] {
  return items.map((item) =>
    item.kind === 'message' && random.int(0, 1) === 0 ? { ...item, endsRecord: !item.endsRecord } : item,
  );
}

// fields

function field(random: SeededRandom, items: Item[], others: readonly Item[][]): Item[] {
  const messages = items.filter((item) => item.kind === 'message');
  if (messages.length === 0) return items;
  const chosen = pick(random, messages);
  const tree = readTree(chosen.type, chosen.body);
  for (let count = random.int(1, 3); count > 0; count--) damageField(random, tree, others);
  const body = writeTree(tree);
  return items.map((item) => (item === chosen ? { ...chosen, body: body.subarray(0, MAX_BODY) } : item));
}

function damageField(random: SeededRandom, tree: Vector, others: readonly Item[][]): void {
  const fields = fieldsOf(tree);
  if (fields.length > MAX_FIELDS) return;
  const chosen = pick(random, fields);
  switch (chosen.kind) {
    case 'int':
      chosen.value = pick(random, [
        0,
        1,
        256 ** chosen.size - 1,
        chosen.value + 1,
        Math.max(0, chosen.value - 1),
        random.int(0, 255),
        random.int(0, 65_535),
      ]);
      return;
    case 'bytes':
      chosen.bytes = damagedBytes(random, chosen.bytes);
      return;
    case 'vector':
      damageVector(random, chosen, others);
  }
}

function damagedBytes(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  switch (random.int(0, 5)) {
    case 0:
      return EMPTY;
    case 1:
      return bytes.slice(0, random.int(0, length));
    case 2:
      return concat([bytes, random.bytes(random.int(1, 3))]);
    case 3:
      return new Uint8Array(length);
    case 4:
      return new Uint8Array(pick(random, [1, 31, 33, 255, 256, 8000, 65_535]));
    default:
      return length === 0 ? bytes : bytes.with(random.int(0, length - 1), random.int(0, 255));
  }
}

function damageVector(random: SeededRandom, vector: Vector, others: readonly Item[][]): void {
  const { children } = vector;
  const at = random.int(0, Math.max(0, children.length - 1));
  switch (random.int(0, 7)) {
    case 0:
      vector.lie = pick(random, [-1, 1, 2, 255, 65_535, -children.length]);
      return;
    case 1:
      children.splice(at, 1);
      return;
    case 2:
      if (children.length > 0) children.splice(at, 0, copyTree(children[at]!));
      return;
    case 3:
      for (let count = pick(random, [3, 40, 400]); count > 0 && children.length > 0; count--)
        children.push(copyTree(children[at]!));
      return;
    case 4:
      vector.children = children.toReversed();
      return;
    case 5:
      vector.children = shuffled(random, children);
      return;
    case 6:
      children.push(bytesField(random.bytes(random.int(1, 4))));
      return;
    default:
      children.splice(at, 0, transplant(random, others));
  }
}

function shuffled(random: SeededRandom, list: readonly Tree[]): Tree[] {
  return list
    .map((tree) => ({ tree, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ tree }) => tree);
}

/** A field of another message: an extension where it may not stand, most of the time. */
function transplant(random: SeededRandom, others: readonly Item[][]): Tree {
  const messages = pick(random, others).filter((item): item is MessageItem => item.kind === 'message');
  const donor = pick(random, messages);
  return copyTree(pick(random, fieldsOf(readTree(donor.type, donor.body))));
}

// bytes

function damageBytes(random: SeededRandom, wire: Bytes): Bytes {
  const at = random.int(0, wire.length - 1);
  switch (random.int(0, 4)) {
    case 0:
      return wire.with(at, wire[at]! ^ (1 << random.int(0, 7)));
    case 1:
      return concat([wire.subarray(0, at), random.bytes(random.int(1, 9)), wire.subarray(at)]);
    case 2:
      return concat([wire.subarray(0, at), wire.subarray(Math.min(wire.length, at + random.int(1, 9)))]);
    case 3:
      return wire.slice(0, at);
    default:
      return concat([wire, sealRecord({ type: 23, content: random.bytes(5), tag: wire.at(-1), padding: 0 })]);
  }
}
