/**
 * Cuts a stream of chunks into units whose header tells their length: records out of carrier chunks, handshake messages
 * out of records. A unit that lies in one chunk is a view; only one that chunks cut apart is copied, into memory that
 * grows with what has come, never with what was announced.
 */
import { EMPTY } from '../../base/bytes.ts';
import { Fifo } from '../../base/fifo.ts';

/**
 * Length of the unit that starts at `at`, header included, or 0 while its header is not complete. Sees at least one
 * byte, and throws as soon as what it sees cannot be right.
 */
export type Measure = (bytes: Uint8Array, at: number, available: number) => number;

/** First memory for a unit that is cut apart: a record's worth, so that records are allocated once. */
const FIRST_BUFFER = 17 * 1024;

/** Memory that no unit uses, for the next that is cut apart. One in all: nothing here is asynchronous. */
let spare: Uint8Array = EMPTY;

export class Assembler {
  readonly #headerLength: number;
  readonly #measure: Measure;
  /** Chunks behind the current one; only while nobody pulls are there any. */
  readonly #waiting = new Fifo<Uint8Array>();
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /** The beginning of a unit that is cut apart. */
  #partial: Uint8Array = EMPTY;
  #filled = 0;
  #length = 0;
  /** What the unit returned last lies in, when it was cut apart. */
  #lent: Uint8Array = EMPTY;

  constructor(headerLength: number, measure: Measure) {
    this.#headerLength = headerLength;
    this.#measure = measure;
  }

  /** Bytes pushed and not yet returned. */
  get length(): number {
    return this.#length;
  }

  /** Chunks that wait; tiny ones cost more than their bytes. */
  get waitingChunks(): number {
    return this.#waiting.length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    if (this.#at === this.#chunk.length) {
      this.#chunk = chunk;
      this.#at = 0;
    } else {
      this.#waiting.push(chunk);
    }
  }

  next(): Uint8Array | undefined {
    if (this.#filled === 0) {
      const available = this.#chunk.length - this.#at;
      if (available === 0) return undefined;
      const total = this.#measure(this.#chunk, this.#at, available);
      if (total !== 0 && total <= available) {
        const unit = this.#chunk.subarray(this.#at, this.#at + total);
        this.#consume(total);
        this.#length -= total;
        this.#lent = EMPTY;
        return unit;
      }
    }
    return this.#gather();
  }

  /** The unit returned last is not looked at any more. */
  recycle(): void {
    if (this.#lent.length === FIRST_BUFFER) spare = this.#lent;
    this.#lent = EMPTY;
  }

  /** Takes what was pushed behind the last unit, as it came; only between units is there nothing else. */
  takeRest(): Uint8Array[] {
    const rest = this.#at < this.#chunk.length ? [this.#chunk.subarray(this.#at)] : [];
    for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift())
      rest.push(chunk);
    this.clear();
    return rest;
  }

  clear(): void {
    this.#waiting.clear();
    this.#chunk = this.#partial = this.#lent = EMPTY;
    this.#at = this.#filled = this.#length = 0;
  }

  #gather(): Uint8Array | undefined {
    if (!this.#fill(this.#headerLength)) return undefined;
    const total = this.#measure(this.#partial, 0, this.#filled);
    if (!this.#fill(total)) return undefined;
    const unit = this.#partial.subarray(0, total);
    this.#lent = this.#partial;
    this.#partial = EMPTY;
    this.#filled = 0;
    this.#length -= total;
    // What becomes of a small one may wait to be read for long, and must not hold on to memory for a large one.
    if (total > FIRST_BUFFER / 4) return unit;
    const copy = unit.slice();
    this.recycle();
    return copy;
  }

  /** Copies until `wanted` bytes are together; false when the chunks end first. */
  #fill(wanted: number): boolean {
    while (this.#filled < wanted) {
      const available = this.#chunk.length - this.#at;
      if (available === 0) {
        if (this.#filled > 0) this.#measure(this.#partial, 0, this.#filled); // a wrong first byte is wrong now
        return false;
      }
      const count = Math.min(available, wanted - this.#filled);
      this.#reserve(this.#filled + count);
      this.#partial.set(this.#chunk.subarray(this.#at, this.#at + count), this.#filled);
      this.#filled += count;
      this.#consume(count);
    }
    return true;
  }

  #reserve(size: number): void {
    if (size <= this.#partial.length) return;
    if (size <= spare.length && this.#filled === 0) {
      this.#partial = spare;
      spare = EMPTY;
      return;
    }
    const grown = new Uint8Array(Math.max(size, 2 * this.#partial.length, FIRST_BUFFER));
    grown.set(this.#partial.subarray(0, this.#filled));
    this.#partial = grown;
  }

  #consume(count: number): void {
    this.#at += count;
    if (this.#at < this.#chunk.length) return;
    this.#chunk = this.#waiting.shift() ?? EMPTY;
    this.#at = 0;
  }
}
