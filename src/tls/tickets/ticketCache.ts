/** A client's tickets in memory: bounded in all and per server, each handed out once, newest first (lesson 25). */
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import {
  MAX_TICKET_LIFETIME,
  TICKET_CACHE_BYTES,
  TICKET_CACHE_ENTRIES,
  TICKETS_PER_SERVER,
} from '../limits.ts';
import type { Moment } from './age.ts';
import { ageOf, momentOf } from './age.ts';
import { count } from './checks.ts';
import type { SessionTicket } from './sessionTicket.ts';
import type { HeldTicket, TicketStore } from './store.ts';

/** What an entry takes beside the bytes of its ticket: the objects, and its places in the set and the list. */
const ENTRY_OVERHEAD = 512;

export interface TicketCacheOptions {
  readonly maxEntries?: number;
  readonly maxPerKey?: number;
  readonly maxBytes?: number;
  readonly clock?: Clock;
}

interface Entry {
  readonly key: string;
  readonly ticket: SessionTicket;
  readonly arrived: Moment;
  readonly cost: number;
}

export class TicketCache implements TicketStore {
  readonly #clock: Clock;
  readonly #maxEntries: number;
  readonly #maxPerKey: number;
  readonly #maxBytes: number;
  /** Oldest first, and so is each list of `#byKey`: the oldest of all is the first of its key. */
  readonly #entries = new Set<Entry>();
  readonly #byKey = new Map<string, Entry[]>();
  #bytes = 0;

  constructor(options: TicketCacheOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#maxEntries = count('maxEntries', options.maxEntries ?? TICKET_CACHE_ENTRIES);
    this.#maxPerKey = count('maxPerKey', options.maxPerKey ?? TICKETS_PER_SERVER);
    this.#maxBytes = count('maxBytes', options.maxBytes ?? TICKET_CACHE_BYTES);
  }

  /** Tickets held, expired ones included until they are met. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes they take, overhead included. */
  get bytes(): number {
    return this.#bytes;
  }

  put(key: string, ticket: SessionTicket): void {
    const entry = { key, ticket, arrived: momentOf(this.#clock), cost: ticket.size + ENTRY_OVERHEAD };
    // A lifetime of zero says: discard at once (RFC 9846 §4.7.1). No single ticket may push out all others.
    if (ticket.lifetime <= 0 || entry.cost > this.#maxBytes / 4) {
      ticket.destroy();
      return;
    }
    const list = this.#byKey.get(key) ?? [];
    if (list.length >= this.#maxPerKey) this.#discard(list[0]!);
    for (const oldest of this.#entries) {
      const fits = this.#entries.size < this.#maxEntries && this.#bytes + entry.cost <= this.#maxBytes;
      if (fits && !this.#isExpired(oldest)) break;
      this.#discard(oldest);
    }
    this.#add(entry);
  }

  take(key: string): HeldTicket | undefined {
    for (;;) {
      const entry = this.#byKey.get(key)?.at(-1);
      if (entry === undefined) return undefined;
      if (!this.#isExpired(entry)) {
        this.#remove(entry);
        return { ticket: entry.ticket, age: ageOf(entry.arrived, this.#clock) };
      }
      this.#discard(entry);
    }
  }

  /** Forgets the tickets of one key, or all. */
  clear(key?: string): void {
    const doomed = key === undefined ? this.#entries : (this.#byKey.get(key) ?? []);
    for (const entry of [...doomed]) this.#discard(entry);
  }

  /** Whatever the server says, a week is the end of it (§4.7.1), and so is the end of its certificates. */
  #isExpired({ ticket, arrived }: Entry): boolean {
    const lifetime = Math.min(ticket.lifetime, MAX_TICKET_LIFETIME) * 1000;
    return ageOf(arrived, this.#clock) >= lifetime || this.#clock.now() > ticket.expiresAt;
  }

  #add(entry: Entry): void {
    this.#entries.add(entry);
    this.#bytes += entry.cost;
    const list = this.#byKey.get(entry.key);
    if (list === undefined) this.#byKey.set(entry.key, [entry]);
    else list.push(entry);
  }

  #remove(entry: Entry): void {
    const list = this.#byKey.get(entry.key)!;
    this.#entries.delete(entry);
    this.#bytes -= entry.cost;
    if (list.length === 1) this.#byKey.delete(entry.key);
    else list.splice(list.indexOf(entry), 1);
  }

  #discard(entry: Entry): void {
    this.#remove(entry);
    entry.ticket.destroy();
  }
}
