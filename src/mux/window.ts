/**
 * Credit as absolute limits (RFC 9000 §4.1): idempotent, never lowered, free of the overflow and double-grant errors of
 * relative windows. Both ends count bytes from the channel's start.
 */
import { MAX_VARINT } from '../base/varint.ts';

/** What we may send. */
export class SendCredit {
  limit: number;
  sent = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get left(): number {
    return this.limit - this.sent;
  }

  /** Takes a new limit; returns by how much it rose. */
  raise(limit: number): number {
    const step = limit - this.limit;
    if (step <= 0) return 0;
    this.limit = limit;
    return step;
  }
}

/** What we granted. Σ granted = delivered + discarded + queued for the application + outstanding. */
export class ReceiveCredit {
  readonly window: number;
  limit: number;
  received = 0;
  /** Bytes that the application took, or that nobody will take any more. */
  consumed = 0;

  constructor(window: number) {
    this.window = window;
    this.limit = window;
  }

  get left(): number {
    return this.limit - this.received;
  }

  consume(bytes: number): void {
    if (bytes < 0 || this.consumed + bytes > this.received)
      throw new RangeError(`${bytes} bytes consumed, ${this.received - this.consumed} were delivered`);
    this.consumed += bytes;
  }

  /** True when a quarter of the window has been taken since the last grant: at most four CREDIT per window (W9). */
  get worthGranting(): boolean {
    return (this.consumed + this.window - this.limit) * 4 >= this.window && this.window > 0;
  }

  /** Moves the limit up to the full window and returns it. */
  grant(): number {
    this.limit = Math.min(this.consumed + this.window, MAX_VARINT);
    return this.limit;
  }
}
