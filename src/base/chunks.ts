/** A queue of byte chunks: bytes go in as they come and leave in any size, joined only when a read spans chunks. */
import { EMPTY } from './bytes.ts';
import { Fifo } from './fifo.ts';

export class ChunkQueue {
  readonly #chunks = new Fifo<Uint8Array>();
  #offset = 0; // consumed bytes of the first chunk
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Chunks that hold them: tiny ones cost more than their bytes. */
  get chunks(): number {
    return this.#chunks.length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The byte at `index` from the front, without consuming it. */
  at(index: number): number | undefined {
    if (index >= this.#length) return undefined;
    let i = 0;
    let skip = index + this.#offset;
    while (skip >= this.#chunks.at(i)!.length) skip -= this.#chunks.at(i++)!.length;
    return this.#chunks.at(i)![skip];
  }

  /** The first chunk (or what is left of it) as a view. */
  shift(): Uint8Array {
    return this.#length === 0 ? EMPTY : this.take(this.#chunks.at(0)!.length - this.#offset);
  }

  /** At most `max` bytes from the first chunk, as a view: never joins. */
  shiftUpTo(max: number): Uint8Array {
    if (this.#length === 0) return EMPTY;
    return this.take(Math.min(max, this.#chunks.at(0)!.length - this.#offset));
  }

  /** Exactly `count` bytes: a view when they lie in one chunk, else joined. Throws RangeError when short. */
  take(count: number): Uint8Array {
    if (count > this.#length) throw new RangeError(`wanted ${count} bytes, ${this.#length} queued`);
    if (count === 0) return EMPTY;
    const first = this.#chunks.at(0)!;
    const available = first.length - this.#offset;
    if (count <= available) {
      const view = first.subarray(this.#offset, this.#offset + count);
      this.#drop(count);
      return view;
    }
    const joined = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const chunk = this.#chunks.at(0)!;
      const part = chunk.subarray(this.#offset, this.#offset + count - at);
      joined.set(part, at);
      at += part.length;
      this.#drop(part.length);
    }
    return joined;
  }

  clear(): void {
    this.#chunks.clear();
    this.#offset = this.#length = 0;
  }

  /** Consumes bytes of the first chunk only. */
  #drop(count: number): void {
    this.#length -= count;
    this.#offset += count;
    if (this.#offset < this.#chunks.at(0)!.length) return;
    this.#chunks.shift();
    this.#offset = 0;
  }
}
