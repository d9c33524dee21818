/** Two multiplexer engines joined without IO: bytes move when the test says so, cut as the test likes. */
import { concat } from '../../src/base/bytes.ts';
import { ACK_DELAY } from '../../src/mux/acks.ts';
import { type MuxEvent, type MuxLimits, MuxSession } from '../../src/mux/index.ts';
import { unreadOf } from './account.ts';

export type EventOf<T extends MuxEvent['type']> = Extract<MuxEvent, { type: T }>;

export class MuxEnd {
  readonly mux: MuxSession;
  readonly events: MuxEvent[] = [];
  readonly #chunks = new Map<number, Uint8Array[]>();
  readonly #lengths = new Map<number, number>();
  /** False: what comes waits in the engine until `read` is called here. */
  consumes = true;
  /** False: incoming channels wait. */
  accepts = true;

  constructor(mux: MuxSession) {
    this.mux = mux;
  }

  pull(): void {
    for (let event = this.mux.next(); event !== undefined; event = this.mux.next()) {
      this.events.push(event);
      if (event.type === 'incoming' && this.accepts) this.mux.accept(event.id);
      if (event.type === 'readable' && this.consumes) this.read(event.id);
    }
  }

  /** Takes pieces until at least `atLeast` bytes are read or none wait; returns how many that were. */
  read(id: number, atLeast: number = Number.POSITIVE_INFINITY): number {
    let taken = 0;
    while (taken < atLeast) {
      const bytes = this.mux.read(id);
      if (bytes === undefined) break;
      this.#keep(id, bytes);
      taken += bytes.length;
    }
    return taken;
  }

  of<T extends MuxEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  #keep(id: number, bytes: Uint8Array): void {
    const chunks = this.#chunks.get(id);
    if (chunks === undefined) this.#chunks.set(id, [bytes]);
    else chunks.push(bytes);
    this.#lengths.set(id, this.length(id) + bytes.length);
  }

  /** The payload of a channel that was read so far. */
  received(id: number): Uint8Array {
    return concat(this.#chunks.get(id) ?? []);
  }

  /** Bytes read so far. */
  length(id: number): number {
    return this.#lengths.get(id) ?? 0;
  }

  /** Bytes that came so far, read or not. */
  arrived(id: number): number {
    return this.length(id) + unreadOf(this.mux, id);
  }

  /** The error that ended the session. */
  get error(): (Error & { code: string }) | undefined {
    return this.of('closed')[0]?.error;
  }
}

export interface MuxPairOptions {
  readonly messages?: boolean;
  readonly a?: Partial<MuxLimits>;
  readonly b?: Partial<MuxLimits>;
  /** Of n bytes at hand, how many go in the next chunk. Byte links only. */
  readonly chunk?: (n: number) => number;
  /** Which end draws the larger nonce, and so opens odd ids. */
  readonly odd?: 'a' | 'b';
}

const LOW = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1);
const HIGH = Uint8Array.of(2, 2, 2, 2, 2, 2, 2, 2);

export class MuxPair {
  readonly a: MuxEnd;
  readonly b: MuxEnd;
  readonly messages: boolean;
  now = 0;
  readonly #chunk: (n: number) => number;

  constructor(options: MuxPairOptions = {}) {
    const messages = (this.messages = options.messages ?? false);
    this.#chunk = options.chunk ?? ((n) => n);
    const aOdd = options.odd !== 'b';
    this.a = new MuxEnd(
      new MuxSession({ messages, nonce: aOdd ? HIGH : LOW, limits: options.a ?? {}, now: 0 }),
    );
    this.b = new MuxEnd(
      new MuxSession({ messages, nonce: aOdd ? LOW : HIGH, limits: options.b ?? {}, now: 0 }),
    );
  }

  /** Moves one output of `from`; returns how many bytes that was. */
  move(from: MuxEnd, max = 65_536): number {
    const to = from === this.a ? this.b : this.a;
    const bytes = concat(from.mux.takeOutput(max, this.now));
    from.pull();
    for (let at = 0; at < bytes.length; ) {
      const count = this.messages ? bytes.length : Math.max(1, this.#chunk(bytes.length - at));
      to.mux.feed(bytes.slice(at, at + count), this.now);
      to.pull();
      at += count;
    }
    return bytes.length;
  }

  /** Moves bytes both ways until nothing is left to say. Time passes only as ACKs need it. */
  settle(): void {
    for (let round = 0; round < 100_000; round++)
      if (this.move(this.a) + this.move(this.b) === 0 && !this.#awaitAck()) return;
    throw new Error('the pair never falls silent');
  }

  #awaitAck(): boolean {
    const deadline = Math.min(
      ...[this.a, this.b].map(({ mux }) => mux.deadline() ?? Number.POSITIVE_INFINITY),
    );
    if (deadline > this.now + ACK_DELAY) return false;
    this.now = Math.max(this.now, deadline);
    this.a.mux.tick(this.now);
    this.b.mux.tick(this.now);
    return true;
  }
}

/** The id that the peer uses for a channel: even = opened here, odd = opened there. */
export function mirror(id: number): number {
  return id % 2 === 0 ? id - 1 : id + 1;
}
