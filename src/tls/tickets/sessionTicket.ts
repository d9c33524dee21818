/** What a client needs to go on with a session: the ticket, its secret, and what the session was about. */
import type { Bytes } from '../../base/bytes.ts';
import type { Secret } from '../../base/secret.ts';
import type { SchemeName, SuiteName } from '../../crypto/suites.ts';

export interface SessionTicketInit {
  readonly suite: SuiteName;
  /** The pre-shared key of this ticket, not of its connection (RFC 9846 §4.7.1). */
  readonly psk: Secret;
  /** As the server gave it. */
  readonly ticket: Bytes;
  /** ticket_age_add: hides the age from who looks on. */
  readonly ageAdd: number;
  /** Seconds. */
  readonly lifetime: number;
  /** Seconds from the last handshake with signatures to this ticket: sessions do not go on for ever (§4.7.1). */
  readonly since?: number | undefined;
  /** Bytes of early data that the server allows; 0 for none. */
  readonly maxEarlyData: number;
  readonly alpn?: string | undefined;
  readonly serverName?: string | undefined;
  /** What the server showed, leaf first: the verifier is asked about it again. */
  readonly chain: readonly Bytes[];
  /** DER SubjectPublicKeyInfo, where the server showed a raw key instead. */
  readonly rawKey?: Bytes | undefined;
  /** What the server's leaf came with: who demands a staple demands it again. */
  readonly ocsp?: Uint8Array | undefined;
  readonly scts?: Uint8Array | undefined;
  /** The scheme of the server's signature. */
  readonly peerScheme?: SchemeName | undefined;
  /** Milliseconds since the epoch: when what the server showed is over, and the ticket with it (lesson 23). */
  readonly expiresAt: number;
}

/** Frozen, and nothing of it can be printed. */
export class SessionTicket {
  readonly suite: SuiteName;
  readonly psk: Secret;
  readonly ticket: Bytes;
  readonly ageAdd: number;
  readonly lifetime: number;
  readonly since: number;
  readonly maxEarlyData: number;
  readonly alpn: string | undefined;
  readonly serverName: string | undefined;
  readonly chain: readonly Bytes[];
  readonly rawKey: Bytes | undefined;
  readonly ocsp: Uint8Array | undefined;
  readonly scts: Uint8Array | undefined;
  readonly peerScheme: SchemeName | undefined;
  readonly expiresAt: number;

  /** Takes the secret over. */
  constructor(init: SessionTicketInit) {
    this.suite = init.suite;
    this.psk = init.psk;
    this.ticket = init.ticket;
    this.ageAdd = init.ageAdd;
    this.lifetime = init.lifetime;
    this.since = init.since ?? 0;
    this.maxEarlyData = init.maxEarlyData;
    this.alpn = init.alpn;
    this.serverName = init.serverName;
    this.chain = Object.freeze([...init.chain]);
    this.rawKey = init.rawKey;
    this.ocsp = init.ocsp;
    this.scts = init.scts;
    this.peerScheme = init.peerScheme;
    this.expiresAt = init.expiresAt;
    Object.freeze(this);
  }

  /** Bytes it holds on to: what a store counts. */
  get size(): number {
    const shown = [...this.chain, this.rawKey, this.ocsp, this.scts];
    return this.psk.length + this.ticket.length + shown.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
  }

  destroy(): void {
    this.psk.destroy();
  }

  toString(): string {
    return '[session ticket]';
  }

  toJSON(): string {
    return '[session ticket]';
  }
}

Object.defineProperty(SessionTicket.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value: () => '[session ticket]',
});
