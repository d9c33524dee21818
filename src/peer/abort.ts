/** Waiting with a way out. */
import type { Clock } from '../base/clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';

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
    const off = (): void => signal.removeEventListener('abort', onAbort);
    promise.then(off, off);
    promise.then(resolve, reject);
  });
}

interface Waiter<T> extends Deferred<T> {
  off: () => void;
}

/**
 * Many that wait for one thing. Each has a promise of its own, and who gives up is forgotten at once: a shared promise would
 * keep what was chained to it.
 */
export class Waiters<T> {
  #waiting: Set<Waiter<T>> | undefined;

  wait(signal?: AbortSignal): Promise<T> {
    const waiter: Waiter<T> = { ...deferred<T>(), off() {} };
    this.#waiting ??= new Set();
    this.#waiting.add(waiter);
    if (signal === undefined) return waiter.promise;
    const onAbort = (): void => {
      this.#waiting?.delete(waiter);
      waiter.reject(signal.reason);
    };
    waiter.off = () => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    return waiter.promise;
  }

  resolve(value: T): void {
    if (this.#waiting === undefined) return;
    for (const waiter of this.#take()) waiter.resolve(value);
  }

  /** The reason is made only when somebody waits for it: an Error with its stack costs more than a short channel. */
  reject(reason: () => Error): void {
    if (this.#waiting === undefined) return;
    const error = reason();
    for (const waiter of this.#take()) waiter.reject(error);
  }

  #take(): Iterable<Waiter<T>> {
    const all = this.#waiting!;
    this.#waiting = undefined;
    for (const { off } of all) off();
    return all;
  }
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
