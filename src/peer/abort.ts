/** Waiting with a way out. */
import type { Clock } from '../base/clock.ts';

/** Like `promise`, until the signal says stop; what `promise` does is not stopped by that. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) {
      promise.catch(() => {});
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Runs `work` with a signal that aborts with `reason` after `delay` milliseconds, or with the outer signals' reasons. */
export async function withDeadline<T>(
  { clock, delay, reason, outer }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const cancel = clock.after(delay, () => controller.abort(reason()));
  const undo: (() => void)[] = [cancel];
  for (const signal of outer) {
    if (signal === undefined) continue;
    const forward = (): void => controller.abort(signal.reason);
    if (signal.aborted) forward();
    else {
      signal.addEventListener('abort', forward, { once: true });
      undo.push(() => signal.removeEventListener('abort', forward));
    }
  }
  try {
    return await work(controller.signal);
  } finally {
    for (const run of undo) run();
  }
}

export interface Deadline {
  readonly clock: Clock;
  readonly delay: number;
  readonly reason: () => Error;
  readonly outer: readonly (AbortSignal | undefined)[];
}
