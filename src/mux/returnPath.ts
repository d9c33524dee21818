/**
 * How long ACKs wait in the queue of the end that sends them, behind its own data. It tells by its clock when each left;
 * where the clocks stand does not matter, only by how much longer an ACK was under way than the quickest lately.
 */

/** The clock counts microseconds and begins anew after so many. */
export const CLOCK_WRAP: number = 2 ** 30;
/** Milliseconds that the quickest counts, at least; at most twice as long. Clocks drift by less than a tenth of a ms a second. */
const MEMORY = 15_000;

export class ReturnPath {
  /** Difference of the clocks that the others are told from, so that none is near half a turn. */
  #zero = 0;
  #since = Number.NEGATIVE_INFINITY;
  /** The least since then, and of the time before: milliseconds above `#zero`. */
  #least = Number.POSITIVE_INFINITY;
  #lastLeast = Number.POSITIVE_INFINITY;

  /** Milliseconds that the ACK that left at `clock` was held up; `most` or more cannot be, then a clock was set. */
  waited(clock: number, now: number, most: number): number {
    const difference = now * 1_000 - clock;
    const age = now - this.#since;
    if (age > 2 * MEMORY) this.#forget(difference, now);
    else if (age > MEMORY) this.#turn(now);
    const transit = wrapped(difference - this.#zero) / 1_000;
    this.#least = Math.min(this.#least, transit);
    const waited = transit - Math.min(this.#least, this.#lastLeast);
    if (waited < most) return waited;
    this.#forget(difference, now);
    return (this.#least = 0);
  }

  #forget(difference: number, now: number): void {
    this.#zero = difference;
    this.#since = now;
    this.#least = this.#lastLeast = Number.POSITIVE_INFINITY;
  }

  #turn(now: number): void {
    this.#zero += this.#least * 1_000;
    this.#since = now;
    this.#lastLeast = 0;
    this.#least = Number.POSITIVE_INFINITY;
  }
}

/** Between minus half a turn and half a turn. */
function wrapped(micros: number): number {
  return micros - CLOCK_WRAP * Math.round(micros / CLOCK_WRAP);
}
