/**
 * Bytes that came for a reader who is not ready, bounded by the channel's credit. Memory stays near the bytes held
 * whatever the peer sends: small pieces are gathered, and a small view does not pin the large chunk it was cut from.
 */
import { EMPTY } from '../base/bytes.ts';
import { Fifo } from '../base/fifo.ts';

/** Below this a piece is copied into the tail. */
const SMALL = 2_048;
const LARGEST_TAIL = 16_384;

export class ReceiveQueue {
  readonly #chunks = new Fifo<Uint8Array>();
  #tail: Uint8Array = EMPTY; // gathers small pieces behind the chunks
  #filled = 0;
  length = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.length += bytes.length;
    if (bytes.length < SMALL) {
      this.#gather(bytes);
      return;
    }
    this.#flushTail();
    this.#chunks.push(bytes.length * 2 < bytes.buffer.byteLength ? bytes.slice() : bytes);
  }

  shift(): Uint8Array | undefined {
    if (this.#chunks.length === 0) this.#flushTail();
    const chunk = this.#chunks.shift();
    this.length -= chunk?.length ?? 0;
    return chunk;
  }

  clear(): void {
    this.#chunks.clear();
    this.#tail = EMPTY;
    this.#filled = this.length = 0;
  }

  #gather(bytes: Uint8Array): void {
    const wanted = this.#filled + bytes.length;
    if (wanted > LARGEST_TAIL) {
      this.#flushTail();
      this.#gather(bytes);
      return;
    }
    if (wanted > this.#tail.length) {
      const grown = new Uint8Array(Math.max(wanted, this.#tail.length * 2));
      grown.set(this.#tail.subarray(0, this.#filled));
      this.#tail = grown;
    }
    this.#tail.set(bytes, this.#filled);
    this.#filled = wanted;
  }

  #flushTail(): void {
    if (this.#filled === 0) return;
    this.#chunks.push(this.#tail.subarray(0, this.#filled));
    this.#tail = EMPTY;
    this.#filled = 0;
  }
}
