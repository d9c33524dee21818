/** A token bucket: `burst` at once, then `rate` per second. */
export class TokenBucket {
  readonly #burst: number;
  readonly #rate: number;
  #tokens: number;
  #filledAt: number;

  constructor(burst: number, rate: number, now: number) {
    this.#burst = this.#tokens = burst;
    this.#rate = rate;
    this.#filledAt = now;
  }

  /** Takes one token; false when none is left. */
  take(now: number): boolean {
    const elapsed = Math.max(0, now - this.#filledAt);
    this.#filledAt = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed * this.#rate) / 1000);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Useful work earns back what useless work costs. */
  give(): void {
    if (this.#tokens < this.#burst) this.#tokens++;
  }
}
