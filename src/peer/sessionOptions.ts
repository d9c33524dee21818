/** What a session is given, and what it tells of itself. `Session` is in session.ts. */
import type { Clock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Hmac, MuxLimits, MuxStats, OpenOptions } from '../mux/index.ts';
import type { ResumeAcceptor } from './resumeAcceptor.ts';
import type { ChannelPath, Route } from './route.ts';

export interface SessionOptions {
  readonly random: (length: number) => Uint8Array;
  readonly clock?: Clock;
  readonly limits?: Partial<MuxLimits>;
  readonly logger?: Logger;
  /** Absent: the session ends with its link. Present: it outlives it as soon as it is armed, if the other end agrees. */
  readonly resume?: ResumeOptions;
  /** How the bytes of the link travel, for whoever asks `Session.path`. */
  readonly path?: ChannelPath | undefined;
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
  readonly connect?: (signal: AbortSignal) => Promise<Route>;
  /** There are several ways to that place, and one may end elsewhere: who does not know the session ends the try, not the session. */
  readonly manyWays?: boolean;
  /** False: a link that ended so takes the session along. */
  readonly survives?: (cause: Q2qError) => boolean;
  readonly watch?: ResumeWatch;
  /** Keeps the process alive while that is under way, until the returned function is called. */
  readonly hold?: (() => () => void) | undefined;
  /** Links are made to this end, all of them known to the acceptor's sessions. */
  readonly acceptor?: ResumeAcceptor;
}

/** Hears where the session is. */
export interface ResumeWatch {
  /** It has no link, or the one that was tried was no good. It may be over by then. */
  suspended(error: Error): void;
  /** It goes on, perhaps by another path. */
  resumed(): void;
}

export interface OpenChannelOptions extends OpenOptions {
  /** Gives the channel up until the other end has accepted it. */
  readonly signal?: AbortSignal | undefined;
}

export interface SessionStats extends MuxStats {
  /** Bytes handed to the link that have not left it. */
  readonly linkBuffered: number;
}
