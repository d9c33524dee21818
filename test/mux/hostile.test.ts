/**
 * A peer that sends anything at all. Whatever it sends: nothing is thrown, the session ends with a code or goes on, what is held
 * stays within the receive budget and 1 MiB, buffer by buffer and table by table, and each byte of input causes a bounded number of steps.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { FrameParser } from '../../src/mux/codec.ts';
import { EOM, FIN, Kind, NOLEN } from '../../src/mux/frame.ts';
import { MuxError, type MuxLimits, MuxSession } from '../../src/mux/index.ts';
import { MAX_CONTROL_BODY } from '../../src/mux/limits.ts';
import type { ChannelTable } from '../../src/mux/table.ts';
import { unreadOf } from '../support/account.ts';
import { control, frame, open, preface, settings, varint } from '../support/muxPeer.ts';
import { SeededRandom } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const LIMITS: Partial<MuxLimits> = {
  initialCredit: 4_096,
  maxChannels: 16,
  acceptBacklog: 8,
  maxMessage: 2_000,
  receiveBudget: 150_000,
};
const MIB = 1 << 20;
/** Events, frames taken in and frames sent that a byte of input may cause; a frame has at least two bytes. */
const STEPS_PER_BYTE = 3;
/** What every session may do besides: greeting, one goodbye, events for the channels that end with it. */
const STEPS = 200;

const KINDS = [...Object.values(Kind), 17, 24, 30];

/** What a session keeps to itself; a test may look. */
interface Insides {
  readonly table: ChannelTable;
  readonly events: { readonly length: number };
}

/** The parser that was given bytes last. */
let newest: FrameParser | undefined;
const { push } = FrameParser.prototype;
beforeAll(() => {
  FrameParser.prototype.push = function (chunk) {
    newest = this;
    push.call(this, chunk);
  };
});
afterAll(() => void (FrameParser.prototype.push = push));

function atMost(what: string, value: number, most: number): void {
  if (!(value <= most)) throw new Error(`${what}: ${value}, at most ${most}`);
}

/** An engine whose application does something now and then, and never what would be good for the link. */
class Target {
  readonly mux: MuxSession;
  readonly random: SeededRandom;
  #parser: FrameParser | undefined;
  events = 0;
  closes = 0;
  error: MuxError | undefined;
  input = 0;
  now = 0;
  reads: boolean;
  takes: boolean;
  /** False: offered channels wait. */
  answers = true;

  constructor(random: SeededRandom, limits: Partial<MuxLimits> = LIMITS) {
    this.random = random;
    this.mux = new MuxSession({ messages: false, nonce: new Uint8Array(8), limits, now: 0 });
    this.reads = random.next() < 0.5;
    this.takes = random.next() < 0.7;
  }

  feed(bytes: Uint8Array): void {
    this.input += this.mux.isOver ? 0 : bytes.length;
    newest = undefined;
    this.mux.feed(bytes, this.now);
    this.#parser = newest ?? this.#parser;
    this.#pull();
    if (this.takes) this.output();
  }

  output(): Uint8Array {
    const bytes = concat(this.mux.takeOutput(MIB, this.now));
    this.#pull();
    return bytes;
  }

  #pull(): void {
    for (let event = this.mux.next(); event !== undefined; event = this.mux.next()) {
      this.events++;
      if (event.type === 'closed') {
        this.closes++;
        this.error = event.error;
      } else if (event.type === 'incoming') this.#offered(event.id);
      else if (event.type === 'readable' && this.reads) while (this.mux.read(event.id) !== undefined);
      else if (event.type === 'gone') this.mux.release(event.id);
    }
  }

  #offered(id: number): void {
    const dice = this.answers ? this.random.next() : 1;
    if (dice < 0.5) this.mux.accept(id);
    else if (dice < 0.6) this.mux.refuse(id);
  }

  /** Bytes that the application has not taken. */
  get unread(): number {
    let sum = 0;
    for (let id = 1; id < 200; id++) sum += unreadOf(this.mux, id);
    return sum;
  }

  /** Steps of work so far. */
  get steps(): number {
    const { framesReceived, framesSent } = this.mux.stats();
    return this.events + framesReceived + framesSent;
  }

  /** Buffers and tables one by one, between two steps. */
  count(): void {
    this.#pull(); // what the application did since may have made some
    const { mux } = this;
    const { limits } = mux;
    const { table, events } = mux as unknown as Insides;
    atMost('events', events.length, 0);
    let [theirs, ours, credit] = [0, 0, 0];
    for (const stream of table.values()) {
      if (stream.openedHere) ours++;
      else theirs++;
      const { grant, unread, partial, messages, acceptBody, priorityBody } = stream;
      credit += grant.limit - grant.consumed;
      atMost('unread bytes of a channel', unread.length, grant.received - grant.consumed);
      atMost('bytes of a message that comes', partial, limits.maxMessage);
      atMost('messages of a channel of bytes', messages === undefined ? stream.partial : 0, 0);
      for (const body of [acceptBody, priorityBody])
        atMost('bytes of an answer', body?.length ?? 0, MAX_CONTROL_BODY);
    }
    const most = mux.isOver ? Number.POSITIVE_INFINITY : limits.maxChannels; // what had come whole is kept
    atMost('channels of the peer', theirs, most);
    atMost('channels of ours', ours, mux.stats().opened);
    atMost('handlers that have not ended', table.held, limits.maxChannels);
    atMost('channels that wait for an answer', table.backlog, limits.acceptBacklog);
    atMost('bytes of their names', table.backlogBytes, limits.backlogBytes);
    const parser = this.#parser;
    if (mux.isOver || parser === undefined) return;
    atMost('credit', credit, limits.receiveBudget + ours * limits.initialCredit);
    atMost('bytes in the parser', parser.end - parser.position, 0);
    const body = parser.kind === Kind.data ? 0 : parser.length;
    atMost('bytes of a frame being collected', body, Math.max(MAX_CONTROL_BODY, limits.maxDatagram));
  }

  judge(): void {
    expect(this.closes).toBeLessThanOrEqual(1);
    expect(this.steps).toBeLessThanOrEqual(STEPS + STEPS_PER_BYTE * this.input);
    expect(this.unread).toBeLessThanOrEqual(this.mux.limits.receiveBudget);
    expect(this.output().length).toBeLessThanOrEqual(MIB);
    if (!this.mux.isOver) return;
    expect(this.error).toBeInstanceOf(MuxError);
    expect(this.error?.cause, String(this.error?.cause)).toBeUndefined();
    // What had come whole can still be read; nothing else is kept.
    for (let id = 1; id < 200; id++) while (this.mux.read(id) !== undefined);
    expect(this.mux.stats().channels).toBe(0);
    this.feed(open(1));
    expect([this.closes, this.output().length]).toEqual([1, 0]);
  }
}

/** A body that is right for the kind, nearly right, or nothing like it. */
function body(random: SeededRandom, kind: number): Uint8Array {
  const numbers = [0, 1, 7, 63, 64, 255, 4_095, 4_096, 4_097, 16_383, 65_536, 2 ** 30, 2 ** 40, 2 ** 53 - 1];
  const number = (): Uint8Array => varint(numbers[random.int(0, numbers.length - 1)]!);
  const dice = random.next();
  if (dice < 0.2) return random.bytes(random.int(0, 40));
  if (kind === Kind.data || kind === Kind.datagram)
    return new Uint8Array(random.int(0, dice < 0.4 ? 5_000 : 300));
  if (kind === Kind.open)
    return control([random.int(0, 2), random.int(0, 15), random.int(0, 70_000), 'x', null]);
  if (kind === Kind.accept) return control([random.int(0, 70_000)]);
  if (kind === Kind.goaway) return control([random.int(0, 99), random.int(0, 20), 'why']);
  if (kind === Kind.resume || kind === Kind.resumed) return random.bytes(random.int(30, 70));
  return concat([number(), number()]);
}

function step(target: Target, random: SeededRandom, next: { channel: number }): void {
  const dice = random.next();
  if (dice < 0.15) {
    target.feed(open(next.channel));
    next.channel += 2;
  } else if (dice < 0.2) target.feed(random.bytes(random.int(1, 30)));
  else if (dice < 0.35) application(target, random, next.channel);
  else {
    const kind = KINDS[random.int(0, KINDS.length - 1)]!;
    const flags = random.next() < 0.2 ? [FIN, EOM, NOLEN, FIN | EOM][random.int(0, 3)]! : 0;
    const onLink = random.next() < 0.4;
    const bytes = frame(kind | flags, onLink ? 0 : random.int(1, next.channel), body(random, kind));
    const cut = random.int(0, bytes.length);
    target.feed(bytes.subarray(0, cut));
    target.feed(bytes.subarray(cut));
  }
}

function application(target: Target, random: SeededRandom, most: number): void {
  const { mux } = target;
  const id = random.int(1, most);
  const acts = [
    () => mux.write(id, new Uint8Array(random.int(0, 1_500))),
    () => mux.finish(id),
    () => mux.reset(id),
    () => mux.stop(id),
    () => mux.accept(id),
    () => mux.refuse(id),
    () => mux.read(id),
    () => mux.prioritize(id, { urgency: 1 }),
    () => mux.ping(target.now),
    () => void (mux.isOver || mux.stats().channels > 12 || random.next() < 0.8 || openOne(mux)),
    () => mux.tick((target.now += random.int(0, 3_000))),
  ];
  acts[random.int(0, acts.length - 1)]!();
}

/** The peer may have said goodbye, which is no bug. */
function openOne(mux: MuxSession): void {
  try {
    mux.open('mine');
  } catch (error) {
    if (!(error instanceof MuxError)) throw error;
  }
}

function ordeal(seed: number): void {
  const random = new SeededRandom(seed);
  const target = new Target(random);
  if (random.next() < 0.95) {
    target.feed(preface());
    if (random.next() < 0.97) target.feed(settings({ maxChannels: 8, initialCredit: random.int(0, 70_000) }));
  }
  const next = { channel: 1 };
  for (let left = random.int(1, 60); left > 0; left--) {
    step(target, random, next);
    target.count();
  }
  target.judge();
}

const SEED = Number(process.env['Q2Q_SEED'] ?? 1);
const RUNS = Number(process.env['Q2Q_FUZZ_RUNS'] ?? sized(300, 5_000));

describe('a peer that sends anything', () => {
  it(`W6, D1, D3, D6: ${RUNS} peers from seed ${SEED} end in a code or none, and stay within the budgets`, () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++)
      try {
        ordeal(seed);
      } catch (cause) {
        throw new Error(
          `Q2Q_SEED=${seed} Q2Q_FUZZ_RUNS=1: ${cause instanceof Error ? cause.message : cause}`,
          { cause },
        );
      }
  });

  it('W6, C10: real traffic with bytes changed, left out or doubled ends in a code or none', () => {
    const recorded = record();
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed);
      const bytes = recorded.slice();
      for (let i = random.int(1, 4); i > 0; i--) bytes[random.int(13, bytes.length - 1)] = random.int(0, 255);
      const at = random.int(0, bytes.length);
      const wire =
        random.next() < 0.3 ? concat([bytes.subarray(0, at), bytes.subarray(at + random.int(0, 9))]) : bytes;
      const target = new Target(random);
      for (let from = 0; from < wire.length; ) {
        const size = random.int(1, 700);
        target.feed(wire.subarray(from, from + size));
        target.count();
        from += size;
      }
      target.judge();
    }
  });
});

/** What an honest peer says: channels of both modes, data, ends, pings. */
function record(): Uint8Array {
  const peer = new MuxSession({ messages: false, nonce: new Uint8Array(8).fill(255), now: 0 });
  peer.feed(
    concat(new MuxSession({ messages: false, nonce: new Uint8Array(8), now: 0 }).takeOutput(MIB, 0)),
    0,
  );
  while (peer.next() !== undefined);
  for (let i = 0; i < 6; i++) {
    const id = peer.open(`channel ${i}`, { i }, { mode: i % 2 === 0 ? 'bytes' : 'messages' });
    peer.write(id, new Uint8Array(500 * i));
    if (i % 3 === 0) peer.finish(id);
    if (i % 3 === 1) peer.reset(id, 256);
    peer.ping(i);
  }
  return concat(peer.takeOutput(MIB, 10));
}

describe('named attacks', () => {
  const greeted = (limits: Partial<MuxLimits> = {}): Target => {
    const random = new SeededRandom(1);
    const target = new Target(random, limits);
    target.takes = target.reads = target.answers = false;
    target.feed(concat([preface(), settings()]));
    target.output();
    return target;
  };

  /** Feeds up to `most` frames; returns how many it took to end the link. */
  function flood(target: Target, most: number, frameOf: (i: number) => Uint8Array): number {
    for (let i = 0; i < most; i++) {
      target.feed(frameOf(i));
      if (target.mux.isOver) return i + 1;
    }
    return Number.POSITIVE_INFINITY;
  }

  it('D1: of a million PINGs whose answers nobody reads, at most 11,000 are heard, and one PONG is owed', () => {
    const target = greeted();
    const before = greeted();
    for (let i = 1; i <= 9_000; i++) before.feed(frame(Kind.ping, 0, varint(i)));
    expect(before.output().length).toBeLessThan(32);
    expect(flood(target, 1_000_000, (i) => frame(Kind.ping, 0, varint(i + 1)))).toBeLessThan(11_000);
    expect(target.error?.code).toBe('ERR_MUX_LIMIT');
  });

  it('D1: a second SETTINGS ends the link at once', () => {
    expect(flood(greeted(), 10, () => settings())).toBe(1);
  });

  it('D2: rapid reset and MadeYouReset end the link within 2,500 channels, and hold none of them', () => {
    const rapid = greeted({ maxChannels: 100_000, acceptBacklog: 100_000 });
    const reset = (i: number): Uint8Array =>
      concat([open(2 * i + 1), frame(Kind.reset, 2 * i + 1, concat([varint(7), varint(0)]))]);
    expect(flood(rapid, 100_000, reset)).toBeLessThan(2_500);
    const made = greeted({ maxChannels: 100_000, acceptBacklog: 100_000 });
    const stop = (i: number): Uint8Array => concat([open(2 * i + 1), frame(Kind.stop, 2 * i + 1, varint(7))]);
    expect(flood(made, 100_000, stop)).toBeLessThan(2_500);
    expect([rapid.mux.stats().channels, made.mux.stats().channels]).toEqual([0, 0]);
  });

  it('D4: a window that is opened and output that is never taken hold what the application queued, and nothing of the peer', () => {
    const target = greeted();
    target.feed(open(1, 'x', 2 ** 30));
    target.mux.accept(1);
    let written = 0;
    while (target.mux.write(1, new Uint8Array(16_384))) written += 16_384;
    for (let i = 1; i <= 5_000; i++) target.feed(frame(Kind.credit, 1, varint(2 ** 30 + 512 * i)));
    expect(target.mux.queued(1)).toBe(written + 16_384);
    expect(written).toBeLessThanOrEqual(target.mux.limits.sendHighWater);
    expect(target.steps).toBeLessThan(5_100);
  });

  it('D5: a million changes of priority end the link, and none costs more with more channels', () => {
    const target = greeted({ maxChannels: 1_000 });
    for (let i = 0; i < 1_000; i++) target.feed(open(2 * i + 1));
    const frames = flood(target, 1_000_000, (i) => frame(Kind.priority, 2 * (i % 1_000) + 1, varint(i % 8)));
    expect(frames).toBeLessThan(12_000);
    expect(target.error?.code).toBe('ERR_MUX_LIMIT');
  });

  it.each([
    ['nested arrays', new Uint8Array(4_000).fill(0x91)],
    ['an array of 2^32 - 1', Uint8Array.of(0xdd, 255, 255, 255, 255)],
    ['a map of 2^32 - 1', Uint8Array.of(0xdf, 255, 255, 255, 255)],
    ['2^32 - 1 bytes', Uint8Array.of(0xc6, 255, 255, 255, 255)],
    ['an extension type', Uint8Array.of(0xc9, 0, 0, 0, 200, 1)],
  ])('D6: %s as a control body end the link with a code, at once', (_, bomb) => {
    for (const kind of [Kind.open, Kind.settings, Kind.goaway]) {
      const target = greeted();
      target.feed(frame(kind, kind === Kind.open ? 1 : 0, bomb));
      expect(target.error?.code).toBe('ERR_MUX_PROTOCOL');
      expect(target.error?.cause).toBeUndefined();
      expect(target.steps).toBeLessThan(12);
    }
  });
});
