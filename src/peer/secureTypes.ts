/** What a secure link counts, and what whoever makes one is told. */
import type { Clock } from '../base/clock.ts';

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
  readonly closeTimeout?: number;
  readonly detachable?: boolean;
  readonly writer?: PendingWriter;
  /** The handshake is complete. */
  readonly opened: () => void;
  /** It failed; nothing follows. */
  readonly failed: (error: Error) => void;
}
