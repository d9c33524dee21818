/** A session that is never used up: what one handshake left behind is handed out to any number of others. */
import { type Bytes, hex } from '../../src/base/bytes.ts';
import { Secret } from '../../src/base/secret.ts';
import type { IssuedTicket, RedeemedTicket, TicketIssuer } from '../../src/tls/tickets/issuer.ts';
import { SessionTicket } from '../../src/tls/tickets/sessionTicket.ts';
import type { HeldTicket, TicketStore } from '../../src/tls/tickets/store.ts';

/** A client's store with the first ticket that came, again and again; later ones are dropped. */
export class RememberedTicket implements TicketStore {
  #make: (() => SessionTicket) | undefined;

  put(_key: string, given: SessionTicket): void {
    if (this.#make !== undefined) return;
    const psk = new Uint8Array(given.psk.expose());
    this.#make = () => new SessionTicket({ ...given, psk: new Secret(new Uint8Array(psk)) });
  }

  take(): HeldTicket | undefined {
    return this.#make && { ticket: this.#make(), age: 0 };
  }
}

/** A server's sessions by number. It says that it redeems each once, and does it as often as it is asked. */
export class RememberedSessions implements TicketIssuer {
  readonly onceOnly = true;
  readonly #states: Map<string, Bytes>;

  constructor(known: RememberedSessions | undefined) {
    this.#states = new Map(known === undefined ? [] : known.#states);
  }

  issue(state: Bytes): IssuedTicket {
    const ticket = new Uint8Array(32).fill(this.#states.size + 1);
    this.#states.set(hex(ticket), new Uint8Array(state));
    return { ticket, lifetime: 600 };
  }

  redeem(ticket: Uint8Array): RedeemedTicket | undefined {
    const state = this.#states.get(hex(ticket));
    return state && { state: new Uint8Array(state), age: 0 };
  }
}
