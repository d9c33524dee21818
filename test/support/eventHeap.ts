/** Things that happen at a time, earliest first; of the same time, in the order they were added. */
export interface Event {
  at: number;
  /** Set by the heap. */
  order?: number;
  /** Position in the heap, -1 when not in it. Set by the heap. */
  slot?: number;
}

export class EventHeap<T extends Event> {
  readonly #items: T[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    item.order = this.#order++;
    item.slot = this.#items.length;
    this.#items.push(item);
    this.#up(item.slot);
  }

  /** Takes out the earliest. */
  take(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Does nothing when the item is not here. */
  remove(item: T): void {
    const slot = item.slot ?? -1;
    if (slot < 0 || this.#items[slot] !== item) return;
    const last = this.#items.pop()!;
    item.slot = -1;
    if (last === item) return;
    this.#place(last, slot);
    this.#up(slot);
    this.#down(last.slot!);
  }

  #up(from: number): void {
    const item = this.#items[from]!;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#items[above]!;
      if (!before(item, parent)) break;
      this.#place(parent, at);
      at = above;
    }
    this.#place(item, at);
  }

  #down(from: number): void {
    const item = this.#items[from]!;
    const { length } = this.#items;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= length) break;
      if (below + 1 < length && before(this.#items[below + 1]!, this.#items[below]!)) below++;
      const child = this.#items[below]!;
      if (!before(child, item)) break;
      this.#place(child, at);
      at = below;
    }
    this.#place(item, at);
  }

  #place(item: T, slot: number): void {
    this.#items[slot] = item;
    item.slot = slot;
  }
}

function before(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order! < other.order!);
}
