/**
 * Web Streams and async iterators over any link. Pulling is what opens the link: nothing is taken from it before somebody asks,
 * and then what came in the same turn, at most 64 KiB and one chunk, so that a slow reader holds the sender back.
 */
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Q2qError } from '../base/errors.ts';
import { LinkError } from '../transport/errors.ts';
import type { Link, LinkHandler } from '../transport/link.ts';
import { resetCodeOf } from './codes.ts';
import { READ_AHEAD, READ_AHEAD_CHUNKS } from './limits.ts';
import { Room } from './room.ts';

export interface LinkStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

export interface WritableOptions {
  /** What is written is the link's from then on, and is not copied. Default: the writer may use its buffer again. */
  readonly owned?: boolean;
}

export interface ReadOptions {
  /** Gives up waiting: the loop ends with its reason, nothing is lost, the link goes on. */
  readonly signal?: AbortSignal | undefined;
}

const known = new WeakMap<Link, Streams>();

/** The two streams of a link, which must not have been started by anybody else. */
export function linkStreams(link: Link, options?: WritableOptions): LinkStreams {
  return { readable: linkReadable(link), writable: linkWritable(link, options) };
}

/**
 * Cancelling it gives up reading; our direction goes on. A link that cannot tell the other end (TLS) is reset. The code is
 * the reason's own, or the reason where that is a number.
 */
export function linkReadable(link: Link): ReadableStream<Uint8Array> {
  return streamsOf(link).readable;
}

/**
 * A write resolves when there is room for the next. `close` ends our direction; `abort` gives it up, as cancelling a
 * readable does. The options are those of the first call.
 */
export function linkWritable(link: Link, options?: WritableOptions): WritableStream<Uint8Array> {
  return streamsOf(link).writableWith(options);
}

/**
 * The chunks of a link in order. Leaving the loop early holds the sender back and ends nothing: a later loop goes on
 * where this one stopped.
 */
export function linkChunks(link: Link, options?: ReadOptions): AsyncIterableIterator<Uint8Array> {
  const streams = streamsOf(link);
  return iterate(streams, () => streams.shift(), options);
}

/** The same, everything that waits at a time: a turn of the loop costs once what a chunk would. */
export function linkBatches(link: Link, options?: ReadOptions): AsyncIterableIterator<Uint8Array[]> {
  const streams = streamsOf(link);
  return iterate(streams, () => streams.takeAll(), options);
}

function iterate<T>(streams: Streams, take: () => T, options?: ReadOptions): AsyncIterableIterator<T> {
  const some = (): IteratorResult<T> => ({ done: false, value: take() });
  const iterator: AsyncIterableIterator<T> = {
    next: () => streams.read(some, over, options?.signal),
    return: () => Promise.resolve(over()),
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

function over(): IteratorResult<never, undefined> {
  return { done: true, value: undefined };
}

function streamsOf(link: Link): Streams {
  let streams = known.get(link);
  if (streams === undefined) known.set(link, (streams = new Streams(link)));
  return streams;
}

/** Waits for chunks: `some` takes them, `none` says that there are no more. */
interface Reader {
  readonly some: () => unknown;
  readonly none: () => unknown;
  readonly answer: Deferred<unknown>;
}

class Streams implements LinkHandler {
  readonly #link: Link;
  readonly #room = new Room();
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;
  #writer: WritableStreamDefaultController | undefined;
  #readers: Reader[] = [];
  #held: Uint8Array[] = []; // came, not taken
  #heldBytes = 0;
  #serving = false;
  #ended = false;
  #readError: Q2qError | undefined;
  #writeError: Q2qError | undefined;

  constructor(link: Link) {
    this.#link = link;
    link.pause();
    link.start(this);
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => this.#stop(codeOf(reason)),
      },
      { highWaterMark: 0 },
    );
    return this.#readable;
  }

  #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> | undefined {
    if (this.#hasWaiting) {
      controller.enqueue(this.shift());
      return undefined; // and no promise
    }
    const next = this.read<Uint8Array | undefined>(
      () => this.shift(),
      () => undefined,
    );
    return next.then((chunk) => {
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    });
  }

  writableWith({ owned = false }: WritableOptions = {}): WritableStream<Uint8Array> {
    this.#writable ??= new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
        if (this.#writeError !== undefined) controller.error(this.#writeError);
      },
      write: (chunk, { signal }) => this.#write(chunk, owned, signal),
      close: () => this.#link.closeWrite(),
      abort: (reason) => this.#resetWrite(codeOf(reason)),
    });
    return this.#writable;
  }

  // Reading.

  /** What `some` takes, as soon as there is something; what `none` says at the end. Rejects when the link failed. */
  read<T>(some: () => T, none: () => T, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#hasWaiting) return Promise.resolve(some());
    const reader = { some, none, answer: deferred<T>() };
    this.#readers.push(reader as Reader);
    if (this.#ended) this.#serveSoon();
    else this.#link.resume();
    return signal === undefined
      ? reader.answer.promise
      : this.#until(signal, reader as Reader, reader.answer.promise);
  }

  /** A reader that is gone takes nothing: what comes is the next one's. */
  #until<T>(signal: AbortSignal, reader: Reader, answer: Promise<T>): Promise<T> {
    const onAbort = (): void => {
      this.#readers = this.#readers.filter((other) => other !== reader);
      if (this.#readers.length === 0 && !this.#ended) this.#link.pause();
      reader.answer.reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return answer.finally(() => signal.removeEventListener('abort', onAbort));
  }

  /** Chunks that nobody is before us to take. */
  get #hasWaiting(): boolean {
    return this.#held.length > 0 && this.#readers.length === 0;
  }

  /** The oldest chunk; there must be one. */
  shift(): Uint8Array {
    const chunk = this.#held.shift()!;
    this.#heldBytes -= chunk.length;
    return chunk;
  }

  takeAll(): Uint8Array[] {
    const all = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    return all;
  }

  /** Serves in a microtask: what comes until then is part of the same batch. */
  #serveSoon(): void {
    if (this.#serving) return;
    this.#serving = true;
    queueMicrotask(this.#serve);
  }

  readonly #serve = (): void => {
    this.#serving = false;
    while (this.#readers.length > 0 && this.#held.length > 0) {
      const { some, answer } = this.#readers.shift()!;
      answer.resolve(some());
    }
    if (this.#ended) this.#serveEnd();
    else if (this.#readers.length > 0) this.#link.resume();
    else this.#link.pause();
  };

  #serveEnd(): void {
    for (const { none, answer } of this.#readers.splice(0)) {
      if (this.#readError === undefined) answer.resolve(none());
      else answer.reject(this.#readError);
    }
  }

  #endReading(error: Q2qError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#readError = error;
    this.#serveSoon();
  }

  #stop(code: number | undefined): void {
    this.takeAll();
    this.#endReading(undefined);
    if (this.#link.stop === undefined) this.#link.reset(code);
    else this.#link.stop(code);
  }

  // Writing.

  async #write(chunk: Uint8Array, owned: boolean, signal: AbortSignal): Promise<void> {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('only Uint8Array can be written to a link');
    if (this.#room.after(this.#link.send(owned ? chunk : chunk.slice()))) return;
    await this.#room.drained(signal);
  }

  #endWriting(error: Q2qError): void {
    if (this.#writeError !== undefined) return;
    this.#writeError = error;
    this.#room.close(() => error);
    this.#writer?.error(error);
  }

  #resetWrite(code: number | undefined): void {
    if (this.#link.resetWrite === undefined) this.#link.reset(code);
    else this.#link.resetWrite(code);
  }

  // What the link tells.

  data(chunk: Uint8Array): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= READ_AHEAD || this.#held.length >= READ_AHEAD_CHUNKS) this.#link.pause();
    this.#serveSoon();
  }

  drain(): void {
    this.#room.open();
  }

  end(): void {
    this.#endReading(undefined);
    this.#link.resume(); // nothing but the link's own end can follow
  }

  readFailed(error: Q2qError): void {
    this.#endReading(error);
  }

  writeFailed(error: Q2qError): void {
    this.#endWriting(error);
  }

  /** After a clean end only who still writes hears of it: a pipe must be able to close its destination. */
  closed(error: Q2qError | undefined): void {
    this.#endReading(error);
    if (error === undefined) this.#room.close(() => new LinkError('ERR_LINK_CLOSED', 'link is closed'));
    else this.#endWriting(error);
  }
}

/** 0 would say that all is well. */
function codeOf(reason: unknown): number | undefined {
  const code = typeof reason === 'number' ? reason : resetCodeOf(reason);
  return Number.isSafeInteger(code) && code! > 0 ? code : undefined;
}
