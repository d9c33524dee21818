/**
 * The end that made a session's link makes the next one: at once, then ever more slowly, until the session is given up.
 *
 *     linked ──lost──> lost ──try──> asking ──linked──> linked
 *       │ ↑              ↑ └─no link─┘ │ │
 *       │ └stay            └───lost────┘ │
 *       └─seek──> seeking ──try──────────┘        seeking: the old link serves until a new one is asked on
 */
import type { Clock } from '../base/clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { toError } from '../base/errors.ts';
import { withDeadline } from './abort.ts';
import { PeerError } from './errors.ts';
import { RESUME_BACKOFF_FIRST, RESUME_BACKOFF_LAST, RESUME_SETTLED, RESUME_TIMEOUT } from './limits.ts';
import type { Route } from './route.ts';

export interface ReconnectOptions {
  readonly connect: (signal: AbortSignal) => Promise<Route>;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
  /** Keeps the process alive while there is no link, until the returned function is called. */
  readonly hold?: (() => () => void) | undefined;
  /** A link is there: asks the other end on it. `linked` or `lost` tells what came of it. */
  readonly attach: (route: Route) => void;
  /** The other end has not answered on it in time: the session drops it and says `lost`. */
  readonly expired: (error: Error) => void;
}

/** `lost`: there is none. `asking`: there is one, on which the other end has not answered yet. */
type State = 'linked' | 'seeking' | 'lost' | 'asking' | 'over';

export class Reconnector {
  readonly #options: ReconnectOptions;
  #state: State = 'linked';
  #linkedAt: number;
  #attempt = 0;
  #overBy: Error | undefined;
  /** The attempt under way to make a link. */
  #making: AbortController | undefined;
  #waiting: Deferred<void> | undefined;
  #release: (() => void) | undefined;
  #cancel: () => void = () => {};

  constructor(options: ReconnectOptions) {
    this.#options = options;
    this.#linkedAt = options.clock.monotonic();
  }

  /** The link is gone, or the one that was tried was no good. */
  lost(error: Error): void {
    if (this.#state === 'over') return;
    const wasLinked = this.#state === 'linked' || this.#state === 'seeking';
    if (wasLinked && this.#options.clock.monotonic() - this.#linkedAt >= RESUME_SETTLED) this.#attempt = 0;
    this.#state = 'lost';
    this.#release ??= this.#options.hold?.();
    if (this.#making !== undefined) return; // begun while the old link served
    this.#failed(error);
  }

  /** The session goes on. */
  linked(): void {
    this.#stopMaking(new Error('the session has a link'));
    this.#letGo();
    this.#state = 'linked';
    this.#linkedAt = this.#options.clock.monotonic();
    this.#settle((waiting) => waiting.resolve());
  }

  /** The link may be of no use: makes another, while the old one serves as well as it can. */
  seek(): void {
    if (this.#state !== 'linked') return;
    this.#state = 'seeking';
    this.#attempt = 1; // what made it doubtful may be over in a moment
    this.#later();
  }

  /** The link is good after all. */
  stay(): void {
    if (this.#state !== 'seeking') return;
    this.#state = 'linked';
    this.#stopMaking(new Error('the link is good after all'));
    this.#settle((waiting) => waiting.resolve());
  }

  /** A link was made elsewhere, for this session. False when it cannot be taken. */
  offer(route: Route): boolean {
    if (this.#state === 'over') return false;
    this.#stopMaking(new Error('another link was brought'));
    this.#ask(route);
    return true;
  }

  /** The session is over. */
  stop(error: Error): void {
    this.#state = 'over';
    this.#overBy = error;
    this.#letGo();
    this.#stopMaking(error);
    this.#settle((waiting) => waiting.reject(error));
  }

  /** Resolves when there is a link; rejects when an attempt, made now at the latest, fails. */
  now(): Promise<void> {
    if (this.#state === 'linked') return Promise.resolve();
    if (this.#state === 'over') return Promise.reject(this.#overBy);
    const waiting = (this.#waiting ??= deferred());
    if (this.#making === undefined && (this.#state === 'lost' || this.#state === 'seeking')) void this.#try();
    return waiting.promise;
  }

  #stopMaking(why: Error): void {
    this.#cancel();
    this.#making?.abort(why);
    this.#making = undefined;
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

  #failed(error: Error): void {
    this.#settle((waiting) => waiting.reject(error));
    this.#later();
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
    this.#cancel();
    this.#attempt++;
    const { clock, connect } = this.#options;
    const making = (this.#making = new AbortController());
    try {
      const limit = { clock, delay: RESUME_TIMEOUT, reason: tooLate, signal: making.signal };
      const route = await withDeadline(limit, connect);
      if (this.#making !== making) {
        route.link.reset(); // nobody wants it any more
        return;
      }
      this.#making = undefined;
      this.#ask(route);
    } catch (error) {
      if (this.#making !== making) return;
      this.#making = undefined;
      this.#failed(toError(error));
    }
  }

  #ask(route: Route): void {
    const { clock, attach, expired } = this.#options;
    this.#state = 'asking';
    this.#cancel = clock.after(RESUME_TIMEOUT, () => expired(tooLate()));
    attach(route);
  }
}

function tooLate(): PeerError {
  return new PeerError('ERR_PEER_TIMEOUT', `no new link within ${RESUME_TIMEOUT} ms`);
}
