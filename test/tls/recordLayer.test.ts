/** The two halves of the record layer by themselves, against a plain twin (RFC 9846 §5, RFC 8449). */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, hex } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { encodeKeyUpdate } from '../../src/tls/messages/keyUpdate.ts';
import { RecordAligned } from '../../src/tls/proofs.ts';
import { RecordReader } from '../../src/tls/record/reader.ts';
import { RecordWriter } from '../../src/tls/record/writer.ts';
import type { TrafficKeys } from '../../src/tls/schedule/schedule.ts';
import { ALERT, CCS, DATA, HANDSHAKE } from '../support/forge.ts';

const KEY = new Uint8Array(32).map((_, i) => i);
const IV = new Uint8Array(12).map((_, i) => 0xf0 ^ i);
const AEAD = 'chacha20-poly1305';
const OVERHEAD = 5 + 1 + 16;

function keys(provider: CryptoProvider): TrafficKeys {
  return { aead: provider.aead(AEAD, KEY), iv: new Uint8Array(IV) };
}

const aligned = RecordAligned.check({
  name: 'finished',
  bytes: KEY,
  body: KEY,
  endsRecord: true,
});

function writerUnder(provider: CryptoProvider, maxPlaintext = 2 ** 14): RecordWriter {
  const writer = new RecordWriter(maxPlaintext, true);
  writer.setKeys(keys(provider));
  return writer;
}

function readerUnder(provider: CryptoProvider): RecordReader {
  const reader = new RecordReader('server');
  reader.setKeys(keys(provider), aligned);
  return reader;
}

/** §5.2 and §5.3 word for word, with everything that the record path must not use. */
function plainSeal(sequence: number, type: number, content: Uint8Array, padding: number): Uint8Array {
  const nonce = BigInt(`0x${hex(IV)}`) ^ BigInt(sequence);
  const inner = concat([content, Uint8Array.of(type), new Uint8Array(padding)]);
  const length = inner.length + 16;
  const header = Uint8Array.of(DATA, 3, 3, length >> 8, length & 255);
  const sealed = new Uint8Array(length);
  const nonceBytes = Uint8Array.from(Buffer.from(nonce.toString(16).padStart(24, '0'), 'hex'));
  noble.aead(AEAD, KEY).seal(nonceBytes, header, [inner], sealed, 0);
  return concat([header, sealed]);
}

/** Cut so that vectors, borders of pieces and of records fall everywhere. */
const vectors = fc.array(fc.integer({ min: 0, max: 9000 }), { minLength: 1, maxLength: 4 });

const fill = (length: number, seed = 1): Uint8Array =>
  new Uint8Array(length).map((_, i) => (i * 31 + seed) & 255);

describe.each([node, noble])('records of $name', (provider) => {
  it('are those of the plain twin, whatever the vector, the limit and the padding', () => {
    const steps = fc.array(vectors, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        steps,
        fc.constantFrom(1, 16, 512, 5000),
        fc.constantFrom(64, 500, 16_384),
        (writes, padTo, max) => {
          const writer = writerUnder(provider, max);
          writer.padTo = padTo;
          const wanted: Uint8Array[] = [];
          for (const lengths of writes) {
            const whole = fill(lengths.reduce((sum, length) => sum + length, 0)).subarray(0, max);
            const parts: Uint8Array[] = [];
            for (let at = 0, i = 0; at < whole.length; at += lengths[i++]!)
              parts.push(whole.subarray(at, at + lengths[i]!));
            writer.data(parts, whole.length);
            const inner = Math.min(Math.ceil((whole.length + 1) / padTo) * padTo, max + 1);
            wanted.push(plainSeal(wanted.length, DATA, whole, Math.max(0, inner - whole.length - 1)));
          }
          expect(writer.size).toBe(concat(wanted).length);
          expect(Buffer.compare(concat(writer.take(Number.POSITIVE_INFINITY)), concat(wanted))).toBe(0);
          expect(writer.recordsTaken).toBe(writes.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are handed out whole, however little is asked for', () => {
    const writer = writerUnder(provider);
    const lengths = [10, 5000, 16_384, 0, 4074, 4075, 4076];
    for (const length of lengths) writer.data([fill(length)], length);
    const wanted = lengths.map((length, i) => plainSeal(i, DATA, fill(length), 0));
    for (const record of wanted) {
      expect(Buffer.compare(concat(writer.take(1)), record)).toBe(0);
    }
    expect(writer.take(1)).toEqual([]);
    for (const length of lengths) writer.data([fill(length)], length);
    expect(concat(writer.take(10 + 5000 + 2 * OVERHEAD)).length).toBe(10 + 5000 + 2 * OVERHEAD);
    expect(concat(writer.take(16_384 + 2 * OVERHEAD + 100)).length).toBe(16_384 + 2 * OVERHEAD);
    expect(writer.size).toBe(4074 + 4075 + 4076 + 3 * OVERHEAD);
  });

  it('that come in pieces keep their content while later ones are read', () => {
    const writer = writerUnder(provider);
    const contents = [16_384, 100, 9000, 16_000, 1, 16_384].map((length, i) => fill(length, i));
    for (const content of contents) writer.data([content], content.length);
    const stream = concat(writer.take(Number.POSITIVE_INFINITY));
    const reader = readerUnder(provider);
    const seen: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += 1447) {
      reader.push(stream.slice(at, at + 1447));
      for (let incoming = reader.next(); incoming !== undefined; incoming = reader.next())
        if (incoming.kind === 'data') seen.push(incoming.bytes);
    }
    expect(seen.map((bytes) => bytes.length)).toEqual(contents.map((content) => content.length));
    expect(Buffer.compare(concat(seen), concat(contents))).toBe(0);
  });
});

describe('the limit of the peer (RFC 8449)', () => {
  it('counts content, type and padding of protected records', () => {
    const writer = writerUnder(node);
    writer.padTo = 100;
    writer.limitPlaintext(64);
    expect(writer.maxPlaintext).toBe(63);
    writer.data([fill(1)], 1);
    expect(writer.size).toBe(5 + 64 + 16);
    writer.handshake(fill(200));
    expect(writer.size).toBe(5 * (5 + 64 + 16));
    expect(concat(writer.take(Number.POSITIVE_INFINITY)).length).toBe(5 * (5 + 64 + 16));
  });

  it('says nothing about records in the clear', () => {
    const writer = new RecordWriter(2 ** 14, true);
    writer.limitPlaintext(64);
    writer.padTo = 64;
    writer.handshake(fill(1000));
    expect(writer.size).toBe(1005);
    expect(concat(writer.take(Number.POSITIVE_INFINITY)).length).toBe(1005);
  });

  it('is the least of those told, and never more than the standard’s', () => {
    const writer = writerUnder(node, 1000);
    writer.limitPlaintext(60_000);
    expect(writer.maxPlaintext).toBe(1000);
    writer.limitPlaintext(501);
    writer.limitPlaintext(900);
    expect(writer.maxPlaintext).toBe(500);
    expect(writerUnder(node).maxPlaintext).toBe(2 ** 14);
  });

  it('holds for what we read once it is ours, padding too', () => {
    for (const [length, padding, fine] of [
      [99, 0, true],
      [50, 49, true],
      [100, 0, false],
      [50, 50, false],
    ] as const) {
      const reader = readerUnder(noble);
      reader.push(plainSeal(0, DATA, fill(2000), 0));
      expect(reader.next()?.kind).toBe('data');
      reader.limitPlaintext(100);
      reader.push(plainSeal(1, DATA, fill(length), padding));
      if (fine) expect(reader.next()?.kind).toBe('data');
      else expect(() => reader.next()).toThrow(expect.objectContaining({ alert: 'record_overflow' }));
    }
  });

  it('outlives a change of keys', () => {
    const reader = readerUnder(noble);
    reader.limitPlaintext(100);
    reader.setKeys(keys(noble), aligned);
    reader.push(plainSeal(0, DATA, fill(100), 0));
    expect(() => reader.next()).toThrow(/wanted at most 100/);
  });
});

describe('a writer with early data (§4.3.10)', () => {
  it('puts ChangeCipherSpec in front of it, data beside handshake messages, and goes back to the clear', () => {
    const writer = new RecordWriter(2 ** 14, true);
    writer.handshake(fill(50));
    writer.changeCipherSpec();
    writer.setKeys(keys(noble));
    writer.data([fill(10)], 10);
    writer.handshake(encodeKeyUpdate(false)); // stands for EndOfEarlyData
    writer.data([fill(3)], 3);
    expect(writer.keyIsSpent).toBe(false);
    writer.dropKeys();
    writer.handshake(fill(60));
    writer.alert('user_canceled', 1);
    const stream = concat(writer.take(Number.POSITIVE_INFINITY));
    const types: string[] = [];
    for (let at = 0; at < stream.length; at += 5 + ((stream[at + 3]! << 8) | stream[at + 4]!))
      types.push(`${stream[at]} ${stream[at + 2]}`);
    expect(types).toEqual([
      `${HANDSHAKE} 1`,
      `${CCS} 3`,
      `${DATA} 3`,
      `${DATA} 3`,
      `${DATA} 3`,
      `${HANDSHAKE} 3`,
      `${ALERT} 3`,
    ]);
    expect(() => writer.data([fill(1)], 1)).toThrow(/before there is a key/);
  });
});

it('the record path joins nothing, waits for nothing and counts without BigInt', () => {
  const root = resolve(import.meta.dirname, '../../src');
  const files = [
    ...readdirSync(`${root}/tls/record`).map((name) => `tls/record/${name}`),
    'crypto/nodeAead.node.ts',
    'crypto/nobleAead.ts',
  ];
  for (const file of files) {
    const code = readFileSync(`${root}/${file}`, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    expect(code, file).not.toMatch(/\bconcat\(|\bBigInt\b|\d+n\b|\basync\b|\bawait\b|Promise|\.then\(/);
  }
});
