/** A link over Node streams: a socket (one stream, both ways) or a pair of pipes. TCP and stdio stand on it. */
import type { Readable, Writable } from 'node:stream';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { LinkError, resetHere } from './errors.ts';
import { CORK_TIME, FLUSH_TIMEOUT, LAST_WORDS_TIMEOUT, LINGER_TIMEOUT } from './limits.ts';
import type { Link, LinkHandler, LinkInfo } from './link.ts';
import { fromNodeError } from './nodeErrors.node.ts';

export interface StreamLinkOptions {
  readonly info: LinkInfo;
  /** Ends both streams so that the other end sees a failure, where the carrier can say so. */
  readonly abort: () => void;
  readonly clock?: Clock;
  /** Milliseconds that a flushed, closed link waits for the other end's close. */
  readonly linger?: number;
}

export class StreamLink implements Link {
  readonly info: LinkInfo;
  readonly #readable: Readable;
  readonly #writable: Writable;
  readonly #abort: () => void;
  readonly #clock: Clock;
  readonly #lingerTime: number;
  #handler: LinkHandler | undefined;
  #paused = false;
  #corked = false;
  #corkedAt = 0;
  #wantsDrain = false;
  #ended = false; // the other end's direction is over
  #finished = false; // ours is, and flushed
  #writeClosed = false;
  #closing = false; // both directions are being given up: what arrives is dropped
  #failure: Q2qError | undefined;
  #done = false;
  #told = false; // handler.closed was called
  #cancelTimer: () => void = () => {};

  constructor(readable: Readable, writable: Writable, options: StreamLinkOptions) {
    this.info = options.info;
    this.#readable = readable;
    this.#writable = writable;
    this.#abort = options.abort;
    this.#clock = options.clock ?? systemClock;
    this.#lingerTime = options.linger ?? LINGER_TIMEOUT;
    readable.pause(); // until `start`
    readable.on('data', (chunk: Buffer) => this.#onData(chunk));
    readable.on('end', () => this.#onEnd());
    readable.on('error', (error) => this.#fail(fromNodeError(error, this.#name())));
    readable.on('close', () => this.#onGone());
    writable.on('drain', () => this.#onDrain());
    writable.on('finish', () => this.#onFinish());
    if ((writable as unknown) === readable) return;
    writable.on('error', (error) => this.#onWriteError(fromNodeError(error, this.#name())));
    writable.on('close', () => this.#onGone());
  }

  get buffered(): number {
    return this.#writable.writableLength;
  }

  start(handler: LinkHandler): void {
    if (this.#handler !== undefined) throw new Error('link was started twice');
    this.#handler = handler;
    if (this.#done) queueMicrotask(() => this.#tell());
    else if (!this.#paused) this.#readable.resume();
  }

  /**
   * Sends of one turn of the event loop leave in one `writev`: a turn reads up to 32 chunks, and an answer to each by itself
   * costs as much as a large write. A turn that takes long is not waited for: the other end would sleep meanwhile.
   */
  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed) return false;
    this.#cork();
    let room = true;
    if (bytes instanceof Uint8Array) room = this.#writable.write(bytes);
    else for (const part of bytes) room = this.#writable.write(part);
    if (!room) this.#wantsDrain = true;
    if (this.#clock.monotonic() - this.#corkedAt > CORK_TIME) this.#uncork();
    return room;
  }

  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#corkedAt = this.#clock.monotonic();
    this.#writable.cork();
    setImmediate(this.#uncork);
  }

  readonly #uncork = (): void => {
    if (!this.#corked) return;
    this.#corked = false;
    this.#writable.uncork();
  };

  pause(): void {
    this.#paused = true;
    if (this.#handler !== undefined && !this.#closing) this.#readable.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#handler !== undefined) this.#readable.resume();
  }

  closeWrite(): void {
    if (this.#writeClosed) return;
    this.#writeClosed = true;
    this.#writable.end();
  }

  close(): void {
    if (this.#closing || this.#done) return;
    this.closeWrite();
    this.#closing = true;
    this.#readable.resume(); // to reach its end; a socket closed with unread data would reset and lose what we sent
    if (this.#finished) this.#linger();
    else this.#after(FLUSH_TIMEOUT, () => this.#fail(flushTimeout(this.#name())));
  }

  reset(_code?: number): void {
    if (this.#done) return;
    this.#fail(resetHere());
  }

  #name(): string {
    return this.info.remote ?? this.info.kind;
  }

  #onData(chunk: Buffer): void {
    if (this.#closing || this.#done) return;
    if (this.#handler === undefined || this.#paused) {
      this.#putBack(chunk);
      return;
    }
    if (!this.#writeClosed) this.#cork(); // the turn begins with what may be answered
    // A plain Uint8Array: engines see one shape of array, and `slice` copies as everywhere else.
    this.#handler.data(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
  }

  /** Node sets the pipes of a child that ended flowing, whoever paused them. */
  #putBack(chunk: Buffer): void {
    this.#readable.pause();
    this.#readable.unshift(chunk);
  }

  #onDrain(): void {
    if (!this.#wantsDrain || this.#writeClosed || this.#done) return;
    this.#wantsDrain = false;
    this.#handler?.drain();
  }

  #onEnd(): void {
    if (this.#done || this.#ended) return;
    this.#ended = true;
    if (!this.#closing) this.#handler?.end();
    if (this.#finished || this.#failure !== undefined) this.#settle(this.#failure);
  }

  #onFinish(): void {
    this.#finished = true;
    if (this.#done) return;
    if (this.#ended) this.#settle(undefined);
    else if (this.#closing) this.#linger();
  }

  /** All is sent: waits for the other end's close, but not for long. */
  #linger(): void {
    this.#after(this.#lingerTime, () => this.#settle(undefined));
  }

  /** A broken pipe ends only our direction: an error message from the other end may still be in the other one. */
  #onWriteError(error: LinkError): void {
    this.#writeClosed = true;
    this.#failure ??= error;
    if (this.#ended) this.#fail(error);
    else if (!this.#done) this.#after(LAST_WORDS_TIMEOUT, () => this.#fail(error));
  }

  /** A stream went away without an end or an error: somebody else destroyed it, or its process is gone. */
  #onGone(): void {
    if (this.#done) return;
    const error = new LinkError('ERR_LINK_CLOSED', `${this.#name()}: stream was destroyed`);
    if (this.#readable.closed && !this.#ended) this.#fail(error);
    else if (this.#writable.closed && !this.#finished) this.#onWriteError(error);
  }

  #after(delay: number, run: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(delay, run);
  }

  #fail(error: Q2qError): void {
    if (this.#done) return;
    this.#settle(this.#failure ?? error);
  }

  /** The link's end, however it came: frees both streams and tells the handler from a fresh stack. */
  #settle(error: Q2qError | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#writeClosed = true;
    this.#failure = error;
    this.#cancelTimer();
    if (error === undefined) {
      this.#readable.destroy();
      this.#writable.destroy();
    } else this.#abort();
    if (this.#handler !== undefined) queueMicrotask(() => this.#tell());
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    this.#handler!.closed(this.#failure);
  }
}

function flushTimeout(name: string): LinkError {
  return new LinkError('ERR_LINK_TIMEOUT', `${name} took nothing for ${FLUSH_TIMEOUT / 1000} s after close`);
}
