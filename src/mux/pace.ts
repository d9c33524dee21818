/**
 * What of ours waits in front of the line, reckoned from the rate. Where data goes both ways ACKs wait behind data and come
 * in lumps: who answers a lump of ACKs with a lump of data lets the other end's ACKs wait in turn, and so on for ever. So a
 * little leaves at a time, and the rest when that has left, not when the next ACK comes.
 */

/** It is reckoned to drain so much faster than it does: gaps are made up for, and a late timer leaves none. */
const HASTE = 1.5;

export class Pace {
  #waiting = 0;
  #at = 0;
  #most = Number.POSITIVE_INFINITY;
  #rate = 0;
  #resumeAt: number | undefined;

  /** Of a line of `rate` bytes per ms, `most` bytes may wait. */
  limit(most: number, rate: number): void {
    this.#most = most;
    this.#rate = rate * HASTE;
  }

  drain(now: number): void {
    this.#waiting = Math.max(0, this.#waiting - (now - this.#at) * this.#rate);
    this.#at = now;
    this.#resumeAt = undefined;
  }

  /** After `drain`. */
  add(bytes: number): void {
    this.#waiting += bytes;
    if (this.#waiting >= this.#most)
      this.#resumeAt = this.#at + (this.#waiting - this.#most / 2) / this.#rate;
  }

  /** All that left has arrived: nothing of it waits, however slow the line was reckoned. */
  clear(): void {
    this.#waiting = 0;
    this.#resumeAt = undefined;
  }

  hasRoom(pending: number): boolean {
    return this.#waiting + pending < this.#most;
  }

  /** When there is room again; undefined when there is, or when `tick` has seen that time come. */
  deadline(): number | undefined {
    return this.#resumeAt;
  }

  tick(now: number): void {
    if (this.#resumeAt !== undefined && now >= this.#resumeAt) this.#resumeAt = undefined;
  }
}
