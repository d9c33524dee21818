/**
 * Backpressure for a WebSocket that tells its queue's size only when asked.
 *
 * A fixed mark polled at a fixed interval is a speed limit: 64 KiB every 10 ms is 6.5 MB/s whatever the network does
 * (measured on a rival). So the mark follows the line. A queue found empty at the first look means that the mark was too
 * low: it doubles. One that takes longer than `SLOW` to halve means that it only adds delay: it halves.
 */
import type { Clock } from '../base/clock.ts';

const FIRST_MARK: number = 256 * 1024;
const MIN_MARK: number = 64 * 1024;
/** At 4 ms, the shortest repeated timer of a browser, this still allows 1 GB/s. */
const MAX_MARK: number = 4 * 1024 * 1024;

/** Milliseconds between looks, while nothing moves: browsers raise the first ones to 4. */
const POLLS: readonly number[] = [1, 2, 4, 8, 16, 25];

/** Milliseconds of queue worth having. */
const SLOW = 50;

export class SendGauge {
  readonly #queued: () => number;
  readonly #drain: () => void;
  readonly #clock: Clock;
  #mark = FIRST_MARK;
  #waiting = false;
  #since = 0;
  #poll = 0;
  #cancel: () => void = () => {};

  constructor(queued: () => number, drain: () => void, clock: Clock) {
    this.#queued = queued;
    this.#drain = drain;
    this.#clock = clock;
  }

  /** False: wait for `drain`. */
  hasRoom(): boolean {
    if (this.#queued() < this.#mark) return true;
    if (!this.#waiting) {
      this.#waiting = true;
      this.#since = this.#clock.monotonic();
      this.#poll = 0;
      this.#arm();
    }
    return false;
  }

  /** Looks now. */
  check(): void {
    if (this.#waiting) this.#look();
  }

  stop(): void {
    this.#waiting = false;
    this.#cancel();
  }

  #arm(): void {
    this.#cancel = this.#clock.after(POLLS[Math.min(this.#poll++, POLLS.length - 1)]!, () => this.#look());
  }

  #look(): void {
    this.#cancel();
    const queued = this.#queued();
    if (queued * 2 <= this.#mark) this.#open(queued);
    else this.#arm();
  }

  #open(queued: number): void {
    const took = this.#clock.monotonic() - this.#since;
    if (queued === 0 && took < SLOW) this.#mark = Math.min(this.#mark * 2, MAX_MARK);
    else if (took > SLOW) this.#mark = Math.max(this.#mark / 2, MIN_MARK);
    this.#waiting = false;
    this.#drain();
  }
}
