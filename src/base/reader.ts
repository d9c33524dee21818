/** A bounded cursor over bytes. Every read checks the bound first and throws `ShortInput`; nothing is copied. */

/** Thrown when a read runs past the end, or when bytes are left where none may be. */
export class ShortInput extends Error {
  override readonly name = 'ShortInput';
}

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, from = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  get position(): number {
    return this.#at;
  }

  #advance(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw new ShortInput(`wanted ${count} bytes, ${this.#end - at} left`);
    this.#at = at + count;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  /** The next byte, left in place; undefined at the end. */
  peek(): number | undefined {
    return this.left === 0 ? undefined : this.#bytes[this.#at];
  }

  u16(): number {
    const at = this.#advance(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u24(): number {
    const at = this.#advance(3);
    return (this.#bytes[at]! << 16) | (this.#bytes[at + 1]! << 8) | this.#bytes[at + 2]!;
  }

  u32(): number {
    const at = this.#advance(4);
    const b = this.#bytes;
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }

  /** A view of the next `count` bytes. */
  bytes(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  /** A vector with a length prefix of 1, 2 or 3 bytes, as a view. `min` and `max` are byte counts. */
  vector(prefix: 1 | 2 | 3, min = 0, max: number = 2 ** (8 * prefix) - 1): Uint8Array {
    const length = prefix === 1 ? this.u8() : prefix === 2 ? this.u16() : this.u24();
    if (length < min || length > max)
      throw new ShortInput(`vector of ${length} bytes, wanted ${min} to ${max}`);
    return this.bytes(length);
  }

  /** Like `vector`, as a cursor over its content. */
  nested(prefix: 1 | 2 | 3, min?: number, max?: number): Reader {
    return new Reader(this.vector(prefix, min, max));
  }

  /** Fails when bytes are left over. */
  end(): void {
    if (this.left !== 0) throw new ShortInput(`${this.left} bytes left over`);
  }
}
