/** An append-only byte buffer with length-scoped closures: `vector(2, (w) => …)` back-fills the length. */
import type { Bytes } from './bytes.ts';

export class Writer {
  #bytes: Bytes;
  #at = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#at;
  }

  #reserve(count: number): number {
    const at = this.#at;
    const wanted = at + count;
    if (wanted > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#at = wanted;
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  u24(value: number): this {
    const at = this.#reserve(3);
    this.#bytes[at] = value >>> 16;
    this.#bytes[at + 1] = value >>> 8;
    this.#bytes[at + 2] = value;
    return this;
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Writes a length prefix of `prefix` bytes, then what `fill` writes. Throws RangeError if it does not fit. */
  vector(prefix: 1 | 2 | 3, fill: (writer: this) => void): this {
    const at = this.#reserve(prefix);
    fill(this);
    const length = this.#at - at - prefix;
    if (length >= 2 ** (8 * prefix))
      throw new RangeError(`vector of ${length} bytes behind a ${prefix}-byte length`);
    for (let i = 0; i < prefix; i++) this.#bytes[at + i] = length >>> (8 * (prefix - 1 - i));
    return this;
  }

  /** Overwrites bytes written before. */
  patch(at: number, bytes: Uint8Array): void {
    if (at + bytes.length > this.#at) throw new RangeError('patch past the end');
    this.#bytes.set(bytes, at);
  }

  /** What was written, as a view; the writer must not be used afterwards. */
  finish(): Bytes {
    return this.#bytes.subarray(0, this.#at);
  }
}
