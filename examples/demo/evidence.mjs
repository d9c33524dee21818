// What a relay can learn from the bytes that pass through it: it reads the frames' headers, and it may search for what
// it would like to find. Plain Node, no q2q code: this is the outsider's view.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const KINDS = [
  'data',
  'open',
  'accept',
  'reset',
  'stop',
  'credit',
  'blocked',
  'maxChannels',
  'ping',
  'pong',
  'ack',
  'settings',
  'goaway',
];
const PREFACE = Buffer.from('Q2QM');
const PREFACE_LENGTH = 13; // 'Q2QM', version, nonce (docs/protocol.md §2, src/mux/frame.ts)
const CHUNK = 1 << 20;

/** Calls `see(chunk)` for each piece of a file; chunks are reused. */
export function eachChunk(path, see) {
  const file = openSync(path, 'r');
  const buffer = Buffer.allocUnsafe(CHUNK);
  try {
    for (let read; (read = readSync(file, buffer, 0, CHUNK, null)) > 0; ) see(buffer.subarray(0, read));
  } finally {
    closeSync(file);
  }
}

/** Reads a recorded direction frame by frame: how many of each kind, how long, and how many begin a TLS record. */
export function readFrames(path) {
  const view = { bytes: 0, preface: false, kinds: {}, sizes: new Map(), records: 0, payload: 0 };
  let header = []; // the bytes of a header that a chunk boundary cut
  let skip = PREFACE_LENGTH;
  const start = [];
  let left = 0; // of a payload
  let first = false;
  eachChunk(path, (chunk) => {
    view.bytes += chunk.length;
    let at = 0;
    while (at < chunk.length) {
      if (skip > 0) {
        const take = Math.min(skip, chunk.length - at);
        start.push(...chunk.subarray(at, at + take));
        skip -= take;
        at += take;
      } else if (left > 0) {
        if (first && isRecordType(chunk[at])) view.records++;
        first = false;
        const take = Math.min(left, chunk.length - at);
        left -= take;
        at += take;
      } else {
        header.push(chunk[at++]);
        const frame = parseHeader(header);
        if (frame === undefined) continue;
        header = [];
        left = frame.length;
        first = frame.kind === 'data' && left > 0;
        view.kinds[frame.kind] = (view.kinds[frame.kind] ?? 0) + 1;
        if (frame.kind === 'data') {
          view.payload += left;
          const size = sizeClass(left);
          view.sizes.set(size, (view.sizes.get(size) ?? 0) + 1);
        }
      }
    }
  });
  view.preface = PREFACE.equals(Buffer.from(start.slice(0, 4)));
  view.whole = left === 0 && header.length === 0;
  return view;
}

/** TLS content types: 20 change_cipher_spec, 21 alert, 22 handshake, 23 application_data (RFC 9846 §5.1). */
const isRecordType = (byte) => byte >= 20 && byte <= 23;

/** type u8, channel varint, length varint; undefined while bytes are missing. */
function parseHeader(bytes) {
  const channel = varint(bytes, 1);
  const length = channel && varint(bytes, channel.next);
  return length && { kind: KINDS[bytes[0] & 0x1f] ?? 'other', length: length.value };
}

function varint(bytes, at) {
  if (at >= bytes.length) return undefined;
  const size = 1 << (bytes[at] >> 6);
  if (at + size > bytes.length) return undefined;
  let value = bytes[at] & 0x3f;
  for (let i = 1; i < size; i++) value = value * 256 + bytes[at + i];
  return { value, next: at + size };
}

const CLASSES = [64, 256, 1024, 4096, 16_384, 65_536];
const sizeClass = (size) => CLASSES.find((limit) => size <= limit) ?? Number.POSITIVE_INFINITY;

/** Samples of `length` bytes, evenly spread over a file. */
export function sampleFile(path, count, length = 32) {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    return Array.from({ length: count }, (_, i) => {
      const sample = Buffer.alloc(length);
      readSync(file, sample, 0, length, Math.floor((i * (size - length)) / Math.max(1, count - 1)));
      return sample;
    });
  } finally {
    closeSync(file);
  }
}

/**
 * For each group of samples: how many of them occur anywhere in the files, at any offset. One pass looks at every position
 * once: a filter on three bytes throws nearly all out, a map on four decides the rest.
 */
export function search(paths, groups) {
  const samples = Object.values(groups).flat();
  const filter = new Uint8Array(FILTER_SIZE);
  const byStart = new Map();
  for (const sample of samples) {
    filter[slot((sample[0] << 16) | (sample[1] << 8) | sample[2])] = 1;
    const start = sample.readUInt32LE(0);
    byStart.set(start, [...(byStart.get(start) ?? []), sample]);
  }
  const found = new Set();
  for (const path of paths) searchFile(path, filter, byStart, longest(samples), found);
  return Object.fromEntries(
    Object.entries(groups).map(([name, group]) => [name, group.filter((sample) => found.has(sample)).length]),
  );
}

const FILTER_SIZE = 1 << 18; // stays in the processor's cache
const slot = (three) => (three ^ (three >>> 6)) & (FILTER_SIZE - 1);
const longest = (samples) => Math.max(...samples.map((sample) => sample.length));

function searchFile(path, filter, byStart, overlap, found) {
  let tail = Buffer.alloc(0);
  eachChunk(path, (chunk) => {
    const bytes = Buffer.concat([tail, chunk]); // a match may lie across two chunks
    const end = bytes.length - 4;
    let three = (bytes[0] << 8) | bytes[1];
    for (let at = 0; at <= end; at++) {
      three = ((three << 8) | bytes[at + 2]) & 0xffffff;
      if (filter[slot(three)] === 0) continue;
      for (const sample of byStart.get(bytes.readUInt32LE(at)) ?? []) {
        if (sample.equals(bytes.subarray(at, at + sample.length))) found.add(sample);
      }
    }
    tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - overlap + 1)));
  });
}
