/**
 * First in, first out: `Array.shift` moves all that is left, this moves nothing. The oldest item has a place of its own,
 * because most queues hold none or one: those need no array, nor to empty one.
 */
export class Fifo<T> {
  #first: T | undefined;
  #rest: (T | undefined)[] | undefined;
  #head = 0; // of the rest
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The item at `index` from the front, left in place. */
  at(index: number): T | undefined {
    return index === 0 ? this.#first : this.#rest?.[this.#head + index - 1];
  }

  /** The newest item; undefined when there is none. */
  get last(): T | undefined {
    return this.#length < 2 ? this.#first : this.#rest![this.#rest!.length - 1];
  }

  push(item: T): void {
    if (this.#length++ === 0) this.#first = item;
    else if (this.#rest === undefined) this.#rest = [item];
    else this.#rest.push(item);
  }

  /** Puts `item` in the newest one's place. There must be one. */
  replaceLast(item: T): void {
    if (this.#length < 2) this.#first = item;
    else this.#rest![this.#rest!.length - 1] = item;
  }

  /** The oldest item; undefined when there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#first;
    this.#first = --this.#length === 0 ? undefined : this.#next(this.#rest!);
    return item;
  }

  #next(rest: (T | undefined)[]): T | undefined {
    const item = rest[this.#head];
    rest[this.#head++] = undefined; // let the memory go
    if (this.#head === rest.length) this.#drop();
    else if (this.#head >= 256 && this.#head * 2 >= rest.length) {
      this.#rest = rest.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#first = undefined;
    this.#length = 0;
    this.#drop();
  }

  #drop(): void {
    this.#rest = undefined;
    this.#head = 0;
  }
}
