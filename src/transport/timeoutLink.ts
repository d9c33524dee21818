/** Ends a link on which nothing moves, or that lives too long. */
import { type Clock, systemClock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { LinkError } from './errors.ts';
import type { Link, LinkHandler } from './link.ts';
import { LinkWrapper } from './linkWrapper.ts';

export interface TimeoutOptions {
  /** Milliseconds in which something must come, be sent, or drain. */
  readonly idle?: number;
  /** Milliseconds from `start` to the link's end. */
  readonly lifetime?: number;
  readonly clock?: Clock;
}

/** Cuts the link when one of the two is over; its reader is told ERR_LINK_TIMEOUT. */
export function timeoutLink(link: Link, options: TimeoutOptions): Link {
  return new TimeoutLink(link, options);
}

class TimeoutLink extends LinkWrapper {
  readonly #clock: Clock;
  readonly #idle: number;
  readonly #lifetime: number;
  #startedAt = 0;
  #movedAt = 0;
  #cancel: () => void = () => {};

  constructor(below: Link, options: TimeoutOptions) {
    super(below);
    const { idle = Number.POSITIVE_INFINITY, lifetime = Number.POSITIVE_INFINITY } = options;
    if (!(idle > 0 && lifetime > 0))
      throw new RangeError(`idle ${idle} and lifetime ${lifetime}, wanted milliseconds above 0`);
    this.#clock = options.clock ?? systemClock;
    this.#idle = idle;
    this.#lifetime = lifetime;
  }

  override start(handler: LinkHandler): void {
    super.start(handler);
    this.#startedAt = this.#movedAt = this.#clock.monotonic();
    this.#arm();
  }

  /** One timer, set again only when it fires: the deadline moves with every chunk, and always away. */
  #arm(): void {
    const wait = Math.min(this.#movedAt + this.#idle, this.#startedAt + this.#lifetime);
    if (wait === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#clock.after(Math.max(0, wait - this.#clock.monotonic()), () => this.#look());
  }

  #look(): void {
    const now = this.#clock.monotonic();
    if (now - this.#startedAt >= this.#lifetime) this.#over('lifetime', this.#lifetime, 'was open for');
    else if (now - this.#movedAt >= this.#idle) this.#over('idle', this.#idle, 'carried nothing for');
    else this.#arm();
  }

  #over(name: string, limit: number, what: string): void {
    const hint = `raise '${name}' of timeoutLink${name === 'idle' ? ', or send something now and then' : ''}`;
    this.fail(new LinkError('ERR_LINK_TIMEOUT', `link ${what} ${limit} ms (limit '${name}')`, { hint }));
  }

  #moved(): void {
    this.#movedAt = this.#clock.monotonic();
  }

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    this.#moved();
    return this.below.send(bytes);
  }

  override data(chunk: Uint8Array): void {
    this.#moved();
    super.data(chunk);
  }

  override drain(): void {
    this.#moved();
    super.drain();
  }

  override closed(error: Q2qError | undefined): void {
    this.#cancel();
    super.closed(error);
  }
}
