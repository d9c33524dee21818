/** One identity's control channel at one relay: requests out, questions in. docs/protocol.md §4. */
import { EMPTY } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Q2qError } from '../base/errors.ts';
import { type Identity, identityLabel } from '../identity/index.ts';
import { RESUME_LABEL, RESUME_SECRET_LENGTH } from '../mux/index.ts';
import type { Link } from '../transport/link.ts';
import { type ContextParts, controlContext } from './contexts.ts';
import { ControlStream } from './controlStream.ts';
import { PeerError } from './errors.ts';
import { controlFailure, requestFailure } from './failures.ts';
import { CONTROL_TIMEOUT } from './limits.ts';
import type { DeviceRow, OfferRow, ToPeer, ToRelay } from './messages.ts';
import { CONTROL_CHANNEL, PATH_CHANNEL, SOFTWARE } from './names.ts';
import { secure } from './secure.ts';
import type { SecureLink } from './secureLink.ts';
import type { Session } from './session.ts';

export interface ControlEvents {
  /** Somebody asks; the promise decides. It must settle, and not reject. */
  incoming(question: Extract<ToPeer, { type: 'incoming' }>): Promise<boolean>;
  /** Who asked under this id comes now. */
  path(incoming: number, token: Uint8Array): void;
  /** The domain's newest bundle, as it came. */
  bundle(bundle: Uint8Array): void;
}

export interface ControlOptions {
  readonly identity: Identity;
  readonly domain: string;
  readonly url: string;
  readonly instance: Uint8Array;
  readonly parts: ContextParts;
  readonly events: ControlEvents;
  readonly signal: AbortSignal;
}

/** Omit over a union, member by member. */
type Request<M = ToRelay> = M extends { readonly id: number } ? Omit<M, 'id'> : never;

interface Pending {
  readonly about: string;
  readonly answer: Deferred<ToPeer>;
}

export class ControlClient {
  /** Settles when the channel is gone, with the reason unless we closed it. */
  readonly closed: Promise<Error | undefined>;
  readonly #options: ControlOptions;
  readonly #session: Session;
  readonly #stream: ControlStream<'peer'>;
  readonly #welcome: Deferred<Extract<ToPeer, { type: 'welcome' }>> = deferred();
  readonly #closed: Deferred<Error | undefined> = deferred();
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #over = false;

  private constructor(link: SecureLink, session: Session, options: ControlOptions) {
    this.#session = session;
    this.#options = options;
    this.closed = this.#closed.promise;
    this.#welcome.promise.catch(() => {});
    this.#stream = new ControlStream(link, 'peer', {
      message: (message) => this.#message(message),
      closed: (error) => this.#gone(error),
    });
  }

  /** Resolves when the relay has proved its domain, admitted us and said welcome. Rejects with a PeerError. */
  static async open(session: Session, options: ControlOptions): Promise<ControlClient> {
    const { identity, domain, url, instance, parts, signal } = options;
    if (parts.trust.anchorsFor(domain) === undefined)
      throw new PeerError('ERR_PEER_NO_TRUST', `no root is held for the domain ${domain} of ${url}`);
    checkDates(identity, parts.clock);
    try {
      const link = await secure(session.open(CONTROL_CHANNEL), controlContext(identity, domain, parts), {
        serverName: domain,
        signal,
        timeout: CONTROL_TIMEOUT,
        clock: parts.clock,
      });
      const client = new ControlClient(link, session, options);
      client.#stream.send({ type: 'hello', instance, software: SOFTWARE });
      await client.#welcomed(signal);
      session.arm(link.exportKey(RESUME_LABEL, EMPTY, RESUME_SECRET_LENGTH)); // the relay has done so, too
      return client;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw controlFailure(error, domain, url);
    }
  }

  async #welcomed(signal: AbortSignal): Promise<void> {
    const { parts, url } = this.#options;
    const give = (reason: unknown): void => {
      this.#welcome.reject(reason);
      this.#stream.reset('timeout');
    };
    const onAbort = (): void => give(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const cancel = parts.clock.after(CONTROL_TIMEOUT, () =>
      give(new PeerError('ERR_PEER_TIMEOUT', `${url} did not say welcome`)),
    );
    try {
      await this.#welcome.promise;
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** It is gone for good. */
  get isOver(): boolean {
    return this.#over;
  }

  /** The session has a link, or gets one now. Rejects when that fails; a later attempt may not. */
  relinked(): Promise<void> {
    return this.#session.relinked();
  }

  async listen(protocol: string, description: string): Promise<number> {
    const request = { type: 'listen', protocols: [protocol], description } as const;
    return (await this.#ask(request, 'listening', protocol)).listener;
  }

  async unlisten(listener: number): Promise<void> {
    await this.#ask({ type: 'unlisten', listener }, 'done', 'unlisten');
  }

  /** Who would answer. Rejects with `ERR_PEER_NOT_FOUND` when nobody would. */
  async dial(
    to: string,
    protocol: string,
    options: { readonly first: boolean; readonly signal: AbortSignal },
  ): Promise<readonly OfferRow[]> {
    const { first, signal } = options;
    const id = this.#nextId;
    const cancel = (): void => this.#stream.send({ type: 'cancel', id });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const request = { type: 'dial', to, protocol, first } as const;
      return (await this.#ask(request, 'offers', `${to}/${protocol}`, signal)).offers;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async connect(offer: number, about: string, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#ask({ type: 'connect', offer }, 'token', about, signal)).token;
  }

  /** A path channel with a token that this control channel brought: it is good on this link only. */
  openPath(token: Uint8Array): Link {
    return this.#session.open(PATH_CHANNEL, [token]);
  }

  /** A new chain for our name and key. */
  async renew(): Promise<readonly Uint8Array[]> {
    const about = `renewal of ${identityLabel(this.#options.identity)}`;
    return (await this.#ask({ type: 'renew' }, 'certificate', about)).chain;
  }

  async devices(signal?: AbortSignal): Promise<readonly DeviceRow[]> {
    return (await this.#ask({ type: 'devices' }, 'device_list', 'devices', signal)).devices;
  }

  async revoke(keyId: string, signal?: AbortSignal): Promise<void> {
    await this.#ask({ type: 'revoke', keyId }, 'done', `the device ${keyId}`, signal);
  }

  async userCa(csr: Uint8Array, signal?: AbortSignal): Promise<readonly Uint8Array[]> {
    return (await this.#ask({ type: 'user_ca', csr }, 'certificate', 'user CA', signal)).chain;
  }

  async adopt(chain: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    await this.#ask({ type: 'adopt', chain }, 'done', 'the device', signal);
  }

  close(): void {
    this.#stream.close();
    this.#gone(undefined);
  }

  async #ask<T extends ToPeer['type']>(
    request: Request,
    wanted: T,
    about: string,
    signal?: AbortSignal,
  ): Promise<Extract<ToPeer, { type: T }>> {
    if (this.#over) throw this.#lost();
    signal?.throwIfAborted();
    const id = this.#nextId++;
    const pending: Pending = { about, answer: deferred() };
    this.#pending.set(id, pending);
    const onAbort = (): void => {
      this.#pending.delete(id);
      pending.answer.reject(signal!.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#stream.send({ ...request, id } as ToRelay);
      const answer = await pending.answer.promise;
      if (answer.type !== wanted) {
        const error = new PeerError(
          'ERR_PEER_PROTOCOL',
          `the relay answered "${answer.type}", wanted "${wanted}"`,
        );
        this.#stream.fail(error, 'protocol');
        throw error;
      }
      return answer as Extract<ToPeer, { type: T }>;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #message(message: ToPeer): void {
    switch (message.type) {
      case 'welcome':
        this.#welcome.resolve(message);
        break;
      case 'incoming':
        void this.#options.events.incoming(message).then((allow) => {
          if (!this.#over) this.#stream.send({ type: 'answer', id: message.id, allow });
        });
        break;
      case 'path':
        this.#options.events.path(message.id, message.token);
        break;
      case 'bundle':
        this.#options.events.bundle(message.bundle);
        break;
      default:
        this.#settle(message);
    }
  }

  /** An answer to nothing we wait for: to a dial that was given up. */
  #settle(message: Exclude<ToPeer, { type: 'welcome' | 'incoming' | 'path' | 'bundle' }>): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    if (message.type === 'failed') pending.answer.reject(requestFailure(message.code, pending.about));
    else pending.answer.resolve(message);
  }

  #gone(error: Q2qError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    const reason =
      error === undefined ? undefined : controlFailure(error, this.#options.domain, this.#options.url);
    this.#welcome.reject(reason ?? this.#lost());
    for (const { answer } of this.#pending.values()) answer.reject(reason ?? this.#lost());
    this.#pending.clear();
    this.#closed.resolve(reason);
  }

  #lost(): PeerError {
    return new PeerError('ERR_PEER_UNREACHABLE', `the control channel to ${this.#options.url} is closed`);
  }
}

function checkDates(identity: Identity, clock: Clock): void {
  if (clock.now() < identity.notAfter) return;
  const since = new Date(identity.notAfter).toISOString();
  throw new PeerError(
    'ERR_PEER_NOT_ENROLLED',
    `the certificate of ${identityLabel(identity)} expired at ${since}`,
    {
      hint:
        identity.name === undefined ? 'make a new one from the same key' : 'enrol again with a new invite',
    },
  );
}
