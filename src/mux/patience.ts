/** How much useless work the peer may cause: frames that did nothing, and resets of channels that it opened. */
import { TokenBucket } from './bucket.ts';
import { MuxError } from './errors.ts';
import type { MuxLimits } from './limits.ts';
import type { Counters } from './stats.ts';

export class Patience {
  readonly #glitches: TokenBucket;
  readonly #resets: TokenBucket;
  readonly #counters: Counters;
  /** When the bytes came that are being read. */
  now: number;

  constructor(limits: MuxLimits, counters: Counters, now: number) {
    this.#glitches = new TokenBucket(limits.glitchBurst, limits.glitchRate, now);
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetRate, now);
    this.#counters = counters;
    this.now = now;
  }

  /** A frame did nothing useful. Throws MuxError ERR_MUX_LIMIT when there were too many. */
  glitch(what: string): void {
    this.#counters.glitches++;
    if (!this.#glitches.take(this.now)) throw flood(`useless frames (last: ${what})`);
  }

  /** A frame came for a channel that is closed. */
  late(): void {
    this.#counters.lateFrames++;
    this.glitch('frames on closed channels');
  }

  /** Useful work earns back a useless frame. */
  useful(): void {
    this.#glitches.give();
  }

  /** A channel of the peer was reset, or we were provoked to. Throws MuxError ERR_MUX_LIMIT when there were too many. */
  reset(what = 'resets'): void {
    if (!this.#resets.take(this.now)) throw flood(what);
  }
}

function flood(what: string): MuxError {
  return new MuxError('ERR_MUX_LIMIT', `peer floods this end with ${what}`);
}
