/**
 * Two links joined in memory: the carrier of tests, of examples and of peers in one process.
 *
 * Delivery is asynchronous (a microtask, or later with `latency`) and of copies: the reader may write to what it gets
 * (TLS decrypts in place), the sender may hold what it sent for a second link. Backpressure is real: `send` returns
 * false once `capacity` bytes wait, and they wait until the other end has started and is not paused.
 */
import { concat } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { LinkError, resetHere } from './errors.ts';
import type { Link, LinkHandler, LinkInfo } from './link.ts';

export interface MemoryPairOptions {
  /** Bytes that may wait in each direction before `send` returns false. Default 64 KiB, like a socket's buffer. */
  readonly capacity?: number;
  /** Cuts what is delivered: of `n` bytes at hand, how many go in the next chunk. Byte links only. */
  readonly chunk?: (n: number) => number;
  /** True: one `send` call is one message, as on a WebSocket. */
  readonly messages?: boolean;
  /** Milliseconds from `send` to delivery. */
  readonly latency?: number;
  /** What `latency` is measured with. */
  readonly clock?: Clock;
}

const DEFAULT_CAPACITY = 65_536;

/** Chunks delivered in one microtask before the other side gets its turn. */
const CHUNKS_PER_TURN = 16;

export function memoryPair(options: MemoryPairOptions = {}): [Link, Link] {
  const a = new MemoryLink(options);
  const b = new MemoryLink(options);
  a.join(b);
  b.join(a);
  return [a, b];
}

interface Waiting {
  bytes: Uint8Array;
  readonly due: number;
}

class MemoryLink implements Link {
  readonly info: LinkInfo;
  readonly #capacity: number;
  readonly #chunk: ((n: number) => number) | undefined;
  readonly #latency: number;
  readonly #clock: Clock;
  #other!: MemoryLink;

  #handler: LinkHandler | undefined;
  #paused = false;

  /** What we sent and the other end has not received. */
  #queue: Waiting[] = [];
  #head = 0;
  #buffered = 0;
  #wantsDrain = false;
  #writeClosed = false;
  #closing = false;
  #pumping = false;

  #ended = false; // the other end's direction
  #lost = false; // we sent what the other end no longer takes
  #cut = false; // reset here: nothing more is moved either way
  #closed = false;
  #failure: Q2qError | undefined;

  constructor(options: MemoryPairOptions) {
    this.info = { kind: 'memory', messages: options.messages ?? false, halfClose: true };
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    this.#chunk = this.info.messages ? undefined : options.chunk;
    this.#latency = options.latency ?? 0;
    this.#clock = options.clock ?? systemClock;
  }

  join(other: MemoryLink): void {
    this.#other = other;
  }

  get buffered(): number {
    return this.#buffered;
  }

  start(handler: LinkHandler): void {
    if (this.#handler !== undefined) throw new Error('link was started twice');
    this.#handler = handler;
    if (this.#closed) queueMicrotask(() => handler.closed(this.#failure));
    this.#other.#pumpSoon();
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed || this.#closed) return false;
    const due = this.#latency === 0 ? 0 : this.#clock.monotonic() + this.#latency;
    if (bytes instanceof Uint8Array) this.#enqueue(bytes, due);
    else if (this.info.messages) this.#enqueue(bytes.length === 1 ? bytes[0]! : concat(bytes), due);
    else for (const part of bytes) this.#enqueue(part, due);
    this.#pumpSoon();
    if (this.#buffered < this.#capacity) return true;
    this.#wantsDrain = true;
    return false;
  }

  #enqueue(bytes: Uint8Array, due: number): void {
    if (bytes.length === 0) return;
    this.#queue.push({ bytes, due });
    this.#buffered += bytes.length;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#other.#pumpSoon();
  }

  closeWrite(): void {
    if (this.#writeClosed || this.#closed) return;
    this.#writeClosed = true;
    this.#pumpSoon();
  }

  close(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.closeWrite();
    this.#pumpSoon();
  }

  reset(): void {
    if (this.#cut || this.#closed) return;
    this.#cut = this.#other.#cut = true;
    this.#drop();
    queueMicrotask(() => {
      this.#finish(resetHere());
      this.#other.#finish(new LinkError('ERR_LINK_RESET', 'the other end reset the link'));
    });
  }

  #drop(): void {
    this.#writeClosed = true;
    this.#queue = [];
    this.#head = this.#buffered = 0;
  }

  #pumpSoon(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  /** Moves our queue into the other end's handler, as far as it takes it. */
  #pump(): void {
    const other = this.#other;
    if (this.#cut) return;
    for (let turn = 0; turn < CHUNKS_PER_TURN && this.#buffered > 0; turn++) {
      if (other.#closing || other.#closed) this.#lose();
      else if (other.#handler === undefined || other.#paused) return;
      else if (!this.#deliverOne(other.#handler)) return;
    }
    if (this.#closed) return;
    if (this.#wantsDrain && this.#buffered * 2 <= this.#capacity && this.#handler !== undefined) {
      this.#wantsDrain = false;
      if (!this.#writeClosed) this.#handler.drain();
    }
    if (this.#buffered > 0) this.#pumpSoon();
    else if (this.#writeClosed) this.#sentAll();
  }

  #lose(): void {
    this.#drop();
    this.#lost = true;
    if (this.#ended) this.#finish(cutByOther());
  }

  #deliverOne(handler: LinkHandler): boolean {
    const head = this.#queue[this.#head]!;
    const wait = this.#latency === 0 ? 0 : head.due - this.#clock.monotonic();
    if (wait > 0) {
      this.#pumping = true; // nothing else may schedule while the clock does
      this.#clock.after(wait, () => {
        this.#pumping = false;
        this.#pump();
      });
      return false;
    }
    const { bytes } = head;
    const count =
      this.#chunk === undefined
        ? bytes.length
        : Math.max(1, Math.min(bytes.length, this.#chunk(bytes.length)));
    if (count < bytes.length) head.bytes = bytes.subarray(count);
    else this.#shift();
    this.#buffered -= count;
    handler.data(bytes.slice(0, count));
    return true;
  }

  #shift(): void {
    this.#head++;
    if (this.#head < this.#queue.length) {
      if (this.#head < 1024) return;
      this.#queue = this.#queue.slice(this.#head);
    } else this.#queue = [];
    this.#head = 0;
  }

  /** Our direction is over and everything was delivered. */
  #sentAll(): void {
    const other = this.#other;
    if (!other.#ended && !other.#closed) {
      if (other.#handler === undefined) return; // its `start` pumps us again
      other.#ended = true;
      if (!other.#closing) other.#handler.end();
    }
    if (this.#closing || this.#ended) this.#finish(undefined);
    if (other.#lost) other.#finish(cutByOther());
    else if (this.#ended && other.#writeClosed && other.#buffered === 0) other.#finish(undefined);
    else if (this.#closing) other.#pumpSoon(); // what it still holds has nowhere to go
  }

  #finish(error: Q2qError | undefined): void {
    if (this.#closed) return;
    this.#drop();
    this.#closed = true;
    this.#failure = error;
    this.#handler?.closed(error);
  }
}

function cutByOther(): LinkError {
  return new LinkError('ERR_LINK_RESET', 'the other end closed the link with data on its way');
}
