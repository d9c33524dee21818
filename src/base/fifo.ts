/** First in, first out: `Array.shift` moves all that is left, this moves nothing. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The item at `index` from the front, left in place. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  /** The newest item; undefined when there is none. */
  get last(): T | undefined {
    return this.length === 0 ? undefined : this.#items[this.#items.length - 1];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Puts `item` in the newest one's place. There must be one. */
  replaceLast(item: T): void {
    this.#items[this.#items.length - 1] = item;
  }

  /** The oldest item; undefined when there is none. */
  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined; // let the memory go
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head >= 256 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
  }
}
