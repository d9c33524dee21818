/** Small pieces one behind the other in memory of their own: cheaper to keep and to hand on than each by itself. */
import { EMPTY } from '../base/bytes.ts';

const LARGEST = 16_384;

export class Gatherer {
  #bytes: Uint8Array;
  #filled = 0;

  /** Behind one that became full the next is as large at once: memory outside the heap costs by the piece. */
  constructor(full?: Gatherer) {
    this.#bytes = full === undefined ? EMPTY : new Uint8Array(LARGEST);
  }

  /** Copies a piece of at most 16 KiB to the end; false when there is no room for it, and the rest must be taken first. */
  add(piece: Uint8Array): boolean {
    const wanted = this.#filled + piece.length;
    if (wanted > LARGEST) return false;
    if (wanted > this.#bytes.length) this.#grow(wanted);
    this.#bytes.set(piece, this.#filled);
    this.#filled = wanted;
    return true;
  }

  #grow(wanted: number): void {
    const grown = new Uint8Array(Math.min(LARGEST, Math.max(wanted, this.#bytes.length * 2)));
    grown.set(this.#bytes.subarray(0, this.#filled));
    this.#bytes = grown;
  }

  /** All of it; nothing is written to these bytes afterwards. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#filled);
  }
}
