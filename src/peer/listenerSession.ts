/**
 * The listener's end of an A⇄B session. The application sees a channel only when TLS has proved who calls, that is who
 * the relay said, and `authorize` has said yes: to the relay's question for the first channel, to the proven caller for
 * every other.
 */
import { isQ2qError, toError } from '../base/errors.ts';
import { type Identity, identityLabel, type VerifiedPeer } from '../identity/index.ts';
import type { ChannelTraffic } from '../mux/index.ts';
import type { ServerContext } from '../tls/index.ts';
import { accessRequest, mayEnter } from './access.ts';
import type { Channel } from './channel.ts';
import { CLOSE_CODES } from './codes.ts';
import { listenerContext } from './contexts.ts';
import type { IncomingChannel } from './incoming.ts';
import { CHANNEL_TIMEOUT, HANDSHAKES_AT_ONCE } from './limits.ts';
import type { ListenerEntry, Listeners } from './listeners.ts';
import { GREETING, PEER_CHANNEL } from './names.ts';
import { PeerSession, type PeerSessionOptions } from './peerSession.ts';
import type { ResumeAcceptor } from './resumeAcceptor.ts';
import type { ChannelPath, PathRoute } from './route.ts';
import { secure } from './secure.ts';
import type { SecureLink } from './secureLink.ts';
import { Slots } from './slots.ts';

/** Whom the relay announced, checked by us as far as a chain without proof of possession can be. */
export interface Claim {
  readonly peer: VerifiedPeer;
  /** The protocol that `authorize` allowed; none for a caller who comes back to a session, and is let in for nothing else. */
  readonly protocol?: string;
}

export interface ListenerSessionOptions extends PeerSessionOptions {
  /** As it is now: renewal replaces it, and a session outlives certificates. */
  readonly identity: () => Identity;
  readonly claim: Claim;
  readonly listeners: Listeners;
  /** Where sessions are found that a new path is for. Absent: they end with their paths. */
  readonly acceptor?: ResumeAcceptor;
  readonly onHandlerError: (protocol: string, error: Error) => void;
}

export class ListenerSession {
  readonly #peers: PeerSession;
  readonly #options: ListenerSessionOptions;
  #context: { readonly identity: Identity; readonly made: ServerContext } | undefined;
  /** The yes that was given before the path existed; used once. */
  #granted: string | undefined;
  readonly #turns = new Slots(HANDSHAKES_AT_ONCE);

  constructor(route: PathRoute, options: ListenerSessionOptions) {
    this.#options = options;
    this.#granted = options.claim.protocol;
    const { acceptor } = options;
    this.#peers = new PeerSession(route, options, acceptor && { acceptor });
    this.#peers.session.onIncoming((incoming) => this.#incoming(incoming));
  }

  get closed(): Promise<unknown> {
    return this.#peers.session.closed;
  }

  destroy(cause: Error): void {
    this.#peers.session.destroy(cause);
  }

  get path(): ChannelPath {
    return this.#peers.session.path!;
  }

  pathLinked(linked: boolean): void {
    this.#peers.pathLinked(linked);
  }

  /** That peer has lost the path to us, and may look for another one by a protocol for which it was let in. */
  isAwaiting(peer: VerifiedPeer, protocol: string): boolean {
    return this.#peers.isWaiting && this.#isClaimed(peer) && this.#peers.protocols.includes(protocol);
  }

  /** The returned promise ends with the handler: until then the channel counts against the caller's limit. */
  async #incoming(incoming: IncomingChannel): Promise<void> {
    if (incoming.name !== PEER_CHANNEL) {
      incoming.refuse(CLOSE_CODES.protocol);
      return;
    }
    const admitted = await this.#handshake(incoming);
    if (admitted === undefined) return;
    const { link, entry, peer, traffic } = admitted;
    this.#peers.nameBy(link); // before the caller can use it
    link.send(Uint8Array.of(GREETING));
    const { protocol } = entry;
    const channel = this.#peers.channel(link, { peer, local: this.#options.identity(), protocol, traffic });
    await this.#handle(channel, entry);
  }

  async #handshake(
    incoming: IncomingChannel,
  ): Promise<
    { link: SecureLink; entry: ListenerEntry; peer: VerifiedPeer; traffic: ChannelTraffic } | undefined
  > {
    const { logger, parts } = this.#options;
    await this.#turns.enter(); // what the caller sent waits in the channel's window meanwhile
    try {
      const below = incoming.accept();
      const link = await secure(below, this.#currentContext(), {
        timeout: CHANNEL_TIMEOUT,
        clock: this.#peers.clock,
      });
      const peer = link.negotiated.peer!;
      if (!this.#isClaimed(peer)) {
        logger.log('warn', 'the caller is not who the relay said', { keyId: peer.identity.keyId });
        link.reset(CLOSE_CODES.wrongIdentity);
        return undefined;
      }
      const entry = await this.#admit(peer, link.negotiated.alpn!);
      const withdrawn = entry !== undefined && parts.live?.refusal(peer) !== undefined; // while it was asked
      if (entry !== undefined && !withdrawn) return { link, entry, peer, traffic: below.traffic };
      link.reset(withdrawn ? CLOSE_CODES.revoked : CLOSE_CODES.notFound);
      return undefined;
    } catch (error) {
      const { message } = toError(error);
      logger.log('info', 'no secure channel', { code: isQ2qError(error) ? error.code : undefined, message });
      return undefined;
    } finally {
      this.#turns.leave();
    }
  }

  #currentContext(): ServerContext {
    const { identity, parts } = this.#options;
    const now = identity();
    if (this.#context?.identity !== now) this.#context = { identity: now, made: listenerContext(now, parts) };
    return this.#context.made;
  }

  #isClaimed({ identity }: VerifiedPeer): boolean {
    const claimed = this.#options.claim.peer.identity;
    return identity.keyId === claimed.keyId && identity.name === claimed.name;
  }

  async #admit(peer: VerifiedPeer, protocol: string): Promise<ListenerEntry | undefined> {
    const { identity, listeners, parts, logger } = this.#options;
    const label = identityLabel(identity());
    const entry = listeners.find(label, protocol);
    if (entry === undefined) return undefined;
    if (this.#granted === protocol) {
      this.#granted = undefined;
      return entry;
    }
    const request = accessRequest(peer, { to: label, protocol, proven: true });
    const allowed = await mayEnter(entry, request, { clock: parts.clock, logger });
    return allowed && listeners.find(label, protocol) === entry ? entry : undefined;
  }

  /** What a handler throws costs its own channel, nothing else. */
  async #handle(channel: Channel, entry: ListenerEntry): Promise<void> {
    try {
      await entry.handler(channel);
    } catch (thrown) {
      channel.reset(CLOSE_CODES.handlerFailed);
      this.#options.onHandlerError(entry.protocol, toError(thrown));
    }
  }
}
