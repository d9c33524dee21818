/** Two ends that resume: a client that keeps tickets, a server that gives them, and one clock for both. */
import { Secret } from '../../src/base/secret.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { type Op, type OpAnswer, type OpEvent, type PeerVerifier, performOp } from '../../src/tls/index.ts';
import type { TicketIssuer } from '../../src/tls/tickets/issuer.ts';
import { SessionCache } from '../../src/tls/tickets/sessionCache.ts';
import { SessionTicket } from '../../src/tls/tickets/sessionTicket.ts';
import type { HeldTicket, TicketStore } from '../../src/tls/tickets/store.ts';
import { TicketCache } from '../../src/tls/tickets/ticketCache.ts';
import { VirtualClock } from './clock.ts';
import { type End, openPair, type Pair, type PairOptions, pair, pump } from './tls.ts';

export const LIFETIME = 600;

export class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly tickets: TicketCache = new TicketCache({ clock: this.clock });
  readonly sessions: SessionCache = new SessionCache(node, { clock: this.clock, lifetime: LIFETIME });
  readonly #options: PairOptions;
  readonly #store: TicketStore;
  readonly #issuer: TicketIssuer;

  constructor(options: PairOptions = {}, store?: TicketStore, issuer?: TicketIssuer) {
    this.#options = options;
    this.#store = store ?? this.tickets;
    this.#issuer = issuer ?? this.sessions;
  }

  #with(change: PairOptions): PairOptions {
    return {
      ...this.#options,
      ...change,
      client: { tickets: this.#store, ...this.#options.client, ...change.client },
      server: { resumption: this.#issuer, ...this.#options.server, ...change.server },
    };
  }

  /** Two ends; nothing has moved. */
  pair(change: PairOptions = {}): Pair {
    return pair(this.#with(change));
  }

  /** A whole handshake, and its tickets kept. Throws when it fails. */
  open(change: PairOptions = {}): Pair {
    const ends = openPair(this.#with(change));
    keep(ends.client);
    return ends;
  }

  /** Whatever becomes of it. */
  meet(change: PairOptions = {}): Pair {
    const ends = this.pair(change);
    pump(ends);
    keep(ends.client);
    return ends;
  }
}

/** What a driver does with tickets. */
export function keep(client: End): void {
  for (const event of client.events) if (event.type === 'ticket') event.store.put(event.key, event.ticket);
}

/** A store that breaks the rule: it hands out one ticket again and again, of any age. */
export class Again implements TicketStore {
  age = 0;
  #make: (() => SessionTicket) | undefined;

  put(_key: string, given: SessionTicket): void {
    const psk = new Uint8Array(given.psk.expose());
    this.#make ??= () => new SessionTicket({ ...given, psk: new Secret(new Uint8Array(psk)) });
  }

  take(): HeldTicket | undefined {
    return this.#make && { ticket: this.#make(), age: this.age };
  }

  /** Puts something else into the ticket. */
  change(change: Partial<SessionTicket>): void {
    const make = this.#make!;
    this.#make = () => new SessionTicket({ ...make(), ...change });
  }
}

/** Processes until an op of this kind comes up, which is left open; those before it are answered. */
export function untilOp(end: End, kind: Op['kind']): OpEvent {
  for (let event = end.connection.next(); event !== undefined; event = end.connection.next()) {
    end.events.push(event);
    if (event.type !== 'op') continue;
    if (event.op.kind === kind) return event;
    end.connection.settle(event.id, performOp(event.op) as OpAnswer);
  }
  throw new Error(`no op ${kind} came`);
}

/** Notes what a verifier was asked. */
export function noting(verifier: PeerVerifier, asked: unknown[]): PeerVerifier {
  return {
    verify: (presented) => {
      asked.push(presented);
      return verifier.verify(presented);
    },
  };
}
