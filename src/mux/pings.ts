/** Our questions that stand unanswered. An answer to a newer one answers all before it. */

/** Older ones are forgotten; their answers then count as useless frames. */
const MAX_PINGS = 64;

export class Pings {
  #newest = 0;
  readonly #askedAt = new Map<number, number>();

  get newest(): number {
    return this.#newest;
  }

  ask(now: number): number {
    this.#askedAt.set(++this.#newest, now);
    if (this.#askedAt.size > MAX_PINGS) this.#askedAt.delete(this.#askedAt.keys().next().value!);
    return this.#newest;
  }

  /** Milliseconds since the question, or undefined when no such question stands. */
  answer(seq: number, now: number): number | undefined {
    const asked = this.#askedAt.get(seq);
    if (asked === undefined) return undefined;
    for (const earlier of this.#askedAt.keys()) if (earlier <= seq) this.#askedAt.delete(earlier);
    return Math.max(0, now - asked);
  }
}
