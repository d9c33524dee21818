/**
 * One direction of a recorded connection as a list of items, under the null provider: handshake messages apart from
 * their records, other records with what is inside. A script can be changed and written out again.
 */
import { type Bytes, concat } from '../../src/base/bytes.ts';
import { TAG_LENGTH } from './nullProvider.ts';
import { rawMessage } from './tlsTree.ts';

export type Item = MessageItem | RecordItem;

export interface MessageItem {
  readonly kind: 'message';
  readonly type: number;
  readonly body: Uint8Array;
  /** The tag of the epoch it is protected in; undefined in the clear. */
  readonly tag: number | undefined;
  /** The next item must not share its record. */
  readonly endsRecord: boolean;
  /** Content of the largest record it came in: no larger ones may carry it. */
  readonly size: number;
}

export interface RecordItem {
  readonly kind: 'record';
  readonly type: number;
  readonly content: Uint8Array;
  readonly tag: number | undefined;
  readonly padding: number;
}

const HANDSHAKE = 22;
const DATA = 23;

export function readScript(wire: Uint8Array): Item[] {
  const items: Item[] = [];
  let gathered: Uint8Array = new Uint8Array(0);
  let size = 0;
  for (const record of splitRecords(wire)) {
    const inside = openRecord(record);
    if (inside.type !== HANDSHAKE) {
      items.push(inside);
      continue;
    }
    size = gathered.length === 0 ? inside.content.length : Math.max(size, inside.content.length);
    gathered = concat([gathered, inside.content]);
    for (let length = messageLength(gathered); length <= gathered.length; length = messageLength(gathered)) {
      const body = gathered.slice(4, length);
      const endsRecord = length === gathered.length;
      items.push({ kind: 'message', type: gathered[0]!, body, tag: inside.tag, endsRecord, size });
      gathered = gathered.subarray(length);
    }
  }
  return items;
}

export function splitRecords(wire: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at + 5 <= wire.length; ) {
    const length = 5 + wire[at + 3]! * 256 + wire[at + 4]!;
    records.push(wire.slice(at, at + length));
    at += length;
  }
  return records;
}

export function openRecord(record: Uint8Array): RecordItem {
  if (record[0] !== DATA)
    return { kind: 'record', type: record[0]!, content: record.slice(5), tag: undefined, padding: 0 };
  const inner = record.subarray(5, record.length - TAG_LENGTH);
  let end = inner.length;
  while (end > 0 && inner[end - 1] === 0) end--;
  return {
    kind: 'record',
    type: inner[end - 1] ?? 0,
    content: inner.slice(0, Math.max(0, end - 1)),
    tag: record[record.length - 1]!,
    padding: inner.length - end,
  };
}

function messageLength(bytes: Uint8Array): number {
  if (bytes.length < 4) return Number.POSITIVE_INFINITY;
  return 4 + bytes[1]! * 65_536 + bytes[2]! * 256 + bytes[3]!;
}

/** One record. Lengths are cut to 16 bits: a fuzzer may ask for more. */
export function sealRecord({ type, content, tag, padding }: Omit<RecordItem, 'kind'>): Bytes {
  const inner =
    tag === undefined
      ? content
      : concat([content, Uint8Array.of(type), new Uint8Array(padding), new Uint8Array(TAG_LENGTH).fill(tag)]);
  const header = Uint8Array.of(
    tag === undefined ? type : DATA,
    3,
    3,
    (inner.length >> 8) & 255,
    inner.length & 255,
  );
  return concat([header, inner]);
}

/** A message in records of at most `size` bytes of content. */
export function sealMessages(messages: Uint8Array, tag: number | undefined, size = 16_000): Bytes {
  const records: Bytes[] = [];
  for (let at = 0; at < messages.length; at += size)
    records.push(sealRecord({ type: HANDSHAKE, content: messages.slice(at, at + size), tag, padding: 0 }));
  return concat(records);
}

/** As it was recorded, padding aside: messages share records where they did. */
export function writeScript(items: readonly Item[], size?: number): Bytes {
  const parts: Bytes[] = [];
  let pending: Uint8Array[] = [];
  let pendingTag: number | undefined;
  let pendingSize = 0;
  const flush = (): void => {
    if (pending.length > 0) parts.push(sealMessages(concat(pending), pendingTag, size ?? pendingSize));
    pending = [];
    pendingSize = 0;
  };
  for (const item of items) {
    if (item.kind === 'record') {
      flush();
      parts.push(sealRecord(item));
      continue;
    }
    if (item.tag !== pendingTag) flush();
    pendingTag = item.tag;
    pendingSize = Math.max(pendingSize, item.size);
    pending.push(rawMessage(item.type, item.body));
    if (item.endsRecord) flush();
  }
  flush();
  return concat(parts);
}
