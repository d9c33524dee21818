/**
 * Sessions kept by the server; a ticket is only a name. Each is redeemed once, which is what early data needs
 * (RFC 9846 §8.1): all servers that redeem must be this one process. What is not redeemed goes when it expires or when
 * room is needed, oldest first: nothing here is ever used and kept, so the oldest is the least recently used.
 */
import type { Bytes } from '../../base/bytes.ts';
import { hex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import { MAX_TICKET_STATE, SESSION_CACHE_BYTES, SESSION_CACHE_ENTRIES } from '../limits.ts';
import type { Moment } from './age.ts';
import { ageOf, momentOf } from './age.ts';
import { count, lifetime } from './checks.ts';
import type { IssuedTicket, RedeemedTicket, TicketIssuer } from './issuer.ts';

/** 256 random bits: to guess one is to guess a key. */
const ID_LENGTH = 32;
/** What an entry takes beside its state: the id in hexadecimal, the moment, the slot of the map. */
const ENTRY_OVERHEAD = 512;

export interface SessionCacheOptions {
  /** Seconds that a session can be resumed. */
  readonly lifetime?: number;
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  readonly clock?: Clock;
}

interface Session {
  readonly state: Bytes;
  readonly issued: Moment;
}

export class SessionCache implements TicketIssuer {
  readonly onceOnly = true;
  readonly #provider: CryptoProvider;
  readonly #clock: Clock;
  /** Seconds. */
  readonly #lifetime: number;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  /** In the order of issue, which with one lifetime for all is the order of expiry. */
  readonly #sessions = new Map<string, Session>();
  #bytes = 0;

  constructor(provider: CryptoProvider, options: SessionCacheOptions = {}) {
    this.#provider = provider;
    this.#clock = options.clock ?? systemClock;
    this.#lifetime = lifetime(options.lifetime);
    this.#maxEntries = count('maxEntries', options.maxEntries ?? SESSION_CACHE_ENTRIES);
    this.#maxBytes = count('maxBytes', options.maxBytes ?? SESSION_CACHE_BYTES);
  }

  /** Sessions held, expired ones included until something is issued. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Bytes they take, overhead included. */
  get bytes(): number {
    return this.#bytes;
  }

  issue(state: Bytes): IssuedTicket | undefined {
    const cost = state.length + ENTRY_OVERHEAD;
    if (state.length > MAX_TICKET_STATE || cost > this.#maxBytes) {
      state.fill(0);
      return undefined;
    }
    this.#makeRoom(cost);
    const ticket = this.#provider.random(ID_LENGTH);
    this.#sessions.set(hex(ticket), { state: ownArray(state), issued: momentOf(this.#clock) });
    this.#bytes += cost;
    return { ticket, lifetime: this.#lifetime };
  }

  redeem(ticket: Uint8Array): RedeemedTicket | undefined {
    if (ticket.length !== ID_LENGTH) return undefined;
    const id = hex(ticket);
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    this.#remove(id, session);
    const age = ageOf(session.issued, this.#clock);
    if (age < this.#lifetime * 1000) return { state: session.state, age };
    session.state.fill(0);
    return undefined;
  }

  /** Forgets every session: no ticket given so far is good any more. */
  clear(): void {
    for (const { state } of this.#sessions.values()) state.fill(0);
    this.#sessions.clear();
    this.#bytes = 0;
  }

  #makeRoom(cost: number): void {
    for (const [id, session] of this.#sessions) {
      const fits = this.#sessions.size < this.#maxEntries && this.#bytes + cost <= this.#maxBytes;
      if (fits && ageOf(session.issued, this.#clock) < this.#lifetime * 1000) return;
      this.#remove(id, session);
      session.state.fill(0);
    }
  }

  #remove(id: string, { state }: Session): void {
    this.#sessions.delete(id);
    this.#bytes -= state.length + ENTRY_OVERHEAD;
  }
}

/** A view would hold on to all it is a view of, uncounted. */
function ownArray(state: Bytes): Bytes {
  if (state.length === state.buffer.byteLength) return state;
  const copy = new Uint8Array(state);
  state.fill(0);
  return copy;
}
