import type { Clock } from '../../src/base/clock.ts';

/** A clock that stands still until told: deadlines are tested without waiting for them. */
export class VirtualClock implements Clock {
  #time = 0;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#time + delay, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((x, y) => x.at - y.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#time = due.at;
      due.run();
    }
    this.#time = end;
  }
}
