/**
 * The caller's end of an A⇄B session: opens channels, each with TLS of its own, until nobody needs it. When the path is lost
 * it finds another one, for channels that have ended here, too: their last bytes may not have arrived.
 */
import { type Expected, type Identity, identityLabel } from '../identity/index.ts';
import type { Channel } from './channel.ts';
import { callerContext } from './contexts.ts';
import { channelFailure } from './failures.ts';
import { awaitGreeting } from './greeting.ts';
import { SESSION_IDLE } from './limits.ts';
import { PEER_CHANNEL } from './names.ts';
import { PathFinder, type PathSource, PlacesRefused } from './pathFinder.ts';
import { type PathResume, PeerSession, type PeerSessionOptions } from './peerSession.ts';
import type { Counterpart } from './relaySource.ts';
import type { ChannelPath, PathRoute } from './route.ts';
import { secure } from './secure.ts';

export interface OpenRequest {
  readonly identity: Identity;
  readonly expected: Expected;
  /** `bob@example.org` or `key:…`, for messages. */
  readonly to: string;
  readonly protocol: string;
  readonly signal: AbortSignal;
  /** Milliseconds; the signal aborts by then. A handshake may wait for its turn at the other end, but not longer. */
  readonly timeout: number;
}

export interface CallerSessionOptions extends PeerSessionOptions {
  /** The ways to the other end, the best first. Absent: the session ends with its path. */
  readonly sources?: (who: Pick<Counterpart, 'keyId' | 'protocols'>) => readonly PathSource[];
  /** Keeps the process alive while there is no path, until the returned function is called. */
  readonly hold?: (() => () => void) | undefined;
}

export class CallerSession {
  readonly #peers: PeerSession;
  readonly #options: CallerSessionOptions;
  readonly #finder: PathFinder;
  /** Key id of the other end, once it is proven. */
  #keyId: string | undefined;
  /** Open, and those that are to be. */
  #channels = 0;
  #alive = true;
  #cancelIdle: () => void = () => {};

  constructor(route: PathRoute, options: CallerSessionOptions) {
    this.#options = options;
    const who = { keyId: () => this.#keyId, protocols: () => this.#peers.protocols };
    this.#finder = new PathFinder(options.sources?.(who) ?? [], options.parts.clock);
    this.#peers = new PeerSession(route, options, options.sources && this.#resume());
    const { session } = this.#peers;
    session.onIncoming((incoming) => incoming.refuse()); // the listener's end opens nothing
    session.onGoaway(() => (this.#alive = false));
    void session.closed.then(() => {
      this.#alive = false;
      this.#cancelIdle();
    });
  }

  /** Takes new channels, perhaps when it has a path again. */
  get alive(): boolean {
    return this.#alive;
  }

  /** There is no path, and another is looked for. */
  get isWaiting(): boolean {
    return this.#peers.isWaiting;
  }

  get path(): ChannelPath {
    return this.#peers.session.path!;
  }

  get closed(): Promise<unknown> {
    return this.#peers.session.closed;
  }

  /** There is a path, and nobody doubts it; or an attempt to get one, made now at the latest, fails and says why. */
  relinked(): Promise<void> {
    return this.#peers.session.relinked();
  }

  pathLinked(linked: boolean): void {
    this.#peers.pathLinked(linked);
  }

  /** Moves to this path, which was made here, while the old one may live. False, and the path is untouched, where that cannot be. */
  moveOver(route: PathRoute): boolean {
    return this.#peers.session.moveOver(route);
  }

  /** Resolves when the other end is proven to be who was dialled, and has let us in. */
  async open(request: OpenRequest): Promise<Channel> {
    const { identity, expected, to, protocol, signal, timeout } = request;
    const { parts } = this.#options;
    this.#cancelIdle();
    this.#channels++;
    try {
      const below = this.#peers.session.open(PEER_CHANNEL);
      const link = await secure(below, callerContext(identity, expected, protocol, parts), {
        signal,
        timeout,
        clock: this.#peers.clock,
        ...(expected.kind === 'name' && { serverName: domainOf(expected.name) }),
      });
      const carrier = await awaitGreeting(link, signal);
      const peer = link.negotiated.peer!;
      this.#keyId = peer.identity.keyId;
      this.#peers.nameBy(link, 1);
      const { traffic } = below;
      const channel = this.#peers.channel(carrier, { peer, local: identity, protocol, traffic });
      channel.closed.then(this.#released, this.#released);
      return channel;
    } catch (error) {
      this.#released();
      if (signal.aborted) throw signal.reason;
      throw channelFailure(error, `${to}/${protocol} (as ${identityLabel(identity)})`);
    }
  }

  readonly #released = (): void => {
    if (--this.#channels > 0 || !this.#alive) return;
    this.#cancelIdle = this.#options.parts.clock.after(SESSION_IDLE, () => {
      this.#alive = false;
      void this.#peers.session.close();
    });
  };

  #resume(): PathResume {
    return {
      connect: (signal) => this.#findPath(signal),
      manyWays: true,
      hold: this.#options.hold,
      watch: { suspended: (error) => this.#finder.failed(error), resumed: () => this.#finder.served() },
    };
  }

  async #findPath(signal: AbortSignal): Promise<PathRoute> {
    try {
      return await this.#finder.find(signal);
    } catch (error) {
      if (error instanceof PlacesRefused)
        this.#peers.session.giveUp('the other end does not know the session any more');
      throw error;
    }
  }

  /** Open channels end with an error. */
  destroy(cause: Error): void {
    this.#alive = false;
    this.#peers.session.destroy(cause);
  }
}

function domainOf(name: string): string {
  return name.slice(name.indexOf('@') + 1);
}
