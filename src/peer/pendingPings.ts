/** Questions for a sign of life that have no answer yet, in the order in which they were asked. */
import { type Deferred, deferred } from '../base/deferred.ts';

export class PendingPings {
  readonly #asked = new Map<number, Deferred<number>>();

  /** Milliseconds to the other end and back, once `answered`. Who asks while the question has not left shares it. */
  ask(seq: number): Promise<number> {
    const answer = this.#asked.get(seq) ?? deferred<number>();
    this.#asked.set(seq, answer);
    return answer.promise;
  }

  /** An answer is one to all that were asked before. */
  answered(seq: number, rtt: number): void {
    for (const [asked, answer] of this.#asked) {
      if (asked > seq) break;
      this.#asked.delete(asked);
      answer.resolve(rtt);
    }
  }

  fail(reason: Error): void {
    for (const answer of this.#asked.values()) {
      answer.promise.catch(() => {}); // whoever asked may have left
      answer.reject(reason);
    }
    this.#asked.clear();
  }
}
