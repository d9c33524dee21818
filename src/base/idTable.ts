/**
 * A table by whole numbers from 1 to 2^31 - 1, for entries that come and go all the time.
 *
 * Not a `Map`: V8's, when entries are added and deleted, moves to a new backing store every so often, and the old store points to
 * the new one and still at all its entries. One such store in the old generation, dead or not, then keeps every later one alive
 * until the next full collection: channels that lived for a round trip were copied twice, and half the time of opening
 * them was the collector's. This one is an open hash with linear probing (Knuth, TAOCP 6.4, algorithms L and R): no
 * tombstones, a new store only when it is too full or too empty.
 */
const SMALLEST = 8;
/** Places that stay, however few are taken: who had many entries a moment ago will have them again. */
const KEPT = 256;

export class IdTable<T> {
  /** 0: free. */
  #keys = new Int32Array(SMALLEST);
  #values: (T | undefined)[] = new Array(SMALLEST).fill(undefined);
  #mask = SMALLEST - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    return this.#values[this.#find(id)];
  }

  has(id: number): boolean {
    return id !== 0 && this.#keys[this.#find(id)] === id;
  }

  set(id: number, value: T): void {
    if (!(id > 0 && (id | 0) === id)) throw new RangeError(`id ${id}, wanted 1 to 2^31 - 1`);
    const at = this.#find(id);
    this.#values[at] = value;
    if (this.#keys[at] === id) return;
    this.#keys[at] = id;
    this.#size++;
    if (this.#size * 2 > this.#mask) this.#resize((this.#mask + 1) * 2);
  }

  /** False when there was none. */
  delete(id: number): boolean {
    const keys = this.#keys;
    const mask = this.#mask;
    let free = this.#find(id);
    if (id === 0 || keys[free] !== id) return false;
    // What stands behind in the same run closes up, unless it would come before its home.
    for (let at = (free + 1) & mask; keys[at] !== 0; at = (at + 1) & mask) {
      if (((at - this.#home(keys[at]!)) & mask) < ((at - free) & mask)) continue;
      keys[free] = keys[at]!;
      this.#values[free] = this.#values[at];
      free = at;
    }
    keys[free] = 0;
    this.#values[free] = undefined;
    this.#size--;
    if (mask >= KEPT && this.#size * 8 < mask) this.#resize((mask + 1) / 2);
    return true;
  }

  clear(): void {
    this.#size = 0;
    this.#resize(SMALLEST);
  }

  /** As they are now, in ascending order of their ids. */
  values(): T[] {
    return this.ids().map((id) => this.get(id)!);
  }

  ids(): number[] {
    return Array.from(this.#keys.filter((id) => id !== 0).sort());
  }

  /** Where it stands, or the free place where it would. There always is one. */
  #find(id: number): number {
    const keys = this.#keys;
    let at = this.#home(id);
    while (keys[at] !== id && keys[at] !== 0) at = (at + 1) & this.#mask;
    return at;
  }

  /** Ids ascend, so those that live are mostly neighbours. */
  #home(id: number): number {
    return (id ^ (id >>> 16)) & this.#mask;
  }

  #resize(capacity: number): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Int32Array(capacity);
    this.#values = new Array(capacity).fill(undefined);
    this.#mask = capacity - 1;
    if (this.#size === 0) return;
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === 0) continue;
      const at = this.#find(keys[i]!);
      this.#keys[at] = keys[i]!;
      this.#values[at] = values[i];
    }
  }
}
