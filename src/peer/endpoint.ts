/**
 * A peer: one or several identities, the relays where they are reached, what they listen to, whom they dial.
 *
 *     listen ─► RelayLink.register … incoming ─► authorize ─► path ─► ListenerSession ─► TLS ─► handler(channel)
 *     dial   ─► RelayLink.control.dial ─► choose ─► path ─► CallerSession ─► TLS ─► channel
 */
import { systemClock } from '../base/clock.ts';
import { type Listener as EventListener, Events } from '../base/events.ts';
import { type Logger, silent } from '../base/log.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import {
  type Identity,
  identityLabel,
  parseDomain,
  parseProtocol,
  Refusal,
  type Trust,
  type VerifiedPeer,
} from '../identity/index.ts';
import { Closing, withDeadline } from './abort.ts';
import type { Channel } from './channel.ts';
import type { ContextParts } from './contexts.ts';
import type { ControlClient } from './controlClient.ts';
import { Dialler } from './dialler.ts';
import { PeerError } from './errors.ts';
import { CONTROL_TIMEOUT, MAX_DESCRIPTION, MAX_WAITING_BYTES, MAX_WAITING_SESSIONS } from './limits.ts';
import { type Claim, ListenerSession } from './listenerSession.ts';
import { type ListenerEntry, Listeners } from './listeners.ts';
import { LiveTrust } from './liveTrust.ts';
import { INSTANCE_LENGTH } from './messages.ts';
import { RelayLink } from './relayLink.ts';
import { Renewal } from './renewal.ts';
import { ResumeAcceptor } from './resumeAcceptor.ts';
import type { PathRoute } from './route.ts';
import { TrustFinder } from './trustFinder.ts';
import type {
  ChannelHandler,
  Connect,
  DeviceInfo,
  DialOptions,
  Listener,
  ListenOptions,
  OwnAccountOptions,
  PeerEvents,
  PeerOptions,
  RelayConfig,
} from './types.ts';

/** Everything that the package's entries fill in. */
export interface CompletePeerOptions extends PeerOptions {
  readonly connect: Connect;
  readonly provider: CryptoProvider;
  /** Keeps the process alive until the returned function is called: while somebody listens, between two links. */
  readonly hold?: () => () => void;
}

export class Peer implements AsyncDisposable {
  readonly #options: CompletePeerOptions;
  readonly #logger: Logger;
  readonly #parts: ContextParts;
  readonly #live: LiveTrust;
  readonly #events = new Events<PeerEvents>();
  /** By label; the first is the default. */
  readonly #identities: Map<string, Identity>;
  readonly #renewals = new Map<string, Renewal>();
  readonly #listeners = new Listeners();
  readonly #relays: readonly RelayLink[];
  readonly #dialler: Dialler;
  /** Sessions of callers, and as whom each was called. */
  readonly #incoming = new Map<ListenerSession, string>();
  readonly #acceptor = new ResumeAcceptor({ sessions: MAX_WAITING_SESSIONS, bytes: MAX_WAITING_BYTES });
  readonly #closing = new Closing();
  #release: (() => void) | undefined;

  protected constructor(options: CompletePeerOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silent;
    const { provider, clock = systemClock } = options;
    const live = (this.#live = new LiveTrust(options.trust, provider, clock));
    this.#parts = {
      get trust() {
        return live.trust;
      },
      ...{ provider, clock, live },
      ...(options.keyLog && { keyLog: options.keyLog }),
      ...(options.judge && { judge: options.judge }),
    };
    this.#identities = identitiesOf(options);
    const finder = new TrustFinder({
      ...{ live, resolve: options.resolveTrust },
      onFound: (anchors) => this.#events.emit('trust', { anchors }),
    });
    const instance = options.provider.random(INSTANCE_LENGTH);
    this.#relays = relaysOf(options, [...this.#identities.values()]).map(
      ({ url, domain }) =>
        new RelayLink({
          ...{ url, domain, instance, connect: options.connect, parts: this.#parts, finder },
          logger: this.#logger,
          listeners: this.#listeners,
          identityOf: (label) => this.#identities.get(label)!,
          onPath: (as, link, claim) => this.#arrive(as, { link, path: { kind: 'relayed', via: url } }, claim),
          isAwaited: (as, peer, protocol) => this.#isAwaited(as, peer, protocol),
          onLinked: (linked) => this.#relayLinked(url, linked),
          onControl: (as, control) => this.#keepFresh(as, domain, control),
          onBundle: (bundle) => this.#believe(domain, bundle),
          onState: (state) => this.#events.emit('relay', state),
          hold: options.hold,
        }),
    );
    const { hold, outlive } = options;
    const shared = { parts: this.#parts, logger: this.#logger, outlive };
    this.#dialler = new Dialler({ ...shared, relays: this.#relays, hold });
  }

  /** Checks the options; links are opened when they are needed. */
  static async create(options: CompletePeerOptions): Promise<Peer> {
    return new Peer(options);
  }

  /** What is believed now: as it was given, and what the domains said since. */
  get trust(): Trust {
    return this.#live.trust;
  }

  get identities(): readonly Identity[] {
    return [...this.#identities.values()];
  }

  on<K extends keyof PeerEvents>(name: K, listener: EventListener<PeerEvents[K]>): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Answers `protocol`. Resolves when a relay knows; from then on the registration is repeated after every reconnect.
   * Each channel that `authorize` allows goes to `handler` with its caller proven; the channel is the handler's to close.
   */
  async listen(protocol: string, options: ListenOptions, handler: ChannelHandler): Promise<Listener> {
    this.#closing.throwIfClosed();
    const identity = this.#identity(options.as);
    const entry: ListenerEntry = {
      as: identityLabel(identity),
      protocol: parseProtocol(protocol),
      description: checkDescription(options.description ?? ''),
      authorize: checkFunction(options.authorize, 'authorize'),
      anonymous: options.anonymous === true,
      handler: checkFunction(handler, 'handler'),
    };
    const relays = this.#relaysFor(identity);
    if (!this.#listeners.add(entry))
      throw new PeerError('ERR_PEER_LISTENING', `${entry.as} answers ${protocol} already`);
    this.#release ??= this.#options.hold?.();
    try {
      await this.#registerAt(relays, entry, options.signal);
    } catch (error) {
      await this.#stopListening(entry, relays);
      throw error;
    }
    const close = (): Promise<void> => this.#stopListening(entry, relays);
    options.signal?.addEventListener('abort', () => void close(), { once: true });
    const address = `${entry.as}/${entry.protocol}`;
    return { protocol: entry.protocol, address, close, [Symbol.asyncDispose]: close };
  }

  /** One authenticated channel to `bob@example.org/chat/1` or `key:…/chat/1`; rejects with a PeerError that says why not. */
  async dial(address: string, options: DialOptions = {}): Promise<Channel> {
    this.#closing.throwIfClosed();
    return this.#dialler.dial(address, this.#identity(options.from), options, this.#closing);
  }

  /** A new certificate now, for those who cannot wait; it comes by itself at two thirds of the life of this one. */
  renew(options: OwnAccountOptions = {}): Promise<Identity> {
    const identity = this.#identity(options.as);
    if (identity.name === undefined)
      throw new PeerError('ERR_PEER_NO_IDENTITY', 'a key identity has no domain to renew it', {
        hint: 'make a new certificate from the same key',
      });
    const label = identityLabel(identity);
    return this.#atHome(options, (control) => this.#renewals.get(label)!.now(this.#identity(label), control));
  }

  /** The devices and user CAs of our account, as its domain has them. */
  devices(options: OwnAccountOptions = {}): Promise<readonly DeviceInfo[]> {
    return this.#atHome(options, (control, signal) => control.devices(signal));
  }

  /** Withdraws one of them, for everybody and at once: whatever channel it holds is cut. */
  revokeDevice(keyId: string, options: OwnAccountOptions = {}): Promise<void> {
    return this.#atHome(options, (control, signal) => control.revoke(keyId, signal));
  }

  /** A certificate that lets the key of `csr` sign devices of our account (`UserAuthority`): the chain, that CA first. */
  requestUserCa(csr: Uint8Array, options: OwnAccountOptions = {}): Promise<readonly Uint8Array[]> {
    return this.#atHome(options, (control, signal) => control.userCa(csr, signal));
  }

  /** Tells the domain of a device that our user CA has signed, before that device comes by itself. */
  adopt(chain: readonly Uint8Array[], options: OwnAccountOptions = {}): Promise<void> {
    return this.#atHome(options, (control, signal) => control.adopt(chain, signal));
  }

  /** Ends everything; open channels end with an error if their users have not closed them. */
  async close(): Promise<void> {
    if (this.#closing.reason !== undefined) return;
    const closed = new PeerError('ERR_PEER_CLOSED', 'the peer was closed');
    this.#closing.close(closed);
    for (const renewal of this.#renewals.values()) renewal.stop();
    this.#dialler.destroy(closed);
    for (const session of this.#incoming.keys()) session.destroy(closed);
    await Promise.all(this.#relays.map((relay) => relay.close()));
    this.#release?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #identity(label: string | undefined): Identity {
    const identity =
      label === undefined
        ? this.#identities.values().next().value
        : (this.#identities.get(label) ??
          [...this.#identities.values()].find(({ keyId }) => keyId === label.replace(/^key:/, '')));
    if (identity === undefined)
      throw new PeerError('ERR_PEER_NO_IDENTITY', `this peer has no identity "${label ?? ''}"`);
    return identity;
  }

  /** An enrolled identity is reached at its own domain's relays, a key peer wherever it is let in. */
  #relaysFor(identity: Identity): readonly RelayLink[] {
    const domain = identity.name?.split('@')[1];
    const relays = this.#relays.filter((relay) => domain === undefined || relay.domain === domain);
    if (relays.length > 0) return relays;
    throw new PeerError('ERR_PEER_NO_RELAY', `no relay of ${domain ?? 'any domain'} is configured`);
  }

  /** Asks the domain of one of our identities. */
  async #atHome<T>(
    { as, signal }: OwnAccountOptions,
    ask: (control: ControlClient, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.#closing.throwIfClosed();
    const identity = this.#identity(as);
    const [relay] = this.#relaysFor(identity);
    if (identity.name === undefined)
      throw new PeerError('ERR_PEER_NOT_ENROLLED', `a key identity has no account at ${relay!.domain}`, {
        hint: 'enrol with an invite of that domain, or name an identity that is enrolled',
      });
    const reason = (): Error => new PeerError('ERR_PEER_TIMEOUT', `${relay!.url} did not answer in time`);
    const limit = {
      ...{ clock: this.#parts.clock, delay: 2 * CONTROL_TIMEOUT, reason, closing: this.#closing, signal },
    };
    return withDeadline(limit, async (deadline) =>
      ask(await relay!.control(identityLabel(identity), deadline), deadline),
    );
  }

  #believe(domain: string, bundle: Uint8Array): void {
    const anchors = this.#live.accept(domain, bundle);
    if (anchors instanceof Refusal)
      this.#logger.log('warn', 'the bundle of a domain is not believed', { domain, error: anchors });
    else if (anchors !== undefined) this.#events.emit('trust', { anchors });
  }

  /** One relay that takes us is enough; the others are tried again in the background. */
  async #registerAt(
    relays: readonly RelayLink[],
    entry: ListenerEntry,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const results = await withDeadline(
      {
        clock: this.#parts.clock,
        delay: 2 * CONTROL_TIMEOUT,
        reason: () => new PeerError('ERR_PEER_TIMEOUT', 'no relay answered in time'),
        closing: this.#closing,
        signal,
      },
      (limit) => Promise.allSettled(relays.map((relay) => relay.register(entry, limit))),
    );
    if (results.some(({ status }) => status === 'fulfilled')) return;
    throw (results[0] as PromiseRejectedResult).reason;
  }

  async #stopListening(entry: ListenerEntry, relays: readonly RelayLink[]): Promise<void> {
    this.#listeners.remove(entry);
    if (this.#listeners.size === 0) {
      this.#release?.();
      this.#release = undefined;
    }
    if (this.#closing.reason === undefined) await Promise.all(relays.map((relay) => relay.withdraw(entry)));
  }

  /** A caller's path. */
  #arrive(as: string, route: PathRoute, claim: Claim): void {
    const incoming = new ListenerSession(route, {
      identity: () => this.#identities.get(as)!,
      claim,
      listeners: this.#listeners,
      parts: this.#parts,
      logger: this.#logger,
      outlive: this.#options.outlive,
      acceptor: this.#acceptor,
      onHandlerError: (protocol, error) => this.#events.emit('handlerError', { protocol, error }),
    });
    this.#incoming.set(incoming, as);
    void incoming.closed.then(() => this.#incoming.delete(incoming));
  }

  #relayLinked(url: string, linked: boolean): void {
    this.#dialler.relayLinked(url, linked);
    for (const session of this.#incoming.keys()) if (session.path.via === url) session.pathLinked(linked);
  }

  #isAwaited(as: string, peer: VerifiedPeer, protocol: string): boolean {
    for (const [session, at] of this.#incoming)
      if (at === as && session.isAwaiting(peer, protocol)) return true;
    return false;
  }

  #keepFresh(as: string, domain: string, control: ControlClient): void {
    const identity = this.#identities.get(as)!;
    if (identity.name?.split('@')[1] !== domain) return; // key peers sign for themselves
    let renewal = this.#renewals.get(as);
    if (renewal === undefined) {
      renewal = new Renewal({
        ...{ parts: this.#parts, logger: this.#logger },
        onRenewed: (renewed) => {
          this.#identities.set(as, renewed);
          this.#events.emit('renewed', { identity: renewed });
        },
        onFailed: (failed, error) => this.#events.emit('renewalFailed', { identity: failed, error }),
      });
      this.#renewals.set(as, renewal);
    }
    renewal.watch(identity, control);
  }
}

function identitiesOf({ identity, identities = [] }: PeerOptions): Map<string, Identity> {
  const all = identity === undefined ? identities : [identity, ...identities];
  if (all.length === 0) throw new PeerError('ERR_PEER_NO_IDENTITY', 'a peer needs an identity');
  const byLabel = new Map(all.map((one) => [identityLabel(one), one]));
  if (byLabel.size < all.length)
    throw new PeerError('ERR_PEER_NO_IDENTITY', 'two identities have the same name', {
      hint: 'two devices of one person are two peers',
    });
  return byLabel;
}

function relaysOf(
  { relays }: PeerOptions,
  identities: readonly Identity[],
): readonly { url: string; domain: string }[] {
  if (relays.length === 0) throw new PeerError('ERR_PEER_NO_RELAY', 'a peer needs a relay');
  const home = identities.find(({ name }) => name !== undefined)?.name?.split('@')[1];
  return relays.map((relay) => {
    const { url, domain }: RelayConfig = typeof relay === 'string' ? { url: relay } : relay;
    return { url, domain: parseDomain(domain ?? home ?? hostOf(url)) };
  });
}

function hostOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch (cause) {
    throw new PeerError('ERR_PEER_NO_RELAY', `"${url}" is no address of a relay`, { cause });
  }
}

function checkDescription(description: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they would forge lines in other people's terminals
  if (description.length > MAX_DESCRIPTION || /[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(description))
    throw new PeerError(
      'ERR_PEER_ADDRESS',
      `a description has up to ${MAX_DESCRIPTION} printable characters`,
      {
        hint: 'shorten it, and leave line breaks out',
      },
    );
  return description;
}

/** JavaScript callers too: a missing `authorize` must not mean anything but an error. */
function checkFunction<T>(value: T, name: string): T {
  if (typeof value !== 'function') throw new TypeError(`${name} is not a function`);
  return value;
}
