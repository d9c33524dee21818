/**
 * Bytes that came for a reader, bounded by the channel's credit. Who reads at once gets the view that came, uncopied. What
 * stays is settled: memory is then near the bytes held whatever the peer sends, because small pieces are gathered, and a
 * small view does not pin the large chunk it was cut from.
 */
import { EMPTY } from '../base/bytes.ts';
import { ChunkQueue } from '../base/chunks.ts';
import { Gatherer } from './gatherer.ts';

/** Below this a piece is copied into the tail. */
const SMALL = 2_048;

export class ReceiveQueue {
  #chunks: ChunkQueue | undefined; // most channels are read at once and never have any
  #tail: Gatherer | undefined; // behind the chunks
  #fresh: Uint8Array | undefined; // came into an empty queue, not settled
  length = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.length === 0) this.#fresh = bytes;
    else {
      this.settle();
      this.#keep(bytes);
    }
    this.length += bytes.length;
  }

  /** Nobody took the newest bytes at once: they stay. */
  settle(): void {
    if (this.#fresh === undefined) return;
    this.#keep(this.#fresh);
    this.#fresh = undefined;
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length < SMALL) {
      this.#gather(bytes);
      return;
    }
    this.#flushTail();
    this.#append(bytes.length * 2 < bytes.buffer.byteLength ? bytes.slice() : bytes);
  }

  shift(): Uint8Array | undefined {
    const fresh = this.#fresh;
    if (fresh !== undefined) {
      this.#fresh = undefined;
      this.length = 0;
      return fresh;
    }
    if (this.length === 0) return undefined;
    if (!this.#chunks?.length) this.#flushTail();
    const chunk = this.#chunks!.shift();
    this.length -= chunk.length;
    return chunk;
  }

  /** Exactly `count` bytes, which are there: joined only when they came in pieces. */
  take(count: number): Uint8Array {
    if (this.#fresh?.length === count) return this.shift()!;
    this.settle();
    if (count === 0) return EMPTY;
    if (this.#chunks === undefined || this.#chunks.length < count) this.#flushTail();
    this.length -= count;
    return this.#chunks!.take(count);
  }

  /** Drops everything; returns how many bytes that were. */
  clear(): number {
    const dropped = this.length;
    this.#chunks = undefined;
    this.#fresh = undefined;
    this.#tail = undefined;
    this.length = 0;
    return dropped;
  }

  #gather(bytes: Uint8Array): void {
    const full = this.#tail;
    if (full?.add(bytes)) return;
    this.#flushTail();
    this.#tail = new Gatherer(full);
    this.#tail.add(bytes);
  }

  #flushTail(): void {
    if (this.#tail === undefined) return;
    this.#append(this.#tail.take());
    this.#tail = undefined;
  }

  #append(chunk: Uint8Array): void {
    this.#chunks ??= new ChunkQueue();
    this.#chunks.push(chunk);
  }
}
