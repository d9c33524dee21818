/** Dialling: from an address to one channel, over a living session to that peer where there is one. */
import { toError } from '../base/errors.ts';
import {
  type Address,
  type Expected,
  formatAddress,
  type Identity,
  identityLabel,
  parseAddress,
} from '../identity/index.ts';
import { abortable, type Closing, withDeadline } from './abort.ts';
import { CallerSession } from './callerSession.ts';
import type { Channel } from './channel.ts';
import type { ControlClient } from './controlClient.ts';
import { PeerError } from './errors.ts';
import { channelFailure, notFound } from './failures.ts';
import { DIAL_TIMEOUT } from './limits.ts';
import type { OfferRow } from './messages.ts';
import type { PeerSessionOptions } from './peerSession.ts';
import type { RelayLink } from './relayLink.ts';
import { relaySource } from './relaySource.ts';
import type { PathRoute } from './route.ts';
import type { Choose, DialOptions } from './types.ts';

export interface DiallerOptions extends PeerSessionOptions {
  readonly relays: readonly RelayLink[];
  /** Keeps the process alive, until the returned function is called. */
  readonly hold?: (() => () => void) | undefined;
}

interface Dial {
  readonly identity: Identity;
  /** Label of the identity that calls. */
  readonly from: string;
  /** `bob@example.org` or `key:…`. */
  readonly to: string;
  readonly protocol: string;
  readonly expected: Expected;
  readonly choose: Choose | undefined;
  readonly signal: AbortSignal;
  readonly timeout: number;
}

export class Dialler {
  readonly #options: DiallerOptions;
  /** By caller, relay and the relay's number of the listener: one path for all channels to one device. */
  readonly #sessions = new Map<string, Promise<CallerSession>>();
  /** All of them, those that wait for a path and were replaced among them. */
  readonly #open = new Set<CallerSession>();
  /** By caller and callee: the session last used, for dials that do not choose. */
  readonly #latest = new Map<string, CallerSession>();
  /** By caller, callee and protocol: the dial that asks the directory now. Others wait for how it ends. */
  readonly #asking = new Map<string, Promise<Error | undefined>>();

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  async dial(text: string, identity: Identity, options: DialOptions, closing: Closing): Promise<Channel> {
    const address = parseAddress(text);
    if (address.protocol === undefined)
      throw new PeerError('ERR_PEER_ADDRESS', `"${text}" names nobody's protocol`);
    const { protocol, ...who } = address;
    const to = formatAddress(who as Address);
    const { timeout = DIAL_TIMEOUT, choose } = options;
    const reason = (): Error =>
      new PeerError('ERR_PEER_TIMEOUT', `${to}/${protocol} did not answer within ${timeout} ms`);
    const { clock } = this.#options.parts;
    const limit = { clock, delay: timeout, reason, closing, signal: options.signal };
    return withDeadline(limit, (signal) => {
      const dial: Dial = {
        ...{ identity, to, protocol, choose, signal, timeout },
        from: identityLabel(identity),
        expected: address.kind === 'name' ? { kind: 'name', name: to } : { kind: 'key', id: address.id },
      };
      return choose === undefined ? this.#dialAny(dial, address) : this.#dialFresh(dial, address);
    });
  }

  /** No choice to make: a living session to that peer will do. */
  async #dialAny(dial: Dial, address: Address): Promise<Channel> {
    const pair = `${dial.from} ${dial.to}`;
    const service = `${pair} ${dial.protocol}`;
    const asking = this.#asking.get(service);
    const failure = asking && (await abortable(asking, dial.signal));
    if (failure instanceof PeerError && failure.code === 'ERR_PEER_NOT_FOUND') throw failure;
    const session = this.#latest.get(pair);
    if (session?.alive) {
      const channel = await this.#tryLiving(session, dial);
      if (channel !== undefined) return channel;
    }
    const fresh = this.#dialFresh(dial, address);
    if (!this.#asking.has(service)) {
      const outcome = fresh.then(() => undefined, toError);
      this.#asking.set(service, outcome);
      void outcome.then(() => this.#asking.delete(service));
    }
    return fresh;
  }

  /** Undefined when another device, or another path, may do better. */
  async #tryLiving(session: CallerSession, dial: Dial): Promise<Channel | undefined> {
    const linked = session.relinked().then(
      () => true,
      () => false, // a fresh look-up says why
    );
    if (!(await abortable(linked, dial.signal))) return undefined;
    try {
      return await session.open(dial);
    } catch (error) {
      const again = error instanceof PeerError && AGAIN.has(error.code);
      if (!again || dial.signal.aborted) throw error;
      return undefined;
    }
  }

  /** Asks the relays, in order, until one knows the peer. */
  async #dialFresh(dial: Dial, address: Address): Promise<Channel> {
    const relays = this.#relaysFor(address);
    let failure: unknown;
    for (const relay of relays) {
      try {
        return await this.#dialAt(relay, dial);
      } catch (error) {
        dial.signal.throwIfAborted();
        const elsewhere = error instanceof PeerError && AGAIN.has(error.code);
        if (!elsewhere) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** A name is looked up at its own domain; a key can be anywhere. */
  #relaysFor(address: Address): readonly RelayLink[] {
    const { relays } = this.#options;
    if (address.kind === 'key') return relays;
    const home = relays.filter(({ domain }) => domain === address.domain);
    if (home.length === 0)
      throw new PeerError('ERR_PEER_NO_RELAY', `no relay of the domain ${address.domain} is configured`);
    return home;
  }

  async #dialAt(relay: RelayLink, dial: Dial): Promise<Channel> {
    const { from, to, protocol, choose, signal } = dial;
    const control = await relay.control(from, signal);
    const offers = await control.dial(to, protocol, { first: choose === undefined, signal });
    const chosen = await pick(offers, choose, signal);
    if (chosen === undefined) throw notFound(`${to}/${protocol}`);
    const session = await this.#sessionTo(relay, control, chosen, dial);
    const channel = await session.open(dial);
    this.#latest.set(`${from} ${to}`, session);
    return channel;
  }

  /** One session per caller and device: concurrent dials share it. */
  async #sessionTo(
    relay: RelayLink,
    control: ControlClient,
    { offer, node }: OfferRow,
    dial: Dial,
  ): Promise<CallerSession> {
    const key = `${dial.from} ${relay.url} ${node}`;
    const existing = await this.#sessions.get(key)?.catch(() => undefined);
    if (existing?.alive && !existing.isWaiting) return existing;
    const making = this.#makeSession(relay, control, offer, dial);
    this.#sessions.set(key, making);
    const forget = (): void => {
      if (this.#sessions.get(key) === making) this.#sessions.delete(key);
    };
    making.then((session) => {
      this.#open.add(session);
      void session.closed.then(() => {
        forget();
        this.#open.delete(session);
        for (const [pair, latest] of this.#latest) if (latest === session) this.#latest.delete(pair);
      });
    }, forget);
    return making;
  }

  async #makeSession(
    relay: RelayLink,
    control: ControlClient,
    offer: number,
    dial: Dial,
  ): Promise<CallerSession> {
    const token = await control.connect(offer, `${dial.to}/${dial.protocol}`, dial.signal);
    try {
      const route: PathRoute = { link: control.openPath(token), path: { kind: 'relayed', via: relay.url } };
      const { parts, logger, outlive, hold } = this.#options;
      const { from, to } = dial;
      const relays = this.#relaysFor(parseAddress(to));
      return new CallerSession(route, {
        ...{ parts, logger, outlive, hold },
        sources: (who) => relays.map((one) => relaySource(one, { from, to, ...who })),
      });
    } catch (error) {
      throw channelFailure(error, dial.to);
    }
  }

  /** The link to a relay is lost and may come back, or has done so. */
  relayLinked(url: string, linked: boolean): void {
    for (const session of this.#open) if (session.path.via === url) session.pathLinked(linked);
  }

  destroy(cause: Error): void {
    for (const session of this.#sessions.values())
      session.then(
        (open) => open.destroy(cause),
        () => {},
      );
    for (const session of this.#open) session.destroy(cause);
    this.#sessions.clear();
    this.#latest.clear();
  }
}

/** Failures after which another relay, or a fresh look-up, may still succeed. */
const AGAIN: ReadonlySet<string> = new Set([
  'ERR_PEER_NOT_FOUND',
  'ERR_PEER_UNREACHABLE',
  'ERR_PEER_TIMEOUT',
]);

/** The offer that the application picks. What it is shown are copies; what it gives back must be one of them. */
async function pick(
  offers: readonly OfferRow[],
  choose: Choose | undefined,
  signal: AbortSignal,
): Promise<OfferRow | undefined> {
  if (choose === undefined) return offers[0];
  const shown = offers.map(({ description, keyId }) => Object.freeze({ description, keyId }));
  const chosen = await abortable(Promise.resolve(choose(shown)), signal);
  return chosen === undefined ? undefined : offers[shown.indexOf(chosen)];
}
