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

export interface SecureLinkHooks {
  readonly clock: Clock;
  readonly closeTimeout?: number;
  /** The handshake is complete. */
  readonly opened: () => void;
  /** It failed; nothing follows. */
  readonly failed: (error: Error) => void;
}
