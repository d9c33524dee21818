/**
 * Links before and between identities: how many there may be, of the relay and of one address, and how long one may stay
 * that serves nobody who proved to be there.
 */
import { hex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { parseIp } from '../identity/names.ts';
import { TokenBucket } from '../mux/bucket.ts';
import type { Session } from '../peer/session.ts';
import { RelayError } from './errors.ts';
import type { RelayLimits } from './limits.ts';

export class RelayedLink {
  readonly id: number;
  readonly session: Session;
  readonly remote: string;
  readonly enrolBucket: TokenBucket;
  handshakes = 0;
  controls = 0;
  readonly #clock: Clock;
  readonly #limits: RelayLimits;
  #uses = 0;
  #over = false;
  #cancelTimer: () => void = () => {};

  constructor(id: number, session: Session, remote: string, limits: RelayLimits, clock: Clock) {
    this.id = id;
    this.session = session;
    this.remote = remote;
    this.#limits = limits;
    this.#clock = clock;
    this.enrolBucket = new TokenBucket(limits.enrolBurst, limits.enrolRate, clock.monotonic());
    this.#wait();
  }

  /**
   * A control channel or a spliced path came: the link has a purpose until the last `release`. Enrolment is none: it is done
   * long before the deadline, and anybody can begin one.
   */
  hold(): void {
    this.#uses++;
    this.#cancelTimer();
  }

  release(): void {
    if (--this.#uses === 0) this.#wait();
  }

  closed(): void {
    this.#over = true;
    this.#cancelTimer();
  }

  #wait(): void {
    if (this.#over) return;
    const { admissionTimeout } = this.#limits;
    this.#cancelTimer = this.#clock.after(admissionTimeout, () =>
      this.session.destroy(
        new RelayError('ERR_RELAY_CLOSED', `nobody was admitted on this link for ${admissionTimeout} ms`),
      ),
    );
  }
}

/** Links counted by where they come from. */
export class LinkCounts {
  readonly #limits: Pick<RelayLimits, 'links' | 'linksPerAddress'>;
  readonly #bySource = new Map<string, number>();
  #all = 0;

  constructor(limits: Pick<RelayLimits, 'links' | 'linksPerAddress'>) {
    this.#limits = limits;
  }

  /** False when the relay, or that address, has enough. Whoever was let in must `leave`. */
  enter(remote: string): boolean {
    const source = sourceOf(remote);
    const count = this.#bySource.get(source) ?? 0;
    if (this.#all >= this.#limits.links) return false;
    if (source !== '' && count >= this.#limits.linksPerAddress) return false;
    this.#all++;
    this.#bySource.set(source, count + 1);
    return true;
  }

  leave(remote: string): void {
    const source = sourceOf(remote);
    const count = this.#bySource.get(source)! - 1;
    this.#all--;
    if (count === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, count);
  }
}

/**
 * Who is behind `address:port`: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets. '' for a link
 * without an address (memory, unix sockets).
 */
export function sourceOf(remote: string): string {
  const portAt = remote.lastIndexOf(':');
  const host = portAt === -1 ? remote : remote.slice(0, portAt);
  const inner = host.startsWith('[') ? host.slice(1, -1) : host;
  const address = inner.replace(/^::ffff:(?=[\d.]+$)/i, ''); // IPv4 on a socket that takes both
  const bytes = address.includes(':') ? parseIp(address) : undefined;
  return bytes === undefined ? address : `${hex(bytes.subarray(0, 8))}/64`;
}
