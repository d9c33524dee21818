/**
 * Web Streams and an async iterator over any link. A chunk is taken from the link when somebody asks for it and not
 * before (high-water mark 0), so a slow reader holds the sender back.
 */
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Q2qError } from '../base/errors.ts';
import type { Link, LinkHandler } from '../transport/link.ts';

export interface LinkStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

const known = new WeakMap<Link, Streams>();

/** The two streams of a link, which must not have been started by anybody else. */
export function linkStreams(link: Link): LinkStreams {
  return streamsOf(link);
}

/** Cancelling it resets the link: what still comes has no reader. */
export function linkReadable(link: Link): ReadableStream<Uint8Array> {
  return streamsOf(link).readable;
}

/** Writes copy their chunk, which the writer may use again. `close` ends our direction, `abort` resets the link. */
export function linkWritable(link: Link): WritableStream<Uint8Array> {
  return streamsOf(link).writable;
}

/**
 * The chunks of a link in order. Leaving the loop early holds the sender back and ends nothing: a later loop goes on
 * where this one stopped.
 */
export function linkChunks(link: Link): AsyncIterableIterator<Uint8Array> {
  const streams = streamsOf(link);
  const iterator: AsyncIterableIterator<Uint8Array> = {
    next: async () => {
      const value = await streams.read();
      return value === undefined ? { done: true, value } : { done: false, value };
    },
    return: () => Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

function streamsOf(link: Link): Streams {
  let streams = known.get(link);
  if (streams === undefined) known.set(link, (streams = new Streams(link)));
  return streams;
}

class Streams implements LinkHandler {
  readonly #link: Link;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;
  #writer: WritableStreamDefaultController | undefined;
  #readers: Deferred<Uint8Array | undefined>[] = [];
  #early: Uint8Array[] = []; // came in the turn in which the last reader was served
  #room: Deferred<void> | undefined;
  #ended = false;
  #gone = false;
  #error: Q2qError | undefined;

  constructor(link: Link) {
    this.#link = link;
    link.pause();
    link.start(this);
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const chunk = await this.read();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
        cancel: () => this.#link.reset(),
      },
      { highWaterMark: 0 },
    );
    return this.#readable;
  }

  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
        if (this.#gone) controller.error(this.#closedError());
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#link.closeWrite(),
      abort: () => this.#link.reset(),
    });
    return this.#writable;
  }

  /** The next chunk; undefined at the end. Rejects when the link failed. */
  read(): Promise<Uint8Array | undefined> {
    const early = this.#early.shift();
    if (early !== undefined) return Promise.resolve(early);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(undefined);
    const reader = deferred<Uint8Array | undefined>();
    this.#readers.push(reader);
    this.#link.resume();
    return reader.promise;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('only Uint8Array can be written to a link');
    if (this.#link.send(chunk.slice())) return;
    if (this.#gone) throw this.#closedError();
    this.#room ??= deferred<void>();
    await this.#room.promise;
  }

  data(chunk: Uint8Array): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) reader.resolve(chunk);
    else this.#early.push(chunk);
    if (this.#readers.length === 0) this.#link.pause();
  }

  drain(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  end(): void {
    this.#ended = true;
    for (const reader of this.#readers.splice(0)) reader.resolve(undefined);
    this.#link.resume(); // nothing but the link's own end can follow
  }

  closed(error: Q2qError | undefined): void {
    this.#gone = true;
    this.#error = error;
    this.#ended = true;
    for (const reader of this.#readers.splice(0)) {
      if (error === undefined) reader.resolve(undefined);
      else reader.reject(error);
    }
    this.#room?.reject(this.#closedError());
    this.#writer?.error(this.#closedError());
  }

  #closedError(): Error {
    return this.#error ?? new Error('link is closed');
  }
}
