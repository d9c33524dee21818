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

/**
 * The end of something that many wait under. Not an AbortSignal: Node takes more than ten listeners on one for a leak.
 */
export class Closing {
  readonly #waiting = new Set<(reason: Error) => void>();
  #reason: Error | undefined;

  /** Why it is over; undefined while it is not. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  close(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const run of [...this.#waiting]) run(reason);
    this.#waiting.clear();
  }

  /** Calls `run` when it ends, or now if it has. The returned function takes it back. */
  onClose(run: (reason: Error) => void): () => void {
    if (this.#reason !== undefined) run(this.#reason);
    else this.#waiting.add(run);
    return () => this.#waiting.delete(run);
  }

  throwIfClosed(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }
}

export interface Deadline {
  readonly clock: Clock;
  readonly delay: number;
  /** What the signal is aborted with when time is up. */
  readonly reason: () => Error;
  readonly closing?: Closing;
  /** The application's own. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs `work` with a signal that aborts after `delay` milliseconds, when `closing` ends, or with the outer signal. */
export async function withDeadline<T>(
  { clock, delay, reason, closing, signal }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const cancel = clock.after(delay, () => controller.abort(reason()));
  const release = closing?.onClose((why) => controller.abort(why));
  const forward = (): void => controller.abort(signal!.reason);
  if (signal?.aborted) forward();
  signal?.addEventListener('abort', forward, { once: true });
  try {
    controller.signal.throwIfAborted();
    return await work(controller.signal);
  } finally {
    cancel();
    release?.();
    signal?.removeEventListener('abort', forward);
  }
}
