/** Two engines that can lose their link: bytes move when the test says so, links are cut where it says so. */
import { expect } from 'vitest';
import { concat, EMPTY } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { MuxError, type MuxLimits, MuxSession, RESUME_SECRET_LENGTH } from '../../src/mux/index.ts';
import { MuxEnd, mirror } from './muxPair.ts';
import { SeededRandom } from './random.ts';

const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
  provider.hmac('sha256', key, ...parts);

export const SECRET: Uint8Array = Uint8Array.from({ length: RESUME_SECRET_LENGTH }, (_, i) => i);

/** An engine at one end of a link. */
export const end = (messages: boolean, byte: number, limits: Partial<MuxLimits>, now = 0): MuxEnd =>
  new MuxEnd(new MuxSession({ messages, nonce: new Uint8Array(8).fill(byte), limits, hmac, now }));

export interface ResumePairOptions {
  readonly messages?: boolean;
  readonly limits?: Partial<MuxLimits>;
  readonly armed?: boolean;
}

/** `a` made the link and makes the next ones. */
export class ResumePair {
  readonly a: MuxEnd;
  readonly b: MuxEnd;
  now = 0;
  messages: boolean;
  /** Bytes that the link still carries, of both directions. */
  budget: number = Number.POSITIVE_INFINITY;
  /** The engine that meets a new link at b's end, until it has handed it over. */
  fresh: MuxEnd | undefined;
  linked = true;

  constructor(options: ResumePairOptions = {}) {
    const { messages = false, limits = {}, armed = true } = options;
    this.messages = messages;
    this.a = end(messages, 1, limits);
    this.b = end(messages, 2, limits);
    if (armed) for (const { mux } of [this.a, this.b]) mux.resumption!.arm(SECRET);
  }

  /** One output of each end; returns how many bytes that was. Cuts the link when its budget is used up. */
  move(max = 65_536): number {
    return this.#carry(this.a, max) + this.#carry(this.fresh ?? this.b, max);
  }

  #carry(from: MuxEnd, max: number): number {
    if (!this.linked) return 0;
    const bytes = concat(from.mux.takeOutput(max, this.now));
    from.pull();
    const whole = bytes.length <= this.budget;
    const kept = whole ? bytes : this.messages ? EMPTY : bytes.subarray(0, this.budget);
    this.budget -= kept.length;
    if (kept.length > 0) this.#deliver(from === this.a ? undefined : this.a, kept.slice());
    if (!whole) this.cut();
    return bytes.length;
  }

  #deliver(to: MuxEnd | undefined, bytes: Uint8Array): void {
    const target = to ?? this.fresh ?? this.b;
    target.mux.feed(bytes, this.now);
    target.pull();
    if (target === this.fresh) this.#meet(target);
  }

  /** What a driver does with a link that is meant for another session. */
  #meet(fresh: MuxEnd): void {
    const [asked] = fresh.of('resume');
    if (asked === undefined) return;
    if (!this.b.mux.acceptResume(asked.request, this.now)) {
      fresh.mux.refuseResume();
      this.b.pull();
      return;
    }
    const unread = fresh.mux.handOver();
    this.fresh = undefined;
    this.b.pull();
    for (const chunk of unread) this.#deliver(this.b, chunk);
  }

  cut(): void {
    this.linked = false;
    this.fresh = undefined;
    for (const { mux } of [this.a, this.b])
      if (mux.resumption?.isLinked !== false || mux.resumption.isResuming)
        mux.linkLost(new MuxError('ERR_MUX_LINK_CLOSED', 'cut'), this.now);
    for (const one of [this.a, this.b]) one.pull();
  }

  /** `a` makes a new link. `halfDead`: b does not know yet that the old one is lost. */
  reconnect(messages: boolean = this.messages, budget: number = Number.POSITIVE_INFINITY): void {
    this.messages = messages;
    this.budget = budget;
    this.linked = true;
    this.fresh = end(messages, 3, {}, this.now);
    // A fresh end introduces itself at once.
    const hello = concat(this.fresh.mux.takeOutput(65_536, this.now));
    this.a.mux.resumption!.ask(messages, this.now);
    const ask = concat(this.a.mux.takeOutput(65_536, this.now));
    for (const [to, bytes] of [
      [this.a, hello],
      [undefined, ask],
    ] as const) {
      if (!this.linked) return;
      const kept = bytes.length <= this.budget ? bytes : messages ? EMPTY : bytes.subarray(0, this.budget);
      this.budget -= kept.length;
      if (kept.length > 0) this.#deliver(to, kept.slice());
      if (kept.length < bytes.length) this.cut();
    }
  }

  settle(): void {
    for (let round = 0; round < 100_000; round++) {
      if (this.move() > 0) continue;
      const due = [this.a, this.b].flatMap(({ mux }) => mux.deadline() ?? []);
      if (!this.linked || Math.min(...due) > this.now + 26) return;
      this.now = Math.max(this.now, Math.min(...due));
      for (const one of [this.a, this.b]) {
        one.mux.tick(this.now);
        one.pull();
      }
    }
    throw new Error('the pair never falls silent');
  }
}

export const pattern = (seed: number, length: number): Uint8Array => new SeededRandom(seed).bytes(length);

/** A conversation of both directions over three channels, small enough to be cut at every byte; then checks it. */
function converse(pair: ResumePair): () => void {
  const there = pattern(1, 120);
  const back = pattern(2, 90);
  const id = pair.a.mux.open('echo', { hello: 'there' });
  const other = pair.b.mux.open('other way');
  const brief = pair.a.mux.open('brief');
  pair.a.mux.write(id, there.slice());
  pair.a.mux.finish(id);
  pair.b.mux.write(other, back.slice());
  pair.b.mux.finish(other);
  pair.a.mux.reset(brief, 300);
  return () => {
    expect(pair.b.received(mirror(id))).toEqual(there);
    expect(pair.a.received(mirror(other))).toEqual(back);
    expect(pair.b.of('end').map((event) => event.id)).toEqual([mirror(id)]);
    expect(pair.a.of('end').map((event) => event.id)).toEqual([mirror(other)]);
    expect(pair.b.of('incoming')).toHaveLength(2);
    expect(pair.b.of('reset')).toHaveLength(1);
    expect([pair.a.error, pair.b.error]).toEqual([undefined, undefined]);
  };
}

/** Lets the pair make new links, each with its budget, until nothing is left to say. */
export function carryOn(
  pair: ResumePair,
  budgets: readonly number[] = [],
  kinds: readonly boolean[] = [],
): void {
  for (let link = 0; link < 1_000; link++) {
    pair.settle();
    if (pair.linked || pair.a.mux.isOver || pair.b.mux.isOver) return;
    pair.now += 10;
    pair.reconnect(kinds[link % Math.max(1, kinds.length)] ?? pair.messages, budgets[link]);
  }
}

/** Cuts the link after so many bytes. Returns 0 when that cut nothing, or both had not introduced themselves by then. */
export function cutOnce(at: number, first: boolean, second: boolean): number {
  const pair = new ResumePair({ messages: first });
  pair.budget = at;
  const check = converse(pair);
  pair.settle();
  if (pair.linked) return 0;
  if (pair.a.error !== undefined || pair.b.error !== undefined) {
    // Whoever has not heard that the other end can wait does not wait.
    expect(at).toBeLessThan(pair.a.mux.stats().bytesSent + pair.b.mux.stats().bytesSent);
    expect(pair.a.mux.settings === undefined || pair.b.mux.settings === undefined).toBe(true);
    return 0;
  }
  carryOn(pair, [], [second, first]);
  check();
  return 1;
}

/** Cuts a link in the middle of the conversation, and the next one after so many bytes. */
export function cutTwice(at: number, first: boolean, second: boolean): number {
  const pair = new ResumePair({ messages: first });
  pair.a.mux.ping(0);
  pair.settle();
  const check = converse(pair);
  pair.budget = 100;
  pair.settle();
  expect([pair.linked, pair.a.error]).toEqual([false, undefined]);
  pair.reconnect(second, at);
  pair.settle();
  const cut = pair.linked ? 0 : 1;
  carryOn(pair, [], [first, second]);
  check();
  return cut;
}
