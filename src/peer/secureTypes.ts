/** What a secure link counts, and what whoever makes one is told. */
import type { Bytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Negotiated } from '../tls/index.ts';
import type { Link, LinkInfo } from '../transport/link.ts';

export interface SecureStats {
  readonly plaintextIn: number;
  readonly plaintextOut: number;
  readonly wireIn: number;
  readonly wireOut: number;
  /** Records that brought application data. */
  readonly recordsIn: number;
  /** Records of every kind. */
  readonly recordsOut: number;
}

/** The same while it grows. */
export type Counters = { -readonly [Name in keyof SecureStats]: number };

/** Somebody who wrote on the link before TLS began, and goes on. */
export interface PendingWriter {
  /** There is room for more. */
  room(): void;
  /** Nothing more can be written. */
  gone(error: Error | undefined): void;
}

export interface SecureLinkHooks {
  readonly clock: Clock;
  readonly closeTimeout: number | undefined;
  readonly detachable: boolean | undefined;
  readonly writer: PendingWriter | undefined;
  /** The handshake is complete. */
  readonly opened: () => void;
  /** It failed; nothing follows. */
  readonly failed: (error: Error) => void;
}

/** What every backend of TLS gives: a link whose peer is proved. */
export interface SecuredLink extends Link {
  /** What the handshake agreed on, and who is at the other end. */
  readonly negotiated: Negotiated;
  readonly stats: SecureStats;
  /** Keying material bound to this connection (RFC 9846 §7.5); both ends get the same. */
  exportKey(label: string, context?: Uint8Array, length?: number): Bytes;
}

/** TLS over a link: the addresses are the link's, and every carrier gets half-close. */
export function tlsInfo(via: LinkInfo): LinkInfo {
  const { local, remote } = via;
  return {
    kind: 'tls',
    messages: false,
    halfClose: true,
    ...(local !== undefined && { local }),
    ...(remote !== undefined && { remote }),
    via,
  };
}
