/** A client's side of resumption: what keeps the tickets that servers gave (RFC 9846 §4.7.1). */
import type { SessionTicket } from './sessionTicket.ts';

export interface TicketStore {
  /** Takes the ticket over: it destroys what it does not hand out. `key` says for which dialling it is good. */
  put(key: string, ticket: SessionTicket): void;
  /** The newest ticket of `key`. Each is handed out once (lesson 25), and never when it has expired. */
  take(key: string): HeldTicket | undefined;
}

export interface HeldTicket {
  readonly ticket: SessionTicket;
  /** Milliseconds since `put`. */
  readonly age: number;
}
