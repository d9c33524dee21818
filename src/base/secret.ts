/** Wraps bytes that must never be printed, and zeroes them on dispose. */

export class Secret {
  #bytes: Uint8Array;
  #gone = false;

  /** Takes the array over: the caller keeps no other reference to it. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Gives the bytes to a cryptographic primitive. Named loudly so that uses are easy to find. */
  expose(): Uint8Array {
    if (this.#gone) throw new Error('secret was used after it was destroyed');
    return this.#bytes;
  }

  destroy(): void {
    this.#bytes.fill(0);
    this.#gone = true;
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }
}

Object.defineProperty(Secret.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value: () => '[secret]',
});
