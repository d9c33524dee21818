/** Room to send, as something that can be waited for: every wait is new, and ends when there is room and not before. */
import { Waiters } from './abort.ts';

export class Room {
  readonly #waiters = new Waiters<void>();
  #full = false;
  #gone: (() => Error) | undefined;

  /** Notes what `send` answered, and passes it on. */
  after(room: boolean): boolean {
    this.#full = !room;
    return room;
  }

  /** The link has room again. */
  open(): void {
    this.#full = false;
    this.#waiters.resolve();
  }

  /** Nothing more can be sent. Hardly anybody asks why: the reason is made for those who do. */
  close(reason: () => Error): void {
    this.#gone ??= reason;
    this.#waiters.reject(this.#gone);
  }

  /** Resolves when a sender may go on, at once if nothing holds it. Rejects when there will be no room any more. */
  drained(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#gone !== undefined) return Promise.reject(this.#gone());
    return this.#full ? this.#waiters.wait(signal) : Promise.resolve();
  }
}
