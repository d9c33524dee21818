/**
 * One relay, as a peer sees it: one link and session for all identities, one control channel for each, made when they are
 * needed and made again while somebody listens.
 */
import type { Clock } from '../base/clock.ts';
import { toError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Identity, VerifiedPeer } from '../identity/index.ts';
import type { Link } from '../transport/link.ts';
import { abortable, Closing, type Deadline, withDeadline } from './abort.ts';
import { CLOSE_CODES } from './codes.ts';
import type { ContextParts } from './contexts.ts';
import { ControlClient } from './controlClient.ts';
import { PeerError } from './errors.ts';
import { BACKOFF_FIRST, BACKOFF_LAST, CONTROL_TIMEOUT, RESOLVE_TIMEOUT } from './limits.ts';
import type { Claim } from './listenerSession.ts';
import type { ListenerEntry, Listeners } from './listeners.ts';
import { Questions, type QuestionsOptions } from './questions.ts';
import { Session } from './session.ts';
import type { TrustFinder } from './trustFinder.ts';
import type { Connect, PeerEvents } from './types.ts';

export interface RelayLinkOptions {
  readonly url: string;
  readonly domain: string;
  readonly connect: Connect;
  readonly instance: Uint8Array;
  readonly parts: ContextParts;
  readonly logger: Logger;
  readonly listeners: Listeners;
  /** The identity of that label as it is now: renewal replaces it. */
  readonly identityOf: (label: string) => Identity;
  readonly finder: TrustFinder;
  /** A caller comes, over this path. */
  readonly onPath: (as: string, path: Link, claim: Claim) => void;
  /** See `Questions`. */
  readonly isAwaited: (as: string, peer: VerifiedPeer, protocol: string) => boolean;
  /** The link is lost and may come back, or has done so: paths over it stand still meanwhile. */
  readonly onLinked: (linked: boolean) => void;
  readonly onControl: (as: string, control: ControlClient) => void;
  readonly onBundle: (bundle: Uint8Array) => void;
  readonly onState: (state: PeerEvents['relay']) => void;
  /** Keeps the process alive, until the returned function is called. */
  readonly hold?: (() => () => void) | undefined;
}

type Registrations = Map<ListenerEntry, Promise<number>>;

export class RelayLink {
  readonly url: string;
  readonly domain: string;
  readonly #options: RelayLinkOptions;
  readonly #clock: Clock;
  readonly #closing = new Closing();
  #session: Promise<Session> | undefined;
  readonly #controls = new Map<string, Promise<ControlClient>>();
  readonly #registrations = new WeakMap<ControlClient, Registrations>();
  readonly #retries = new Map<string, { attempt: number; cancel: () => void }>();

  constructor(options: RelayLinkOptions) {
    this.#options = options;
    this.#clock = options.parts.clock;
    this.url = options.url;
    this.domain = options.domain;
  }

  /** The live control channel of that identity, opened now if there is none. Concurrent callers share it. */
  control(as: string, signal: AbortSignal): Promise<ControlClient> {
    return abortable(this.#linkedControl(as), signal);
  }

  /** A session that lost its link tries for another at once when somebody wants to use it, and says so when there is none. */
  async #linkedControl(as: string): Promise<ControlClient> {
    const opening = this.#control(as);
    const control = await opening;
    try {
      await control.relinked();
      return control;
    } catch (error) {
      const cause = toError(error);
      if (!control.isOver)
        throw new PeerError('ERR_PEER_UNREACHABLE', `${this.url} cannot be reached: ${cause.message}`, {
          cause,
        });
      await control.closed;
      await opening; // by now `#down` has forgotten it
      return this.#control(as);
    }
  }

  #control(as: string): Promise<ControlClient> {
    let control = this.#controls.get(as);
    if (control === undefined) {
      const opening = (control = this.#openControl(as));
      this.#controls.set(as, opening);
      opening.catch(() => {
        if (this.#controls.get(as) === opening) this.#controls.delete(as);
      });
    }
    return control;
  }

  /** Tells the relay that we listen; again after every reconnect, until `withdraw`. */
  async register(entry: ListenerEntry, signal: AbortSignal): Promise<void> {
    const control = await this.control(entry.as, signal);
    await abortable(this.#registered(control, entry), signal);
  }

  async withdraw(entry: ListenerEntry): Promise<void> {
    const control = await this.#controls.get(entry.as)?.catch(() => undefined);
    const registered = control && this.#registrations.get(control);
    const listener = await registered?.get(entry)?.catch(() => undefined);
    registered?.delete(entry);
    if (listener !== undefined) await control!.unlisten(listener).catch(() => {});
  }

  /** Ends the link and everything on it. */
  async close(): Promise<void> {
    this.#closing.close(new PeerError('ERR_PEER_CLOSED', 'the peer was closed'));
    for (const { cancel } of this.#retries.values()) cancel();
    this.#retries.clear();
    const session = await this.#session?.catch(() => undefined);
    if (session === undefined) return;
    for (const control of this.#controls.values())
      await control.then(
        (open) => open.close(),
        () => {},
      );
    const { clock } = this.#options.parts;
    const cancel = clock.after(CLOSE_GRACE, () => session.destroy(this.#closing.reason));
    await session.close();
    cancel();
  }

  #connected(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    const forget = (): void => {
      if (this.#session === connecting) this.#session = undefined;
    };
    const connecting = this.#connect(forget);
    this.#session = connecting;
    connecting.catch(forget);
    return connecting;
  }

  async #connect(forget: () => void): Promise<Session> {
    const { connect, parts, logger } = this.#options;
    const link = await withDeadline(this.#limit(), (signal) => this.#dialled(connect, signal));
    const session = new Session(link, {
      clock: this.#clock,
      random: (length) => parts.provider.random(length),
      logger,
      resume: {
        hmac: (key, ...data) => parts.provider.hmac('sha256', key, ...data),
        connect: async (signal) => ({ link: await this.#dialled(connect, signal) }),
        hold: this.#options.hold,
        watch: {
          suspended: () => this.#options.onLinked(false),
          resumed: () => this.#options.onLinked(true),
        },
      },
    });
    session.onIncoming((incoming) => incoming.refuse(CLOSE_CODES.protocol)); // a relay opens nothing
    session.onGoaway((_code, reason) => {
      logger.log('info', 'the relay goes away', { url: this.url, reason });
      forget(); // new channels need a new link; those that run go on
    });
    void session.closed.then(forget);
    return session;
  }

  async #dialled(connect: Connect, signal: AbortSignal): Promise<Link> {
    try {
      return await connect(this.url, { signal });
    } catch (error) {
      if (error instanceof PeerError) throw error;
      const cause = toError(error);
      throw new PeerError('ERR_PEER_UNREACHABLE', `${this.url} cannot be reached: ${cause.message}`, {
        cause,
      });
    }
  }

  async #openControl(as: string): Promise<ControlClient> {
    this.#closing.throwIfClosed();
    const { identityOf, instance, parts, logger, listeners, onControl, finder } = this.#options;
    const session = await this.#connected();
    const isAwaited: QuestionsOptions['isAwaited'] = (peer, protocol) =>
      this.#options.isAwaited(as, peer, protocol);
    const questions = new Questions({ as, listeners, parts, logger, isAwaited });
    const open = (): Promise<ControlClient> =>
      withDeadline(this.#limit(), (signal) =>
        ControlClient.open(session, {
          ...{ identity: identityOf(as), domain: this.domain, url: this.url, instance, parts, signal },
          events: {
            incoming: (question) => questions.ask(question),
            path: (incoming, token) => this.#path(as, control, questions.take(incoming), token),
            bundle: this.#options.onBundle,
          },
        }),
      );
    const control = await finder.meet(this.domain, this.#limit(RESOLVE_TIMEOUT), open);
    this.#registrations.set(control, new Map());
    void control.closed.then((reason) => this.#down(as, control, reason));
    for (const entry of listeners.of(as))
      await this.#registered(control, entry).catch((error: unknown) =>
        logger.log('error', 'cannot listen', { protocol: entry.protocol, error }),
      );
    this.#retries.delete(as);
    onControl(as, control);
    this.#state('up', as);
    return control;
  }

  #registered(control: ControlClient, entry: ListenerEntry): Promise<number> {
    const registrations = this.#registrations.get(control)!;
    let registration = registrations.get(entry);
    if (registration === undefined) {
      registration = control.listen(entry.protocol, entry.description);
      registrations.set(entry, registration);
      registration.catch(() => registrations.delete(entry));
    }
    return registration;
  }

  #path(as: string, control: ControlClient, claim: Claim | undefined, token: Uint8Array): void {
    if (claim === undefined) return; // nothing was granted, or too long ago: the token runs out
    try {
      this.#options.onPath(as, control.openPath(token), claim);
    } catch (error) {
      this.#options.logger.log('warn', 'no path for a caller', { error });
    }
  }

  #down(as: string, control: ControlClient, reason: Error | undefined): void {
    const held = this.#controls.get(as);
    void held?.then((current) => {
      if (current !== control || this.#controls.get(as) !== held) return;
      this.#controls.delete(as);
      this.#state('down', as, reason);
      this.#retryLater(as);
    });
  }

  /** As long as somebody listens. A dial does not wait for this: it connects at once. */
  #retryLater(as: string): void {
    if (this.#closing.reason !== undefined || this.#options.listeners.of(as).length === 0) return;
    const attempt = (this.#retries.get(as)?.attempt ?? -1) + 1;
    const pause = Math.min(BACKOFF_LAST, BACKOFF_FIRST * 2 ** attempt);
    const [byte] = this.#options.parts.provider.random(1);
    const cancel = this.#clock.after(pause * (0.5 + byte! / 256), () => {
      this.#control(as).catch((error: unknown) => {
        this.#options.logger.log('info', 'reconnecting failed', { url: this.url, error });
        this.#retryLater(as);
      });
    });
    this.#retries.set(as, { attempt, cancel });
  }

  #limit(delay: number = CONTROL_TIMEOUT): Deadline {
    return {
      clock: this.#clock,
      delay,
      reason: () => new PeerError('ERR_PEER_TIMEOUT', `${this.url} did not answer in time`),
      closing: this.#closing,
    };
  }

  #state(state: 'up' | 'down', identity: string, error?: Error): void {
    this.#options.onState({
      url: this.url,
      domain: this.domain,
      state,
      identity,
      ...(error !== undefined && { error }),
    });
  }
}

/** Milliseconds that channels may take to end when the peer is closed. */
const CLOSE_GRACE = 500;
