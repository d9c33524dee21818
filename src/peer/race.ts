/** Several ways to one thing, the best first: the next is tried when one has failed, or has not come in a while. */
import type { Clock } from '../base/clock.ts';

export interface RaceOptions<T> {
  readonly clock: Clock;
  /** Milliseconds after which the next begins beside those that run (RFC 8305 §5). */
  readonly stagger: number;
  readonly signal: AbortSignal;
  /** Gets what came too late. */
  readonly discard: (value: T) => void;
}

/** Every way has failed. */
export class AllFailed extends Error {
  readonly failures: readonly unknown[];

  constructor(failures: readonly unknown[]) {
    super('every way has failed', { cause: failures.at(-1) });
    this.failures = failures;
  }
}

/** Resolves with the first that succeeds and aborts the others; rejects with `AllFailed`, or with the signal's reason. There is one at least. */
export function firstToSucceed<T>(
  attempts: readonly ((signal: AbortSignal) => Promise<T>)[],
  { clock, stagger, signal, discard }: RaceOptions<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const failures: unknown[] = [];
    let begun = 0;
    let over = false;
    let cancel = (): void => {};
    const finish = (reason: unknown): void => {
      over = true;
      cancel();
      signal.removeEventListener('abort', onAbort);
      controller.abort(reason);
    };
    const onAbort = (): void => {
      finish(signal.reason);
      reject(signal.reason);
    };
    const won = (value: T): void => {
      if (over) discard(value);
      else {
        finish(new Error('another way was faster'));
        resolve(value);
      }
    };
    const failed = (error: unknown): void => {
      if (over) return;
      failures.push(error);
      if (failures.length < attempts.length) begin();
      else {
        const all = new AllFailed(failures);
        finish(all);
        reject(all);
      }
    };
    const begin = (): void => {
      cancel();
      if (begun >= attempts.length) return;
      attempts[begun++]!(controller.signal).then(won, failed);
      cancel = clock.after(stagger, begin);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    begin();
  });
}
