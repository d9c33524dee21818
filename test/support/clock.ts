import type { Clock } from '../../src/base/clock.ts';
import { type Event, EventHeap } from './eventHeap.ts';

interface Timer extends Event {
  readonly run: () => void;
}

/** Time that passes when it is told to; setting, ending and running a timer are cheap however many wait. */
export abstract class Timers implements Clock {
  readonly #epoch: number;
  readonly #timers = new EventHeap<Timer>();
  #time = 0;

  /** `epoch`: what the calendar's clock says at the start. */
  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#time + Math.max(0, delay), run };
    this.#timers.add(timer);
    return () => this.#timers.remove(timer);
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Runs the earliest timer that is due until then; false, and it is then, when there is none. */
  protected runNext(until: number): boolean {
    const next = this.#timers.first;
    if (next === undefined || next.at > until) {
      this.#time = until;
      return false;
    }
    this.#timers.remove(next);
    this.#time = next.at;
    next.run();
    return true;
  }
}

/** A clock that stands still until told: deadlines are tested without waiting for them. */
export class VirtualClock extends Timers {
  constructor() {
    super(0);
  }

  advance(ms: number): void {
    for (const end = this.monotonic() + ms; this.runNext(end); );
  }
}
