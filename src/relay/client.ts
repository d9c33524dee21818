/** What the core knows of one control channel. */
import { hex } from '../base/bytes.ts';
import { TokenBucket } from '../mux/bucket.ts';
import type { ToRelay } from '../peer/messages.ts';
import type { IdentityCount } from './counts.ts';
import type { RelayLimits } from './limits.ts';
import type { Timer } from './timers.ts';

/** Who proved to be there, as the driver tells the core. */
export interface Admitted {
  /** The link that the control channel came over: tokens are good on that link only. */
  readonly link: number;
  /** `alice@example.org`, or undefined for a key peer. */
  readonly name: string | undefined;
  readonly keyId: string;
  /** What its listeners and callees are shown. */
  readonly chain: readonly Uint8Array[];
  readonly expiresAt: number;
  readonly observed: string;
}

export interface Listener {
  readonly id: number;
  readonly client: Client;
  readonly protocols: readonly string[];
  readonly description: string;
}

/** A yes that may still be turned into a path. */
export interface OpenOffer {
  readonly listener: Client;
  readonly incoming: number;
  readonly timer: Timer;
}

/** `alice@example.org`, else `key:…`: who this is to others, and to the limits. */
export function addressOf({ name, keyId }: Admitted): string {
  return name ?? `key:${keyId}`;
}

export class Client {
  readonly id: number;
  readonly who: Admitted;
  /** The newest it has: a renewal replaces the one that it came with. */
  chain: readonly Uint8Array[];
  readonly address: string;
  /** Every address it can be dialled by. */
  readonly addresses: readonly string[];
  readonly listeners: Map<number, Listener> = new Map();
  readonly #offers: Map<number, OpenOffer> = new Map();
  /** Shared with the other control channels of this identity. */
  readonly count: IdentityCount;
  /** Questions it may still answer, late or not, at no cost. */
  unanswered = 0;
  /** Set by `hello`. */
  instance: string | undefined;
  dials = 0;
  paths = 0;
  expiry: Timer | undefined;
  readonly #messageBucket: TokenBucket;
  #nextNumber = 1;

  constructor(id: number, who: Admitted, count: IdentityCount, limits: RelayLimits, now: number) {
    this.id = id;
    this.who = who;
    this.chain = who.chain;
    this.count = count;
    this.#messageBucket = new TokenBucket(limits.messageBurst, limits.messageRate, now);
    this.address = addressOf(who);
    const key = `key:${who.keyId}`;
    this.addresses = who.name === undefined ? [key] : [who.name, key];
  }

  /** Protocols listened on: one `listen` brings up to 32. */
  get protocols(): number {
    let count = 0;
    for (const { protocols } of this.listeners.values()) count += protocols.length;
    return count;
  }

  /** Listeners, offers and questions of one client share a counter: an id never means two things. */
  nextNumber(): number {
    return this.#nextNumber++;
  }

  /** False when it says more than it may. */
  maySay(message: ToRelay, now: number): boolean {
    if (message.type !== 'answer' || this.unanswered === 0) return this.#messageBucket.take(now);
    this.unanswered--;
    return true;
  }

  get offers(): number {
    return this.#offers.size;
  }

  putOffer(number: number, offer: OpenOffer): void {
    this.#offers.set(number, offer);
    this.count.offers++;
  }

  /** An offer is connected once. */
  takeOffer(number: number): OpenOffer | undefined {
    const offer = this.#offers.get(number);
    if (this.#offers.delete(number)) this.count.offers--;
    return offer;
  }

  takeOffers(): OpenOffer[] {
    const offers = [...this.#offers.values()];
    this.count.offers -= offers.length;
    this.#offers.clear();
    return offers;
  }

  claim(instance: Uint8Array): string {
    return (this.instance = `${this.address} ${hex(instance)}`);
  }
}
