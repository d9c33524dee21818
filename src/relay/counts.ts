/**
 * What one identity holds together, on however many links and devices: whoever has many channels has no more than whoever
 * has one. Kept while a control channel or a path of it lives, and then until its dials would be back, so that to leave and
 * come again refills nothing.
 */
import { TokenBucket } from '../mux/bucket.ts';
import type { RelayLimits } from './limits.ts';
import type { Timer, Timers } from './timers.ts';

export interface IdentityCount {
  readonly address: string;
  readonly dialBucket: TokenBucket;
  /** Questions that the domain answers, most by a write to disk. */
  readonly domainBucket: TokenBucket;
  controls: number;
  offers: number;
  paths: number;
  forgetting: Timer | undefined;
}

export class IdentityCounts {
  readonly #byAddress = new Map<string, IdentityCount>();
  readonly #limits: RelayLimits;
  readonly #timers: Timers;

  constructor(limits: RelayLimits, timers: Timers) {
    this.#limits = limits;
    this.#timers = timers;
  }

  get size(): number {
    return this.#byAddress.size;
  }

  /** Counts one more control channel, or is undefined when there are enough. */
  enter(address: string, now: number): IdentityCount | undefined {
    const { controlsPerIdentity, dialBurst, dialRate, askBurst, askRate } = this.#limits;
    let count = this.#byAddress.get(address);
    if (count === undefined) {
      const dialBucket = new TokenBucket(dialBurst, dialRate, now);
      const domainBucket = new TokenBucket(askBurst, askRate, now);
      count = { address, dialBucket, domainBucket, controls: 0, offers: 0, paths: 0, forgetting: undefined };
      this.#byAddress.set(address, count);
    }
    if (count.controls >= controlsPerIdentity) return undefined;
    count.controls++;
    return count;
  }

  leave(count: IdentityCount, now: number): void {
    count.controls--;
    this.#forgetLater(count, now);
  }

  /** A spliced path outlives its control channel: it still counts for who comes again. */
  endPath(count: IdentityCount, now: number): void {
    count.paths--;
    this.#forgetLater(count, now);
  }

  #forgetLater(count: IdentityCount, now: number): void {
    if (count.controls > 0 || count.paths > 0) return;
    const { dialBurst, dialRate } = this.#limits;
    this.#timers.cancel(count.forgetting);
    count.forgetting = this.#timers.set(now + (dialBurst / dialRate) * 1_000, () => {
      if (count.controls === 0 && count.paths === 0) this.#byAddress.delete(count.address);
    });
  }
}
