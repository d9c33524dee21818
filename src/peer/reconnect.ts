/** The end that made a session's link makes the next one: at once, then ever more slowly, until the session is given up. */
import type { Clock } from '../base/clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { toError } from '../base/errors.ts';
import type { Link } from '../transport/link.ts';
import { withDeadline } from './abort.ts';
import { PeerError } from './errors.ts';
import { RESUME_BACKOFF_FIRST, RESUME_BACKOFF_LAST, RESUME_SETTLED, RESUME_TIMEOUT } from './limits.ts';

export interface ReconnectOptions {
  readonly connect: (signal: AbortSignal) => Promise<Link>;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
  /** Keeps the process alive while there is no link, until the returned function is called. */
  readonly hold?: (() => () => void) | undefined;
  /** A link is there: asks the other end on it. `linked` or `lost` tells what came of it. */
  readonly attach: (link: Link) => void;
  /** The other end has not answered on it in time: the session drops it and says `lost`. */
  readonly expired: (error: Error) => void;
}

export class Reconnector {
  readonly #options: ReconnectOptions;
  #linked = true;
  #linkedAt: number;
  #attempt = 0;
  #stopped = false;
  #busy = false; // a link is being made, or asked on
  #waiting: Deferred<void> | undefined;
  #release: (() => void) | undefined;
  #cancel: () => void = () => {};
  #controller: AbortController | undefined;

  constructor(options: ReconnectOptions) {
    this.#options = options;
    this.#linkedAt = options.clock.monotonic();
  }

  /** The link is gone, or the one that was tried was no good. */
  lost(error: Error): void {
    if (this.#stopped) return;
    const now = this.#options.clock.monotonic();
    if (this.#linked && now - this.#linkedAt >= RESUME_SETTLED) this.#attempt = 0;
    this.#linked = this.#busy = false;
    this.#release ??= this.#options.hold?.();
    this.#settle((waiting) => waiting.reject(error));
    this.#later();
  }

  /** The session goes on. */
  linked(): void {
    this.#cancel();
    this.#letGo();
    this.#busy = false;
    this.#linked = true;
    this.#linkedAt = this.#options.clock.monotonic();
    this.#settle((waiting) => waiting.resolve());
  }

  /** The session is over. */
  stop(error: Error): void {
    this.#stopped = true;
    this.#cancel();
    this.#letGo();
    this.#controller?.abort(error);
    this.#settle((waiting) => waiting.reject(error));
  }

  /** Resolves when there is a link; rejects when an attempt, made now at the latest, fails. */
  now(): Promise<void> {
    if (this.#linked) return Promise.resolve();
    const waiting = (this.#waiting ??= deferred());
    if (!this.#busy && !this.#stopped) {
      this.#cancel();
      void this.#try();
    }
    return waiting.promise;
  }

  #letGo(): void {
    this.#release?.();
    this.#release = undefined;
  }

  #settle(how: (waiting: Deferred<void>) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    waiting.promise.catch(() => {});
    how(waiting);
  }

  #later(): void {
    this.#cancel();
    const { clock, random } = this.#options;
    const pause = this.#attempt === 0 ? 0 : RESUME_BACKOFF_FIRST * 2 ** (this.#attempt - 1);
    const [byte] = random(1);
    const delay = Math.min(pause, RESUME_BACKOFF_LAST) * (0.5 + byte! / 256);
    this.#cancel = clock.after(delay, () => void this.#try());
  }

  async #try(): Promise<void> {
    const { clock, connect, attach, expired } = this.#options;
    this.#attempt++;
    this.#busy = true;
    const tooLate = (): PeerError =>
      new PeerError('ERR_PEER_TIMEOUT', `no new link within ${RESUME_TIMEOUT} ms`);
    const controller = (this.#controller = new AbortController());
    try {
      const limit = { clock, delay: RESUME_TIMEOUT, reason: tooLate, signal: controller.signal };
      const link = await withDeadline(limit, connect);
      if (this.#stopped) {
        link.reset();
        return;
      }
      this.#cancel = clock.after(RESUME_TIMEOUT, () => expired(tooLate()));
      attach(link);
    } catch (error) {
      this.lost(toError(error));
    }
  }
}
