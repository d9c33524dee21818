/**
 * Credit as absolute limits (RFC 9000 §4.1): idempotent, never lowered, free of the overflow and double-grant errors of
 * relative windows. Both ends count bytes from the channel's start.
 */
import { MAX_VARINT } from '../base/varint.ts';
import type { ReceiveBudget } from './budget.ts';

/** What we may send. */
export class SendCredit {
  limit: number;
  sent = 0;
  /** The limit that the last BLOCKED named: each is named once. */
  blockedAt = -1;

  constructor(limit: number) {
    this.limit = limit;
  }

  get left(): number {
    return this.limit - this.sent;
  }

  /** Takes a new limit; returns by how much it rose. */
  raise(limit: number): number {
    const step = limit - this.limit;
    if (step <= 0) return 0;
    this.limit = limit;
    return step;
  }
}

/** Windows are measured over a round trip, but not over less than this many milliseconds. */
const MIN_EPOCH = 1;
/** Window per byte read in a round trip: a sender that fills the window can triple it every round trip. */
const HEADROOM = 3;
/** The window grows before the round trip is over when it is to be so many times what it is. */
const EARLY = 1.25;
/** A window halves for each such time (ms) between two reads. */
const IDLE = 1_000;

/** What we granted. Σ granted = delivered + discarded + queued for the application + outstanding. */
export class ReceiveCredit {
  /** How far the limit is ahead of what was taken, when it is raised. */
  window: number;
  limit: number;
  received = 0;
  /** Bytes that the application took, or that nobody will take any more. */
  consumed = 0;
  readonly #first: number;
  readonly #most: number;
  readonly #budget: ReceiveBudget;
  #loan = 0;
  /** The first credit of a channel that we opened: nothing was set aside for it. */
  #borrowed: number;
  #since: number | undefined;
  #mark = 0;
  /** Where the next epoch begins: half of this one is in it too, so that a burst of a round trip is whole in one of them. */
  #nextSince = Number.NEGATIVE_INFINITY;
  #nextMark = 0;
  /** The limit that the sender last said it has used up. */
  #blockedAt = -1;
  /** Since when the sender stands still for want of credit that is under way to it. */
  stoodSince: number | undefined;
  /** The limit when the window last grew: credit up to there was given by a smaller one. */
  #grownAt = -1;

  /** The window starts at `first` and grows to `most` at best. `setAside`: the budget has kept the first credit for it. */
  constructor(first: number, most: number, budget: ReceiveBudget, setAside: boolean) {
    this.window = this.limit = this.#first = first;
    this.#most = Math.max(first, most);
    this.#budget = budget;
    this.#borrowed = setAside ? 0 : first;
    budget.free -= this.#borrowed;
  }

  get left(): number {
    return this.limit - this.received;
  }

  consume(bytes: number): void {
    if (bytes < 0 || this.consumed + bytes > this.received)
      throw new RangeError(`${bytes} bytes consumed, ${this.received - this.consumed} were delivered`);
    this.consumed += bytes;
  }

  /** Fits the window to what was read in the last round trip. After `consume`. */
  tune(now: number, rtt: number | undefined): void {
    if (rtt === undefined || this.#first === 0) return;
    if (this.#since === undefined) {
      this.#mark = this.consumed;
      this.#since = now;
      return;
    }
    const span = Math.max(rtt, MIN_EPOCH);
    const passed = now - this.#since;
    const read = this.consumed - this.#mark;
    if (passed < span) {
      // What was read already tells that more is wanted: up to a round trip sooner, at every step of the growth.
      if (HEADROOM * read >= EARLY * this.window) this.#resize(HEADROOM * read);
      if (passed >= span / 2 && this.#nextSince <= this.#since) this.#halve(now);
      return;
    }
    // Reads come in lumps: a little more than a round trip holds a little more. Much more is a reader with pauses.
    const wanted = HEADROOM * (passed < 2 * span ? (read * span) / passed : read);
    if (wanted > this.window) this.#resize(wanted);
    else if (passed > IDLE) this.#resize(Math.max(wanted, this.window / 2 ** Math.floor(passed / IDLE)));
    if (now - this.#nextSince >= span) this.#halve(now);
    this.#mark = this.#nextMark;
    this.#since = this.#nextSince;
  }

  #halve(now: number): void {
    this.#nextMark = this.consumed;
    this.#nextSince = now;
  }

  #resize(window: number): void {
    const first = this.#first;
    const owed = Math.max(0, this.limit - this.consumed - first);
    const before = this.#loan;
    this.#loan = this.#budget.lend(before, owed, Math.round(Math.min(window, this.#most)) - first);
    this.window = first + this.#loan;
    if (this.#loan > before) this.#grownAt = this.limit;
  }

  /** The sender has used up `limit` and has more. False when that cannot be or was said before. */
  blocked(limit: number, now: number): boolean {
    if (limit !== this.received || limit <= this.#blockedAt) return false;
    this.#blockedAt = limit;
    const isUnderWay = (this.received - this.consumed) * 4 < this.window; // what was taken was granted, or is just now
    if (isUnderWay && limit > this.#grownAt) this.stoodSince = now;
    return true;
  }

  /**
   * Bytes come again from a sender that stood still for want of credit which was under way. When that took longer than the
   * least round trip, round trips are longer now, and `tune` measures over too short a time to see what is wanted.
   */
  goOn(now: number, rtt: number = Number.POSITIVE_INFINITY): void {
    const stood = now - this.stoodSince!;
    this.stoodSince = undefined;
    if (stood > Math.max(rtt, MIN_EPOCH)) this.#resize(2 * this.window);
  }

  /** True when a quarter of the window has been taken since the last grant: at most four CREDIT per window (W9). */
  get worthGranting(): boolean {
    return this.withheld * 4 >= this.window && this.window > 0;
  }

  /** What could be granted now and is not: less than a quarter of the window, but for what is just leaving. */
  get withheld(): number {
    return this.consumed + this.window - this.limit;
  }

  /** Moves the limit up to the full window and returns it. It never falls. */
  grant(): number {
    if (this.#loan > 0) this.#resize(this.window); // others may have come
    this.limit = Math.max(this.limit, Math.min(this.consumed + this.window, MAX_VARINT));
    return this.limit;
  }

  /** Nothing comes any more, `unread` bytes are held: the rest of the loan goes back. */
  end(unread: number): void {
    const loan = Math.min(this.#loan, Math.max(0, unread - this.#first));
    const borrowed = Math.min(this.#borrowed, unread);
    this.#budget.free += this.#loan - loan + this.#borrowed - borrowed;
    this.#loan = loan;
    this.#borrowed = borrowed;
  }
}
