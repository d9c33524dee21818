/** Deadlines of a core without a clock: a binary heap, so that the next one is found at once among many thousands. */

export interface Timer {
  readonly at: number;
  /** Undefined once cancelled or run. */
  run: ((now: number) => void) | undefined;
}

/** Cancelled timers tolerated before the heap is rebuilt without them. */
const MAX_DEAD = 1_024;

export class Timers {
  #heap: Timer[] = [];
  #dead = 0;

  /** The returned timer is cancelled by `cancel`. */
  set(at: number, run: (now: number) => void): Timer {
    const timer: Timer = { at, run };
    this.#push(timer);
    return timer;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    const { at } = timer;
    let i = heap.push(timer) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.at <= at) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = timer;
  }

  cancel(timer: Timer | undefined): void {
    if (timer?.run === undefined) return;
    timer.run = undefined;
    if (++this.#dead > MAX_DEAD && this.#dead * 2 > this.#heap.length) this.#sweep();
  }

  #sweep(): void {
    const live = this.#heap.filter((timer) => timer.run !== undefined);
    this.#heap = [];
    this.#dead = 0;
    for (const timer of live) this.#push(timer);
  }

  deadline(): number | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.run === undefined) {
      this.#pop();
      this.#dead--;
    }
    return this.#heap[0]?.at;
  }

  /** Runs everything that is due, in order of time. */
  tick(now: number): void {
    for (let at = this.deadline(); at !== undefined && at <= now; at = this.deadline()) {
      const timer = this.#pop();
      const run = timer.run!;
      timer.run = undefined;
      run(now);
    }
  }

  #pop(): Timer {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
