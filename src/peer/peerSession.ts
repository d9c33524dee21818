/**
 * What both ends of a session of two peers have: the session, which outlives its path as soon as one channel was let in, and
 * the channels, which hear of it when the path is another one.
 */
import { EMPTY } from '../base/bytes.ts';
import type { Q2qError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { VerifiedPeer } from '../identity/index.ts';
import { RESUME_LABEL, RESUME_SECRET_LENGTH } from '../mux/index.ts';
import { Channel, type ChannelCarrier, type ChannelFacts } from './channel.ts';
import { CLOSE_CODES, resetCodeOf } from './codes.ts';
import type { ContextParts } from './contexts.ts';
import { MAX_SESSION_NAMES } from './limits.ts';
import { PathClock } from './pathClock.ts';
import { type ChannelPath, type PathRoute, samePath } from './route.ts';
import type { SecureLink } from './secureLink.ts';
import { Session } from './session.ts';
import type { ResumeOptions, ResumeWatch } from './sessionOptions.ts';

export interface PeerSessionOptions {
  readonly parts: ContextParts;
  readonly logger: Logger;
  /** Milliseconds that the session waits for another path; 0: it ends with the first. Default: the mux's. */
  readonly outlive?: number | undefined;
}

/** How this end gets the next path, and who hears of that. */
export type PathResume = Pick<ResumeOptions, 'connect' | 'hold' | 'acceptor' | 'manyWays'> & {
  readonly watch?: ResumeWatch;
};

/** What the ends know of a channel beside what the session does. */
export type ChannelAt = Pick<ChannelFacts, 'local' | 'protocol'> & {
  readonly peer: VerifiedPeer;
  readonly traffic: NonNullable<ChannelFacts['traffic']>;
};

export class PeerSession {
  readonly session: Session;
  /** For what channels wait for. */
  readonly clock: PathClock;
  readonly #parts: ContextParts;
  readonly #channels = new Set<Channel>();
  #path: ChannelPath;
  #lastProtocol: readonly string[] = [];
  #names = 0;
  #waiting = false;

  /** Without `resume` the session ends with its path. */
  constructor({ link, path }: PathRoute, options: PeerSessionOptions, resume: PathResume | undefined) {
    const { parts, logger, outlive } = options;
    const { provider, clock } = parts;
    this.#parts = parts;
    this.clock = new PathClock(clock);
    this.#path = path;
    this.session = new Session(link, {
      ...{ clock, logger, path, random: (length) => provider.random(length) },
      ...(outlive !== undefined && { limits: { resumeTtl: outlive } }),
      ...(resume && { resume: this.#resume(resume) }),
    });
  }

  #resume(resume: PathResume): ResumeOptions {
    return {
      ...resume,
      hmac: (key, ...data) => this.#parts.provider.hmac('sha256', key, ...data),
      survives: (cause) => !isWithdrawal(cause),
      watch: {
        suspended: (error) => {
          this.#waiting = true;
          this.clock.standStill();
          resume.watch?.suspended(error);
        },
        resumed: () => {
          this.#waiting = false;
          this.clock.goOn();
          this.#moved();
          resume.watch?.resumed();
        },
      },
    };
  }

  /** There is no path, and another may come. */
  get isWaiting(): boolean {
    return this.#waiting;
  }

  /**
   * The link below the path is lost and may come back, or has done so. While it is lost the path stands still, and another
   * is looked for here, where that can be.
   */
  pathLinked(linked: boolean): void {
    if (!linked) {
      this.clock.standStill();
      this.session.seekLink();
      return;
    }
    if (!this.#waiting) this.clock.goOn();
    this.session.keepLink();
  }

  /** Of the open channels, each once; else that of the last. */
  get protocols(): readonly string[] {
    const open = new Set([...this.#channels].map(({ protocol }) => protocol));
    return open.size > 0 ? [...open] : this.#lastProtocol;
  }

  /**
   * The other end is proven in this channel, and let in: its TLS names the session. The caller asks by the first that it has
   * heard of, the listener knows the first few, as the caller may have given up the very first meanwhile.
   */
  nameBy(link: SecureLink, most: number = MAX_SESSION_NAMES): void {
    if (this.#names >= most) return;
    this.#names++;
    this.session.arm(link.exportKey(RESUME_LABEL, EMPTY, RESUME_SECRET_LENGTH));
  }

  /** The application's channel, cut when the proof of its peer is withdrawn. */
  channel(carrier: ChannelCarrier, { peer, local, protocol, traffic }: ChannelAt): Channel {
    const { session } = this;
    const channel = new Channel(carrier, {
      peer: peer.identity,
      ...{ local, protocol, traffic },
      get path() {
        return session.path!;
      },
      sessionStats: () => session.stats(),
    });
    this.#channels.add(channel);
    this.#lastProtocol = [protocol];
    const forget = this.#parts.live?.watch(peer, (error) => {
      channel.cut(error);
      this.#channels.delete(channel);
      if (this.#waiting && this.#channels.size === 0) session.destroy(error); // nobody is to come back to this
    });
    const over = (): void => {
      forget?.();
      this.#channels.delete(channel);
    };
    channel.closed.then(over, over);
    return channel;
  }

  #moved(): void {
    const path = this.session.path!;
    if (samePath(path, this.#path)) return;
    this.#path = path;
    for (const channel of [...this.#channels]) channel.pathChanged();
  }
}

/** A path that the relay has cut because the domain withdrew a certificate of one end. */
function isWithdrawal(cause: Q2qError): boolean {
  return resetCodeOf(cause) === CLOSE_CODES.revoked;
}
