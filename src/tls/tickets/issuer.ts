/**
 * A server's side of resumption: what turns a session into a ticket and back (RFC 9846 §4.7.1). The engine asks by op, so
 * an issuer may answer later: one that asks a database shared by many servers is one that returns promises.
 */
import type { Bytes } from '../../base/bytes.ts';

export interface TicketIssuer {
  /** Each ticket is redeemed at most once, by all servers together: only then may its session carry 0-RTT (§8.1). */
  readonly onceOnly: boolean;
  /**
   * `state` holds the session's secret and is the issuer's from now on: it keeps the array or zeroes it. Undefined: no
   * ticket for this one.
   */
  issue(state: Bytes): IssuedTicket | undefined | Promise<IssuedTicket | undefined>;
  /** Undefined for what it did not issue, what expired and, if `onceOnly`, what was redeemed before. */
  redeem(ticket: Uint8Array): RedeemedTicket | undefined | Promise<RedeemedTicket | undefined>;
}

export interface IssuedTicket {
  /** What the client will show: opaque to it, at most 17 KiB: 17,408. */
  readonly ticket: Bytes;
  /** Seconds, at most 604,800: a week (§4.7.1). */
  readonly lifetime: number;
}

export interface RedeemedTicket {
  /** The caller's to zero. */
  readonly state: Bytes;
  /** Milliseconds since it was issued. */
  readonly age: number;
}
