/**
 * A clock for deadlines of channels: they mean an other end that does nothing, not a path that is lost. While there is none,
 * nothing runs out, and when there is one again each has its full time.
 */
import type { Clock } from '../base/clock.ts';

export class PathClock implements Clock {
  readonly #clock: Clock;
  #still = false;
  #goesOnSince = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  /** Nothing can come now. */
  standStill(): void {
    this.#still = true;
  }

  goOn(): void {
    if (this.#still) this.#goesOnSince = this.monotonic();
    this.#still = false;
  }

  after(delay: number, run: () => void): () => void {
    let begun = this.monotonic();
    const fire = (): void => {
      const now = this.monotonic();
      const goesOnSince = this.#still ? now : this.#goesOnSince;
      if (goesOnSince <= begun) run();
      else {
        begun = goesOnSince;
        cancel = this.#clock.after(begun + delay - now, fire);
      }
    };
    let cancel = this.#clock.after(delay, fire);
    return () => cancel();
  }
}
