/**
 * What a carrier delivered and its reader has not taken: keeps the order of data, end and closed, delivers nothing
 * before `start` or while paused. For carriers that push messages whether or not anybody wants them.
 */
import { ChunkQueue } from '../base/chunks.ts';
import type { Q2qError } from '../base/errors.ts';
import type { LinkHandler } from './link.ts';

export class Inbox {
  readonly #held = new ChunkQueue();
  #handler: LinkHandler | undefined;
  #paused = false;
  #delivering = false;
  #end = false;
  #endTold = false;
  #closed: { readonly error: Q2qError | undefined } | undefined;
  #closedTold = false;

  /** Bytes that wait for the reader. */
  get held(): number {
    return this.#held.length;
  }

  get open(): boolean {
    return this.#handler !== undefined && !this.#paused;
  }

  start(handler: LinkHandler): void {
    if (this.#handler !== undefined) throw new Error('link was started twice');
    this.#handler = handler;
    queueMicrotask(() => this.#deliver());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    queueMicrotask(() => this.#deliver());
  }

  data(chunk: Uint8Array): void {
    if (this.open && !this.#delivering && this.#held.length === 0) this.#handler!.data(chunk);
    else this.#held.push(chunk);
  }

  end(): void {
    this.#end = true;
    this.#deliver();
  }

  /** A failure overtakes what is held; a clean end waits for the reader to take it. */
  closed(error: Q2qError | undefined): void {
    if (this.#closed !== undefined) return;
    this.#closed = { error };
    if (error !== undefined) this.#held.clear();
    queueMicrotask(() => this.#deliver());
  }

  /** Gives up what is held and what may still come: the reader closed the link. */
  discard(): void {
    this.#held.clear();
    this.#endTold = true;
    this.#paused = false;
  }

  drain(): void {
    this.#handler?.drain();
  }

  #deliver(): void {
    if (this.#handler === undefined || this.#delivering) return;
    this.#delivering = true;
    while (!this.#paused && this.#held.length > 0) this.#handler.data(this.#held.shift());
    this.#delivering = false;
    if (this.#held.length > 0) return;
    const failed = this.#closed?.error !== undefined;
    if (this.#paused && !failed) return;
    if (this.#end && !this.#endTold && !failed) {
      this.#endTold = true;
      this.#handler.end();
    }
    if (this.#closed === undefined || this.#closedTold) return;
    this.#closedTold = true;
    this.#handler.closed(this.#closed.error);
  }
}
