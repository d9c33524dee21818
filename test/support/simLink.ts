/**
 * A link in virtual time: rate, delay, a finite buffer, any re-chunking or message framing, stalls, and a cut at any
 * byte. Together with `VirtualClock` a test of hours runs in milliseconds and replays from its seed.
 */
import { concat } from '../../src/base/bytes.ts';
import { LinkError } from '../../src/transport/errors.ts';
import type { Link, LinkHandler, LinkInfo } from '../../src/transport/link.ts';
import { Timers } from './clock.ts';

/** A clock for promises: what a timer sets going is done before the next runs. */
export class VirtualClock extends Timers {
  constructor() {
    super(1_800_000_000_000);
  }

  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    const end = this.monotonic() + ms;
    do await settleMicrotasks();
    while (this.runNext(end));
  }
}

/** Runs every microtask that is queued, and those they queue. */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export interface SimOptions {
  readonly clock: VirtualClock;
  /** One-way delay in ms. */
  readonly delay?: number;
  /** Bytes per millisecond; default unlimited. */
  readonly rate?: number;
  /** Bytes that wait before `send` returns false. */
  readonly capacity?: number;
  readonly chunk?: (n: number) => number;
  readonly messages?: boolean;
  /** Up to so many ms more, another for each piece; the order stays. */
  readonly jitter?: number;
  /** For `jitter`: 0 ≤ x < 1. */
  readonly random?: () => number;
}

export interface SimControl {
  /** Sends are accepted and nothing arrives any more. */
  halfDead: boolean;
  /** Cuts the link after so many more bytes from either side. */
  cutAfter(bytes: number): void;
  /** Nothing arrives for so many ms, then all of it: loss as TCP shows it. */
  stall(ms: number): void;
}

interface Control extends SimControl {
  left: number;
  stalledUntil: number;
}

export function simLinks(options: SimOptions): { links: [Link, Link]; control: SimControl } {
  const { clock } = options;
  const control: Control = {
    halfDead: false,
    stalledUntil: 0,
    stall(ms: number): void {
      this.stalledUntil = clock.monotonic() + ms;
      clock.after(ms, () => {
        a.release();
        b.release();
      });
    },
    left: Number.POSITIVE_INFINITY,
    cutAfter(bytes: number): void {
      this.left = bytes;
    },
  };
  const a = new SimLink(options, control);
  const b = new SimLink(options, control);
  a.other = b;
  b.other = a;
  return { links: [a, b], control };
}

class SimLink implements Link {
  readonly info: LinkInfo;
  other!: SimLink;
  readonly #options: SimOptions;
  readonly #control: Control;
  readonly #capacity: number;
  #handler: LinkHandler | undefined;
  #held: Uint8Array[] = []; // arrived, reader paused or not there
  #paused = false;
  #buffered = 0;
  #wantsDrain = false;
  #freeAt = 0; // when the wire has carried what was sent
  #lastAt = 0; // when the last of it arrives
  #writeClosed = false;
  #finSent = false;
  #ended = false;
  #closed = false;

  constructor(options: SimOptions, control: Control) {
    this.#options = options;
    this.#control = control;
    this.#capacity = options.capacity ?? 65_536;
    this.info = { kind: 'memory', messages: options.messages ?? false, halfClose: true };
  }

  get buffered(): number {
    return this.#buffered;
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
    queueMicrotask(() => this.release());
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed || this.#closed) return false;
    const joined = bytes instanceof Uint8Array ? bytes : concat(bytes);
    const { clock, rate, chunk } = this.#options;
    for (let at = 0; at < joined.length; ) {
      const left = joined.length - at;
      const count = this.info.messages ? left : Math.max(1, Math.min(left, chunk?.(left) ?? left));
      this.#freeAt = Math.max(this.#freeAt, clock.monotonic()) + (rate === undefined ? 0 : count / rate);
      this.#carry(joined.slice(at, at + count));
      at += count;
    }
    if (this.#buffered < this.#capacity) return true;
    this.#wantsDrain = true;
    return false;
  }

  #carry(piece: Uint8Array): void {
    const { clock, delay = 0, jitter = 0, random = Math.random } = this.#options;
    this.#buffered += piece.length;
    const at = this.#freeAt + delay + (jitter === 0 ? 0 : jitter * random());
    this.#lastAt = Math.max(this.#lastAt, at);
    clock.after(this.#freeAt - clock.monotonic(), () => {
      this.#buffered -= piece.length;
      if (this.#wantsDrain && this.#buffered * 2 <= this.#capacity) {
        this.#wantsDrain = false;
        this.#handler?.drain();
      }
    });
    clock.after(this.#lastAt - clock.monotonic(), () => this.other.#arrive(piece));
  }

  #arrive(piece: Uint8Array): void {
    if (this.#closed || this.#control.halfDead) return;
    const whole = piece.length <= this.#control.left;
    const kept = whole ? piece : this.info.messages ? new Uint8Array(0) : piece.slice(0, this.#control.left);
    this.#control.left -= kept.length;
    if (kept.length > 0) this.#held.push(kept);
    this.release();
    if (whole) return;
    const error = new LinkError('ERR_LINK_RESET', 'the simulated link was cut');
    this.#finish(error);
    this.other.#finish(error);
  }

  release(): void {
    if (this.#options.clock.monotonic() < this.#control.stalledUntil) return;
    while (this.#handler !== undefined && !this.#paused && !this.#closed && this.#held.length > 0)
      this.#handler.data(this.#held.shift()!);
    if (this.#handler === undefined || this.#closed || this.#held.length > 0) return;
    if (this.other.#finSent && !this.#ended) {
      this.#ended = true;
      this.#handler.end();
    }
    if (this.#ended && this.#finSent) this.#finish(undefined);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    queueMicrotask(() => this.release());
  }

  closeWrite(): void {
    if (this.#writeClosed || this.#closed) return;
    this.#writeClosed = true;
    const { clock, delay = 0 } = this.#options;
    const last = Math.max(this.#lastAt, Math.max(this.#freeAt, clock.monotonic()) + delay);
    clock.after(last - clock.monotonic(), () => {
      if (this.#control.halfDead) return;
      this.#finSent = true;
      this.other.release();
      this.release();
    });
  }

  close(): void {
    this.closeWrite();
    const { clock, delay = 0 } = this.#options;
    clock.after(Math.max(0, this.#freeAt - clock.monotonic()) + delay + 1, () => this.#finish(undefined));
  }

  reset(): void {
    queueMicrotask(() => {
      this.#finish(new LinkError('ERR_LINK_ABORTED', 'reset here'));
      if (!this.#control.halfDead) this.other.#finish(new LinkError('ERR_LINK_RESET', 'reset there'));
    });
  }

  #finish(error: LinkError | undefined): void {
    if (this.#closed) return;
    this.#closed = this.#writeClosed = true;
    this.#handler?.closed(error);
  }
}
