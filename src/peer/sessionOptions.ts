/** What a session is given, and what it tells of itself. `Session` is in session.ts. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Hmac, MuxLimits, MuxStats, OpenOptions } from '../mux/index.ts';
import type { Link } from '../transport/link.ts';
import type { ResumeAcceptor } from './resumeAcceptor.ts';

export interface SessionOptions {
  readonly random: (length: number) => Uint8Array;
  readonly clock?: Clock;
  readonly limits?: Partial<MuxLimits>;
  readonly logger?: Logger;
  /** Absent: the session ends with its link. Present: it outlives it as soon as it is armed, if the other end agrees. */
  readonly resume?: ResumeOptions;
  /**
   * The peer may open channels of messages. Without it they are refused: on such a channel the peer says how much may be
   * sent at once, and whoever expects a stream of bytes does not.
   */
  readonly takesMessages?: boolean;
  /** What the peer may know of this program, at most 64 characters. */
  readonly software?: string;
}

/** How a session gets another link; which of the two ends it is, is who made the first. */
export interface ResumeOptions {
  /** HMAC-SHA-256 (`CryptoProvider.hmac`). */
  readonly hmac: Hmac;
  /** This end made the link, and makes the next one to the same place. */
  readonly connect?: (signal: AbortSignal) => Promise<Link>;
  /** Keeps the process alive while that is under way, until the returned function is called. */
  readonly hold?: (() => () => void) | undefined;
  /** Links are made to this end, all of them known to the acceptor's sessions. */
  readonly acceptor?: ResumeAcceptor;
}

export interface OpenChannelOptions extends OpenOptions {
  /** Gives the channel up until the other end has accepted it. */
  readonly signal?: AbortSignal | undefined;
}

export interface SessionStats extends MuxStats {
  /** Bytes handed to the link that have not left it. */
  readonly linkBuffered: number;
}
