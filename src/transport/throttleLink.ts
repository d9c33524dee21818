/**
 * A link that carries at most so many bytes per second. Under TLS the limit is of wire bytes, with all that encryption,
 * padding and framing add; over TLS it is of the application's bytes.
 *
 *     send ──▶ [writing lane] ──▶ below.send        lane holds something → false, `drain` when it is empty
 *     handler.data ◀── [reading lane] ◀── below     lane holds something → below is paused
 *
 * What waits is at most one send, or what the link below delivers at once, in each direction.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { LinkError } from './errors.ts';
import { Lane } from './lane.ts';
import { FLUSH_TIMEOUT, THROTTLE_BURST, THROTTLE_TICK } from './limits.ts';
import type { Link } from './link.ts';
import { LinkWrapper, sizeOf } from './linkWrapper.ts';

export interface ThrottleOptions {
  /** Bytes per second that are delivered; no limit unless told. */
  readonly read?: number;
  /** Bytes per second that leave; no limit unless told. */
  readonly write?: number;
  /** Bytes that may pass at once after a rest, in each direction: a tenth of a second's worth unless told. */
  readonly burst?: number;
  readonly clock?: Clock;
}

/** Throws RangeError for a rate that is not positive, or a burst that timers of a millisecond cannot keep up with. */
export function throttleLink(link: Link, options: ThrottleOptions): Link {
  return new ThrottledLink(link, options);
}

class ThrottledLink extends LinkWrapper {
  readonly #clock: Clock;
  readonly #reading: Lane;
  readonly #writing: Lane;
  #paused = false;
  #belowPaused = false;
  #full = false; // the link below is
  #wantsDrain = false;
  #writeClosed = false;
  #closing = false; // what comes is dropped
  #ended = false;
  #endTold = false;
  #closed = false;
  #told = false;
  #cancelFlush: () => void = () => {};

  constructor(below: Link, options: ThrottleOptions) {
    super(below);
    const clock = (this.#clock = options.clock ?? systemClock);
    const { messages } = below.info;
    const lane = (name: 'read' | 'write', owner: ConstructorParameters<typeof Lane>[4]): Lane => {
      const rate = options[name] ?? Number.POSITIVE_INFINITY;
      return new Lane(rate, burstOf(name, rate, options.burst), messages, clock, owner);
    };
    this.#reading = lane('read', {
      blocked: () => this.#paused,
      pass: (bytes) => super.data(bytes as Uint8Array),
      emptied: () => this.#readAll(),
      singly: true,
    });
    this.#writing = lane('write', {
      blocked: () => this.#full,
      pass: (bytes) => this.#sendBelow(bytes),
      emptied: () => this.#sentAll(),
      singly: false,
    });
  }

  override get buffered(): number {
    return this.#writing.length + this.below.buffered;
  }

  // ---- out --------------------------------------------------------------------------------------------------------

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed) return false;
    this.#writing.push(bytes, sizeOf(bytes));
    if (this.#wantsDrain) return false; // its drain comes from below or from the clock, never from in here
    this.#writing.pump();
    this.#wantsDrain = this.#full || this.#writing.length > 0;
    return !this.#wantsDrain;
  }

  #sendBelow(bytes: Uint8Array | readonly Uint8Array[]): void {
    this.#full = !this.below.send(bytes);
    if (this.#closing && this.#full) this.#expectProgress();
  }

  override drain(): void {
    this.#full = false;
    this.#cancelFlush();
    this.#writing.pump();
  }

  #sentAll(): void {
    if (this.#closing) this.below.close();
    else if (this.#writeClosed) this.below.closeWrite();
    else if (this.#wantsDrain && !this.#full) {
      this.#wantsDrain = false;
      super.drain();
    }
  }

  override closeWrite(): void {
    if (this.#writeClosed) return;
    this.#writeClosed = true;
    if (this.#writing.length === 0) this.below.closeWrite();
  }

  /** What waits in the lane leaves first, at its rate. */
  override close(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = this.#writeClosed = true;
    this.#reading.clear();
    this.#releaseBelow();
    if (this.#writing.length === 0) this.below.close();
    else if (this.#full) this.#expectProgress();
  }

  /** A rate below our own is the other end's, and it may have stopped for ever. */
  #expectProgress(): void {
    this.#cancelFlush = this.#clock.after(FLUSH_TIMEOUT, () => {
      const text = `other end took nothing for ${FLUSH_TIMEOUT / 1000} s after close`;
      this.fail(new LinkError('ERR_LINK_TIMEOUT', text));
    });
  }

  protected override readGivenUp(): void {
    this.#reading.clear();
    this.#endTold = true;
    this.#releaseBelow(); // to hear of the other direction's end
  }

  protected override writeGivenUp(): void {
    this.#writeClosed = true;
    this.#writing.clear();
  }

  override reset(code?: number): void {
    this.#closing = this.#writeClosed = true;
    this.#reading.clear();
    this.#writing.clear();
    this.below.reset(code);
  }

  // ---- in ---------------------------------------------------------------------------------------------------------

  override data(chunk: Uint8Array): void {
    if (this.#closing) return;
    this.#reading.push(chunk, chunk.length);
    this.#reading.pump();
    if (this.#reading.length > 0) this.#holdBelow();
  }

  override pause(): void {
    if (this.#closing) return;
    this.#paused = true;
    this.#holdBelow();
  }

  override resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    queueMicrotask(() => this.#reading.pump());
  }

  #holdBelow(): void {
    if (this.#belowPaused) return;
    this.#belowPaused = true;
    this.below.pause();
  }

  #releaseBelow(): void {
    if (!this.#belowPaused) return;
    this.#belowPaused = false;
    this.below.resume();
  }

  override end(): void {
    this.#ended = true;
    this.#reading.pump();
  }

  #readAll(): void {
    if (this.#ended && !this.#endTold && !this.#closing) {
      this.#endTold = true;
      super.end();
    }
    if (this.#closed) this.#tell(undefined);
    else if (!this.#paused) this.#releaseBelow();
  }

  /** A failure overtakes what waits; a clean end comes behind it. */
  override closed(error: Q2qError | undefined): void {
    this.#closed = this.#writeClosed = true;
    this.#cancelFlush();
    this.#writing.clear();
    if (error !== undefined || this.failed || this.#closing) {
      this.#reading.clear();
      this.#tell(error);
    } else this.#reading.pump();
  }

  #tell(error: Q2qError | undefined): void {
    if (this.#told) return;
    this.#told = true;
    super.closed(error);
  }
}

function burstOf(name: string, rate: number, wanted: number | undefined): number {
  if (!(rate > 0)) throw new RangeError(`${name} is ${rate}, wanted bytes per second above 0`);
  if (rate === Number.POSITIVE_INFINITY) return rate;
  const burst = wanted ?? Math.max(1, (rate * THROTTLE_BURST) / 1000);
  const least = (rate * THROTTLE_TICK) / 1000;
  if (burst >= Math.max(1, least)) return burst;
  throw new RangeError(
    `burst of ${burst} bytes, wanted ${Math.ceil(Math.max(1, least))} or more: timers could not keep up ${rate} bytes/s`,
  );
}
