/** `test/vectors/mux.json`, which any implementation can run: ours reads and writes it. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, hex } from '../../src/base/bytes.ts';
import { readVarint, varintSize } from '../../src/base/varint.ts';
import {
  decodeAccept,
  decodeGoaway,
  decodeOpen,
  decodePriority,
  decodeVarints,
  encodeAccept,
  encodeGoaway,
  encodeOpen,
  encodePriority,
  encodeVarints,
} from '../../src/mux/bodies.ts';
import { FrameParser } from '../../src/mux/codec.ts';
import { consequencesOf, type MuxErrorCode } from '../../src/mux/errors.ts';
import { EOM, FIN, Kind } from '../../src/mux/frame.ts';
import { FrameWriter } from '../../src/mux/frameWriter.ts';
import { type MuxEvent, type MuxLimits, MuxSession } from '../../src/mux/index.ts';
import { DEFAULT_LIMITS } from '../../src/mux/limits.ts';
import { decodeSettings, encodeSettings } from '../../src/mux/settings.ts';
import { preface, Victim, varint } from '../support/muxPeer.ts';

interface FrameVector {
  readonly name: string;
  readonly hex: string;
  readonly write?: false;
  readonly kind: number;
  readonly channel: number;
  readonly fin?: true;
  readonly eom?: true;
  readonly nolen?: true;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own fields
  readonly body: any;
}

const vectors = JSON.parse(readFileSync(resolve(import.meta.dirname, '../vectors/mux.json'), 'utf8'));
const bytes = (text: string): Uint8Array => fromHex(text.replaceAll(' ', ''));
// biome-ignore lint/suspicious/noExplicitAny: each list has its own fields, and a test that reads them
const named = <T = any>(list: readonly T[], name: (item: T) => string): [string, T][] =>
  list.map((item) => [name(item), item]);

/** Kinds by the layout of their bodies. */
const BODIES: Record<number, { read(body: Uint8Array): unknown; write(fields: never): Uint8Array }> = {
  [Kind.data]: raw(),
  [Kind.datagram]: raw(),
  [Kind.open]: {
    read: (body) => decodeOpen(body),
    write: (fields: Parameters<typeof encodeOpen>[0]) => encodeOpen(fields),
  },
  [Kind.accept]: {
    read: (body) => decodeAccept(body),
    write: (fields: Parameters<typeof encodeAccept>[0]) => encodeAccept(fields),
  },
  [Kind.reset]: varints('code', 'finalSize'),
  [Kind.stop]: varints('code'),
  [Kind.credit]: varints('limit'),
  [Kind.blocked]: varints('limit'),
  [Kind.maxChannels]: varints('count'),
  [Kind.ping]: varints('seq'),
  [Kind.pong]: varints('seq'),
  [Kind.ack]: {
    read: (body) => {
      const [position, delay, clock] = decodeVarints(body, 2, 'ACK', 3);
      return clock === undefined ? { position, delay } : { position, delay, clock };
    },
    write: ({ position, delay, clock }: { position: number; delay: number; clock?: number }) =>
      encodeVarints(position, delay, clock),
  },
  [Kind.goaway]: {
    read: (body) => {
      const { lastAccepted: last, code, reason } = decodeGoaway(body);
      return { last, code, reason };
    },
    write: ({ last, code, reason }: { last: number; code: number; reason: string }) =>
      encodeGoaway({ lastAccepted: last, code, reason }),
  },
  [Kind.priority]: {
    read: (body) => decodePriority(body),
    write: (fields: Parameters<typeof encodePriority>[0]) => encodePriority(fields),
  },
  [Kind.extension]: {
    read: (body) => {
      const [id] = decodeVarints(body, 1, 'EXT');
      return { id, bytes: hex(body.subarray(varintSize(body[0]!))) };
    },
    write: (fields: { id: number; bytes: string }) => concat([encodeVarints(fields.id), bytes(fields.bytes)]),
  },
};

function raw(): (typeof BODIES)[number] {
  return {
    read: (body) => ({ bytes: hex(body) }),
    write: (fields: { bytes: string }) => bytes(fields.bytes),
  };
}

function varints(...names: [string] | [string, string]): (typeof BODIES)[number] {
  return {
    read: (body) =>
      Object.fromEntries(decodeVarints(body, names.length, names[0]).map((value, i) => [names[i], value])),
    write: (fields: Record<string, number>) => encodeVarints(fields[names[0]]!, fields[names[1] ?? '']),
  };
}

/** Frames of a link, with their fields. */
function read(input: Uint8Array, messages: boolean): Omit<FrameVector, 'name' | 'hex'>[] {
  const parser = new FrameParser(messages, 1 << 20);
  parser.push(input);
  const frames: Omit<FrameVector, 'name' | 'hex'>[] = [];
  let pieces: Uint8Array[] = [];
  for (let step = parser.next(); step !== 'more'; step = parser.next()) {
    if (step === 'piece') pieces.push(parser.bytes);
    if (step === 'preface' || (step !== 'frame' && parser.left > 0)) continue;
    const { kind, channel, fin, eom } = parser;
    const body = step === 'frame' ? parser.bytes : concat(pieces);
    pieces = [];
    const fields = kind === Kind.settings ? decodeSettings(body) : BODIES[kind]!.read(body);
    frames.push({ kind, channel, ...(fin ? { fin } : {}), ...(eom ? { eom } : {}), body: fields });
  }
  expect(parser.atBoundary).toBe(true);
  return frames;
}

/** Frames that an end may mix in as it likes. */
const UNSAID: ReadonlySet<number> = new Set([Kind.ack, Kind.settings, Kind.extension]);

type Frame = ReturnType<typeof read>[number];

/** NOLEN is the sender's choice. */
function comparable({ kind, channel, fin, eom, body }: Frame): unknown {
  return { kind, channel, fin, eom, body };
}

/** An end of a conversation: its application does what the vector says and notes what it hears. */
class Speaker {
  readonly mux: MuxSession;
  readonly heard: unknown[] = [];
  readonly #modes = new Map<number, string>();
  #begun = false;

  constructor(mux: MuxSession) {
    this.mux = mux;
  }

  /** Numbers of the wire swap with their neighbours at one of the ends. */
  #id(wire: number): number {
    return this.mux.wireId(wire);
  }

  act([what, wire, first, second]: [string, number, never, never]): void {
    const { mux } = this;
    const id = wire === undefined ? 0 : this.#id(wire);
    const acts: Record<string, () => unknown> = {
      open: () => {
        expect(mux.open(first, undefined, second)).toBe(id);
        this.#modes.set(id, (second as { mode: string }).mode);
      },
      write: () => mux.write(id, bytes(first)),
      finish: () => mux.finish(id),
      accept: () => mux.accept(id),
      refuse: () => mux.refuse(id, first),
      reset: () => mux.reset(id, first),
      prioritize: () => mux.prioritize(id, first),
      datagram: () => expect(mux.sendDatagram(id, bytes(first))).toBe(true),
      goaway: () => mux.goaway(),
    };
    acts[what]!();
  }

  listen(input: Uint8Array): void {
    this.mux.feed(input, 0);
    this.#pull();
  }

  #pull(): void {
    for (let event = this.mux.next(); event !== undefined; event = this.mux.next()) this.#note(event);
  }

  #note(event: MuxEvent): void {
    const wire = 'id' in event ? this.#id(event.id) : 0;
    if (event.type === 'incoming') {
      this.#modes.set(event.id, event.mode);
      this.heard.push(['incoming', wire, event.name, event.mode]);
    } else if (event.type === 'readable') {
      const what = this.#modes.get(event.id) === 'messages' ? 'message' : 'data';
      for (let data = this.mux.read(event.id); data !== undefined; data = this.mux.read(event.id))
        this.heard.push([what, wire, hex(data)]);
    } else if (event.type === 'datagram') this.heard.push(['datagram', wire, hex(event.bytes)]);
    else if (event.type === 'reset' || event.type === 'refused' || event.type === 'stopped')
      this.heard.push([event.type, wire, event.error.resetCode]);
    else if (event.type === 'goaway') this.heard.push(['goaway', event.code]);
    else if ('id' in event) this.heard.push([event.type, wire]);
    else if (event.type === 'closed') throw event.error;
  }

  /** What leaves, but for what may leave at any time. */
  output(messages: boolean): unknown[] {
    const said = [this.mux.takeOutput(10_000, 0), this.mux.takeOutput(10_000, 0)];
    this.#pull();
    const chunks = said.map((parts) => concat(parts)).filter(({ length }) => length > 0);
    const frames = messages
      ? chunks.flatMap((message) => read(message, true))
      : read(concat([this.#begun ? preface() : bytes(''), ...chunks]), false);
    this.#begun = true;
    return frames.filter(({ kind }) => !UNSAID.has(kind)).map(comparable);
  }
}

describe('the vectors', () => {
  it.each(named(vectors.varints, ({ value, hex }) => `${value} as ${hex}`))('varint %s', (_, vector) => {
    if (vector.value === null) {
      expect(() => readVarint(bytes(vector.hex), 0)).toThrow(RangeError);
      return;
    }
    expect(readVarint(bytes(vector.hex), 0)).toBe(vector.value);
    if (vector.write !== false) expect(hex(varint(vector.value))).toBe(vector.hex);
  });

  it.each(named(vectors.frames as FrameVector[], ({ name }) => name))('C6: frame: %s', (_, vector) => {
    const { kind, channel, fin, eom, nolen, body } = vector;
    const [frame, ...more] = read(concat([nolen ? bytes('') : preface(), bytes(vector.hex)]), nolen === true);
    expect(more).toEqual([]);
    expect(frame).toEqual({ kind, channel, ...(fin ? { fin } : {}), ...(eom ? { eom } : {}), body });
    if (vector.write === false) return;
    const writer = new FrameWriter();
    const payload = BODIES[kind]!.write(body as never);
    writer.header(kind | (fin ? FIN : 0) | (eom ? EOM : 0), channel, nolen ? undefined : payload.length);
    writer.payload(payload);
    expect(hex(concat(writer.take()))).toBe(hex(bytes(vector.hex)));
  });

  it.each(named(vectors.settings, ({ name }) => name))('C6: SETTINGS: %s', (_, vector) => {
    const { resume, nonce, ...read } = decodeSettings(bytes(vector.hex));
    const { resume: terms, nonce: nonceHex, ...values } = vector.values;
    expect(read).toMatchObject(values);
    expect(resume && [resume.window, resume.ttl]).toEqual(terms);
    expect(nonce && hex(nonce)).toEqual(nonceHex);
    if (vector.write !== false)
      expect(hex(encodeSettings({ ...DEFAULT_LIMITS, ...values }))).toBe(hex(bytes(vector.hex)));
  });

  it.each(named(vectors.beginnings, ({ link, nonce }) => `${link} ${nonce}`))(
    'C6: the beginning of a link: %s',
    (_, vector) => {
      const messages = vector.link === 'messages';
      const mux = new MuxSession({ messages, nonce: bytes(vector.nonce), limits: vector.limits, now: 0 });
      expect(hex(concat(mux.takeOutput(10_000, 0)))).toBe(hex(bytes(vector.hex)));
    },
  );

  it.each(named(vectors.roles, ({ nonces }) => String(nonces)))('C7: roles of %s', (_, vector) => {
    const [a, b] = vector.nonces.map(
      (nonce: string) => new MuxSession({ messages: false, nonce: bytes(nonce), now: 0 }),
    ) as [MuxSession, MuxSession];
    const first = concat(a.takeOutput(10_000, 0));
    a.feed(concat(b.takeOutput(10_000, 0)), 0);
    b.feed(first, 0);
    for (const end of [a, b]) while (end.next() !== undefined);
    if (vector.odd === null) expect([a.error?.code, b.error?.code]).toEqual(['ERR_MUX_ROLE', 'ERR_MUX_ROLE']);
    else expect([a.wireId(2) % 2, b.wireId(2) % 2]).toEqual(vector.odd === 0 ? [1, 0] : [0, 1]);
  });

  it.each(named(vectors.receivers, ({ name }) => name))('C6, C7, W6: a receiver of %s', (_, vector) => {
    const limits = (vector.limits ?? {}) as Partial<MuxLimits>;
    const victim = vector.bare ? new Victim(limits) : Victim.greeted(limits);
    if (vector.app === 'open') victim.mux.open('x');
    victim.output();
    victim.accepts = vector.app === 'accept';
    for (const byte of bytes(vector.input)) victim.feed(Uint8Array.of(byte));
    const code = victim.error?.code as MuxErrorCode | undefined;
    expect(code === undefined ? null : consequencesOf(code).wire, victim.error?.message).toBe(vector.ends);
    if (code === undefined) return;
    const said = read(concat([preface(), victim.output()]), false);
    expect(said.at(-1)).toMatchObject({ kind: Kind.goaway, body: { code: vector.ends } });
  });

  it.each(named(vectors.conversations, ({ name }) => name))('C6: the conversation: %s', (_, vector) => {
    const messages = vector.link === 'messages';
    const ends: Record<string, Speaker> = {};
    for (const name of ['A', 'B'])
      ends[name] = new Speaker(
        new MuxSession({ messages, nonce: bytes(vector[name].nonce), limits: vector[name].limits, now: 0 }),
      );
    const begun = new Set<string>();
    for (const { from, events = [], app = [], hex: said } of vector.steps) {
      const [speaker, listener] = from === 'A' ? [ends['A']!, ends['B']!] : [ends['B']!, ends['A']!];
      expect(speaker.heard.splice(0)).toEqual(events);
      for (const action of app) speaker.act(action);
      const expected = bytes(said);
      expect(speaker.output(messages)).toEqual(
        read(begun.has(from) && !messages ? concat([preface(), expected]) : expected, messages)
          .filter(({ kind }) => !UNSAID.has(kind))
          .map(comparable),
      );
      begun.add(from);
      if (expected.length > 0) listener.listen(expected);
    }
  });

  it('computes the proofs of a resumption', () => {
    const { exporter, id, attempts } = vectors.resumption;
    const mac = (key: string, ...parts: Uint8Array[]): string =>
      createHmac('sha256', bytes(key)).update(concat(parts)).digest('hex');
    const u64 = (value: number): Uint8Array => {
      const out = new Uint8Array(8);
      new DataView(out.buffer).setBigUint64(0, BigInt(value));
      return out;
    };
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    let key: string = exporter.slice(32);
    expect(exporter.slice(0, 32)).toBe(id);
    for (const attempt of attempts) {
      expect(attempt.key).toBe(key);
      const proof = mac(key, text('q2q resume 1\0'), bytes(id), u64(attempt.epoch), u64(attempt.received));
      expect(proof).toBe(attempt.mac);
      const body = concat([bytes(id), bytes(proof), varint(attempt.epoch), varint(attempt.received)]);
      expect(hex(bytes(attempt.resume))).toBe(hex(concat([Uint8Array.of(15, 0), varint(body.length), body])));
      if (attempt.answer !== undefined) {
        const { received } = attempt.answer;
        const answer = mac(key, text('q2q resumed 1\0'), bytes(proof), u64(received));
        expect(answer).toBe(attempt.answer.mac);
        const resumed = concat([bytes(answer), varint(received)]);
        expect(hex(bytes(attempt.resumed))).toBe(
          hex(concat([Uint8Array.of(16, 0), varint(resumed.length), resumed])),
        );
      }
      key = mac(key, text('q2q resume next'));
    }
  });
});
