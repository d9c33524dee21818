/**
 * A link in virtual time: rate, delay, a finite buffer, any re-chunking or message framing, stalls, and a cut at any
 * byte. Together with `VirtualClock` a test of hours runs in milliseconds and replays from its seed.
 */
import { concat } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { LinkError } from '../../src/transport/errors.ts';
import type { Link, LinkHandler, LinkInfo } from '../../src/transport/link.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #timers: Timer[] = [];

  now(): number {
    return 1_800_000_000_000 + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, delay), order: this.#order++, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Lets `ms` pass: timers run in order, with all microtasks of each done before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settleMicrotasks();
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.at > end) break;
      this.#now = next.at;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.run();
      await settleMicrotasks();
    }
    this.#now = end;
  }

  #earliest(): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers)
      if (best === undefined || timer.at < best.at || (timer.at === best.at && timer.order < best.order))
        best = timer;
    return best;
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
}

export interface SimControl {
  /** Sends are accepted and nothing arrives any more. */
  halfDead: boolean;
  /** Cuts the link after so many more bytes from either side. */
  cutAfter(bytes: number): void;
}

export function simLinks(options: SimOptions): { links: [Link, Link]; control: SimControl } {
  const control = {
    halfDead: false,
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
  readonly #control: SimControl & { left: number };
  readonly #capacity: number;
  #handler: LinkHandler | undefined;
  #held: Uint8Array[] = []; // arrived, reader paused or not there
  #paused = false;
  #buffered = 0;
  #wantsDrain = false;
  #freeAt = 0; // when the wire has carried what was sent
  #writeClosed = false;
  #finSent = false;
  #ended = false;
  #closed = false;

  constructor(options: SimOptions, control: SimControl & { left: number }) {
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
    queueMicrotask(() => this.#release());
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
    const { clock, delay = 0 } = this.#options;
    this.#buffered += piece.length;
    clock.after(this.#freeAt - clock.monotonic(), () => {
      this.#buffered -= piece.length;
      if (this.#wantsDrain && this.#buffered * 2 <= this.#capacity) {
        this.#wantsDrain = false;
        this.#handler?.drain();
      }
    });
    clock.after(this.#freeAt - clock.monotonic() + delay, () => this.other.#arrive(piece));
  }

  #arrive(piece: Uint8Array): void {
    if (this.#closed || this.#control.halfDead) return;
    const whole = piece.length <= this.#control.left;
    const kept = whole ? piece : this.info.messages ? new Uint8Array(0) : piece.slice(0, this.#control.left);
    this.#control.left -= kept.length;
    if (kept.length > 0) this.#held.push(kept);
    this.#release();
    if (whole) return;
    const error = new LinkError('ERR_LINK_RESET', 'the simulated link was cut');
    this.#finish(error);
    this.other.#finish(error);
  }

  #release(): void {
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
    queueMicrotask(() => this.#release());
  }

  closeWrite(): void {
    if (this.#writeClosed || this.#closed) return;
    this.#writeClosed = true;
    const { clock, delay = 0 } = this.#options;
    clock.after(Math.max(0, this.#freeAt - clock.monotonic()) + delay, () => {
      if (this.#control.halfDead) return;
      this.#finSent = true;
      this.other.#release();
      this.#release();
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
