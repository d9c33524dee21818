/** Cuts a vector of byte arrays into record-sized vectors, as views: nothing is joined. */

export class Fragmenter {
  readonly #parts: readonly Uint8Array[];
  #index = 0;
  #offset = 0;
  /** Bytes not yet cut off. */
  left = 0;

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
    for (const part of parts) this.left += part.length;
  }

  /** The next at most `max` bytes, as views; `left` shrinks by what they hold. */
  take(max: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let room = Math.min(max, this.left);
    this.left -= room;
    while (room > 0) {
      const part = this.#parts[this.#index]!;
      const end = Math.min(part.length, this.#offset + room);
      if (end > this.#offset) taken.push(part.subarray(this.#offset, end));
      room -= end - this.#offset;
      if (end === part.length) {
        this.#index++;
        this.#offset = 0;
      } else {
        this.#offset = end;
      }
    }
    return taken;
  }
}
