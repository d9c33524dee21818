/**
 * One direction of a simulated link, in virtual time and without timers: what was sent is cut into pieces, each with the
 * time of its arrival. The owner asks for `next` and calls `fire` then.
 *
 *     sender → [buffer, `capacity`] → `rate` → [`delay` ± `jitter`, in order] → receiver
 *
 * Loss shows as TCP shows it: everything stands still for a while (`stall`) and then goes on in order.
 */
import { concat } from '../../src/base/bytes.ts';
import { Fifo } from '../../src/base/fifo.ts';

export interface WireOptions {
  /** Bytes per millisecond; default unlimited. */
  readonly rate?: number;
  /** One-way delay in ms. */
  readonly delay?: number;
  /** Up to so many ms more, another for each piece; the order stays. */
  readonly jitter?: number;
  /** Bytes that wait in front of the wire before `hasRoom` says no; there is room again at half of it. */
  readonly capacity?: number;
  /** Of n bytes at hand, how many arrive together. Default: about 1 ms of the rate. Byte links only. */
  readonly chunk?: (n: number) => number;
  /** What one `send` brings arrives whole. */
  readonly messages?: boolean;
  /** For `jitter`: 0 ≤ x < 1. */
  readonly random?: () => number;
}

/** What the wire does to its two ends. */
export interface WireEnds {
  arrive(bytes: Uint8Array, now: number): void;
  drain(now: number): void;
  /** The byte named by `cutAfter` has arrived: nothing else will. */
  cut(now: number): void;
}

/** A segment of Ethernet; slower wires deliver in smaller pieces, fast ones in larger. */
const SEGMENT = 1_460;

interface Piece {
  readonly at: number; // in the wire's own time
  readonly bytes: Uint8Array;
}

export class SimWire {
  /** Accepts everything, delivers nothing. */
  halfDead = false;
  /** One-way, in ms: a route may change under a link that stays. */
  delay: number;
  sent = 0;
  delivered = 0;
  /** Most bytes that ever waited in front of the wire. */
  maxBuffered = 0;
  /** When something happens next. */
  next: number = Number.POSITIVE_INFINITY;
  readonly #options: WireOptions;
  readonly #ends: WireEnds;
  readonly #rate: number;
  readonly #capacity: number;
  readonly #segment: number;
  readonly #pieces = new Fifo<Piece>();
  /** The wire's own time stands still in a stall: it is `now - shift`, and at least `stalledAt`. */
  #shift = 0;
  #stalledAt = 0;
  #freeAt = 0; // when all that was sent has left the buffer
  #lastAt = 0; // when the last of it arrives
  #full = false;
  #left: number = Number.POSITIVE_INFINITY;

  constructor(options: WireOptions, ends: WireEnds) {
    this.#options = options;
    this.#ends = ends;
    this.delay = options.delay ?? 0;
    this.#rate = options.rate ?? Number.POSITIVE_INFINITY;
    this.#capacity = options.capacity ?? 131_072;
    this.#segment = Math.max(16, Math.min(Math.floor(this.#rate), Math.max(SEGMENT, this.#rate / 10)));
  }

  /** Bytes that wait in front of the wire. */
  buffered(now: number): number {
    const wait = this.#freeAt - this.#time(now);
    return wait <= 0 ? 0 : wait * this.#rate;
  }

  /** False: stop until `drain`. */
  hasRoom(now: number): boolean {
    if (!this.#full && this.buffered(now) >= this.#capacity) {
      this.#full = true;
      this.#schedule();
    }
    return !this.#full;
  }

  send(parts: readonly Uint8Array[], now: number): void {
    if (this.#options.messages) this.#put(parts.length === 1 ? parts[0]! : concat(parts), now);
    else if (this.#options.chunk === undefined) for (const part of parts) this.#cutUp(part, now);
    else this.#cutUp(parts.length === 1 ? parts[0]! : concat(parts), now);
    if (this.#rate < Number.POSITIVE_INFINITY) {
      const buffered = this.buffered(now);
      if (buffered > this.maxBuffered) this.maxBuffered = buffered;
    }
    this.#schedule();
  }

  #cutUp(bytes: Uint8Array, now: number): void {
    const { chunk } = this.#options;
    const { length } = bytes;
    let at = 0;
    while (length - at > (chunk === undefined ? this.#segment : 1)) {
      const left = length - at;
      const size = chunk === undefined ? this.#segment : Math.max(1, Math.min(left, chunk(left)));
      this.#put(bytes.subarray(at, at + size), now);
      at += size;
    }
    if (at < length) this.#put(at === 0 ? bytes : bytes.subarray(at), now);
  }

  #put(bytes: Uint8Array, now: number): void {
    const { jitter = 0, random = Math.random } = this.#options;
    this.sent += bytes.length;
    this.#freeAt = Math.max(this.#freeAt, this.#time(now)) + bytes.length / this.#rate;
    const at = this.#freeAt + this.delay + (jitter === 0 ? 0 : jitter * random());
    this.#lastAt = Math.max(this.#lastAt, at);
    this.#pieces.push({ at: this.#lastAt, bytes });
  }

  /** Does the one thing that is due. */
  fire(now: number): void {
    const head = this.#pieces.at(0);
    if (
      this.#full &&
      this.#drainAt() <= now &&
      (head === undefined || this.#drainAt() <= head.at + this.#shift)
    ) {
      this.#full = false;
      this.#schedule();
      this.#ends.drain(now);
      return;
    }
    if (head === undefined || head.at + this.#shift > now) return;
    this.#pieces.shift();
    this.#schedule();
    if (!this.halfDead) this.#deliver(head.bytes, now);
  }

  #deliver(bytes: Uint8Array, now: number): void {
    const whole = bytes.length < this.#left;
    const kept = whole
      ? bytes
      : this.#options.messages
        ? bytes.subarray(0, 0)
        : bytes.subarray(0, this.#left);
    this.#left -= kept.length;
    this.delivered += kept.length;
    if (kept.length > 0) this.#ends.arrive(kept, now);
    if (whole) return;
    this.clear();
    this.#ends.cut(now);
  }

  /** Everything on the way stands still for so many ms. */
  stall(ms: number, now: number): void {
    this.#stalledAt = this.#time(now);
    this.#shift = Math.max(this.#shift, now - this.#stalledAt) + ms;
    this.#schedule();
  }

  /** The link is lost when so many more bytes have arrived. */
  cutAfter(bytes: number): void {
    this.#left = bytes;
  }

  /** What is on the way is lost. */
  clear(): void {
    this.#pieces.clear();
    this.#full = false;
    this.next = Number.POSITIVE_INFINITY;
  }

  #drainAt(): number {
    return this.#freeAt - this.#capacity / 2 / this.#rate + this.#shift;
  }

  #time(now: number): number {
    return Math.max(this.#stalledAt, now - this.#shift);
  }

  #schedule(): void {
    const head = this.#pieces.at(0);
    const arrival = head === undefined ? Number.POSITIVE_INFINITY : head.at + this.#shift;
    this.next = this.#full ? Math.min(arrival, this.#drainAt()) : arrival;
  }
}
