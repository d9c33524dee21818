/**
 * The relay's mind, without hands: who is present, who may meet whom. No IO, no clock, no randomness of its own; the driver
 * (`relay.ts`) feeds it what happens and carries out its actions. Messages: docs/protocol.md §4.
 */
import type { Bytes } from '../base/bytes.ts';
import { isReservedProtocol } from '../identity/index.ts';
import type { CloseCodeName } from '../peer/codes.ts';
import type { FailureCode, ToPeer, ToRelay } from '../peer/messages.ts';
import { type Admitted, addressOf, Client } from './client.ts';
import { IdentityCounts } from './counts.ts';
import { type Allowed, Dials } from './dials.ts';
import type { RelayLimits } from './limits.ts';
import { Presence } from './presence.ts';
import { Rendezvous } from './rendezvous.ts';
import { Timers } from './timers.ts';

export type CoreAction =
  | { readonly type: 'send'; readonly client: number; readonly message: ToPeer }
  /** Reset the control channel; the core has forgotten it already. */
  | { readonly type: 'close'; readonly client: number; readonly code: CloseCodeName; readonly reason: string }
  | { readonly type: 'closeLink'; readonly link: number; readonly code: CloseCodeName }
  | {
      readonly type: 'splice';
      readonly meeting: number;
      readonly caller: number;
      readonly listener: number;
      readonly from: string;
      readonly to: string;
      /** The two ends' control channels. */
      readonly clients: readonly [number, number];
    }
  | { readonly type: 'refusePath'; readonly path: number; readonly code: CloseCodeName }
  /** A question for the domain; answer with `answer`, or with `renewed` where it is that. */
  | { readonly type: 'ask'; readonly client: number; readonly question: DomainQuestion };

/** What the domain decides, not the relay. */
export type DomainQuestion = Extract<
  ToRelay,
  { readonly type: 'renew' | 'devices' | 'revoke' | 'user_ca' | 'adopt' }
>;

export interface CoreStats {
  readonly controls: number;
  readonly services: number;
  readonly tokens: number;
  readonly paths: number;
  /** Those whose limits are remembered: present, or gone a moment ago. */
  readonly identities: number;
}

export class RelayCore {
  readonly #domain: string;
  readonly #limits: RelayLimits;
  readonly #timers = new Timers();
  readonly #presence = new Presence();
  readonly #counts: IdentityCounts;
  readonly #dials: Dials;
  readonly #rendezvous: Rendezvous;
  readonly #clients = new Map<number, Client>();
  readonly #instances = new Map<string, Client>();
  readonly #badTokens = new Map<number, number>();
  #actions: CoreAction[] = [];
  #nextClient = 1;

  constructor(options: { domain: string; limits: RelayLimits; random: (length: number) => Bytes }) {
    this.#domain = options.domain;
    this.#limits = options.limits;
    this.#counts = new IdentityCounts(options.limits, this.#timers);
    this.#dials = new Dials(options.limits, this.#timers, {
      send: (client, message) => this.#send(client, message),
      offers: (caller, id, allowed, now) => this.#offer(caller, id, allowed, now),
    });
    this.#rendezvous = new Rendezvous(options.limits, this.#timers, this.#counts, options.random, {
      splice: (meeting) =>
        this.#actions.push({
          type: 'splice',
          meeting: meeting.id,
          caller: meeting.callerPath!,
          listener: meeting.listenerPath!,
          from: meeting.caller.address,
          to: meeting.listener.address,
          clients: [meeting.caller.id, meeting.listener.id],
        }),
      abandon: (path) => this.#actions.push({ type: 'refusePath', path, code: 'timeout' }),
    });
  }

  next(): CoreAction | undefined {
    return this.#actions.shift();
  }

  deadline(): number | undefined {
    return this.#timers.deadline();
  }

  tick(now: number): void {
    this.#timers.tick(now);
  }

  stats(): CoreStats {
    return {
      controls: this.#clients.size,
      services: this.#presence.size,
      tokens: this.#rendezvous.waiting,
      paths: this.#rendezvous.meetings,
      identities: this.#counts.size,
    };
  }

  /** A control channel whose TLS has verified. Its number is the driver's handle; undefined: this identity has too many. */
  connect(who: Admitted, now: number): number | undefined {
    const count = this.#counts.enter(addressOf(who), now);
    if (count === undefined) return undefined;
    const client = new Client(this.#nextClient++, who, count, this.#limits, now);
    this.#clients.set(client.id, client);
    this.#expireAt(client, who.expiresAt);
    return client.id;
  }

  disconnect(id: number, now: number): void {
    const client = this.#clients.get(id);
    if (client !== undefined) this.#forget(client, now);
  }

  message(id: number, message: ToRelay, now: number): void {
    const client = this.#clients.get(id);
    if (client === undefined) return; // closed a moment ago; what it still sends is nobody's
    if (!client.maySay(message, now)) {
      this.#close(client, 'busy', 'too many messages', now);
      return;
    }
    if ((message.type === 'hello') !== (client.instance === undefined)) {
      this.#close(client, 'protocol', `"${message.type}" out of turn`, now);
      return;
    }
    switch (message.type) {
      case 'hello':
        this.#hello(client, message.instance, now);
        break;
      case 'listen':
        this.#listen(client, message);
        break;
      case 'unlisten':
        this.#unlisten(client, message, now);
        break;
      case 'dial':
        this.#dial(client, message, now);
        break;
      case 'cancel':
        this.#dials.cancel(client, message.id);
        break;
      case 'connect':
        this.#connectOffer(client, message, now);
        break;
      case 'answer':
        this.#dials.answer(client, message.id, message.allow, now);
        break;
      case 'renew':
      case 'devices':
      case 'revoke':
      case 'user_ca':
      case 'adopt':
        if (client.count.domainBucket.take(now))
          this.#actions.push({ type: 'ask', client: id, question: message });
        else this.#fail(client, message.id, 'busy');
        break;
      case 'enrol':
      case 'login':
        this.#close(client, 'protocol', 'enrolment on a control channel', now);
    }
  }

  /** The domain's answer to `renew`: a chain and its end, or why not. */
  renewed(
    client: number,
    id: number,
    answer: { chain: readonly Uint8Array[]; expiresAt: number } | FailureCode,
  ): void {
    const known = this.#clients.get(client);
    if (known === undefined) return;
    if (typeof answer === 'string') this.#fail(known, id, answer);
    else {
      known.chain = answer.chain;
      this.#expireAt(known, answer.expiresAt);
      this.#send(known, { type: 'certificate', id, chain: answer.chain });
    }
  }

  /** The domain's answer to any other question. */
  answer(client: number, message: ToPeer): void {
    const known = this.#clients.get(client);
    if (known !== undefined) this.#send(known, message);
  }

  /** The domain has withdrawn what this client stands on. */
  evict(client: number, reason: string, now: number): void {
    const known = this.#clients.get(client);
    if (known !== undefined) this.#close(known, 'revoked', reason, now);
  }

  /** A "path" channel was opened with this token. */
  path(link: number, path: number, token: Uint8Array | undefined): void {
    if (token !== undefined && this.#rendezvous.arrive(link, path, token)) return;
    this.#actions.push({ type: 'refusePath', path, code: 'token' });
    const bad = (this.#badTokens.get(link) ?? 0) + 1;
    this.#badTokens.set(link, bad);
    if (bad >= this.#limits.badTokensPerLink) this.#actions.push({ type: 'closeLink', link, code: 'token' });
  }

  /** A path channel ended before it was spliced. */
  pathGone(path: number, now: number): void {
    this.#rendezvous.leave(path, now);
  }

  spliceEnded(meeting: number, now: number): void {
    this.#rendezvous.end(meeting, now);
  }

  linkGone(link: number): void {
    this.#badTokens.delete(link);
  }

  #hello(client: Client, instance: Uint8Array, now: number): void {
    const claim = client.claim(instance);
    const older = this.#instances.get(claim);
    this.#instances.set(claim, client);
    if (older !== undefined) this.#close(older, 'superseded', 'the same instance connected again', now);
    this.#send(client, {
      type: 'welcome',
      domain: this.#domain,
      address: client.address,
      observed: client.who.observed,
    });
  }

  #listen(client: Client, message: Extract<ToRelay, { type: 'listen' }>): void {
    const { id, protocols, description } = message;
    if (protocols.some((name) => isReservedProtocol(name) || name.includes(' '))) {
      this.#fail(client, id, 'invalid');
    } else if (client.protocols + protocols.length > this.#limits.listensPerControl) {
      this.#fail(client, id, 'busy');
    } else {
      const listener = { id: client.nextNumber(), client, protocols, description };
      this.#presence.add(listener);
      this.#send(client, { type: 'listening', id, listener: listener.id });
    }
  }

  #unlisten(client: Client, message: Extract<ToRelay, { type: 'unlisten' }>, now: number): void {
    const listener = client.listeners.get(message.listener);
    if (listener !== undefined) {
      this.#presence.remove(listener);
      this.#dials.withdraw(listener, now);
    }
    this.#send(client, { type: 'done', id: message.id });
  }

  #dial(client: Client, message: Extract<ToRelay, { type: 'dial' }>, now: number): void {
    const { id, to, protocol } = message;
    if (this.#dials.has(client, id)) {
      this.#close(client, 'protocol', 'dial id used twice', now);
    } else if (client.dials >= this.#limits.dialsPerControl || !client.count.dialBucket.take(now)) {
      this.#fail(client, id, 'busy');
    } else {
      const listeners = this.#presence.find(to, protocol, this.#limits.listenersPerDial);
      this.#dials.begin(client, message, listeners, now);
    }
  }

  #offer(caller: Client, id: number, allowed: readonly Allowed[], now: number): void {
    const { offersPerControl, offersPerIdentity, offerLifetime } = this.#limits;
    const { length } = allowed;
    if (caller.offers + length > offersPerControl || caller.count.offers + length > offersPerIdentity) {
      this.#fail(caller, id, 'busy');
      return;
    }
    const offers = allowed.map(({ listener, incoming }) => {
      const offer = caller.nextNumber();
      const timer = this.#timers.set(now + offerLifetime, () => caller.takeOffer(offer));
      caller.putOffer(offer, { listener: listener.client, incoming, timer });
      const { client, description } = listener;
      return { offer, description, keyId: client.who.keyId, node: client.id };
    });
    this.#send(caller, { type: 'offers', id, offers });
  }

  #connectOffer(caller: Client, message: Extract<ToRelay, { type: 'connect' }>, now: number): void {
    const { id } = message;
    const offer = caller.takeOffer(message.offer);
    this.#timers.cancel(offer?.timer);
    if (offer === undefined || !this.#clients.has(offer.listener.id)) {
      this.#fail(caller, id, 'not_found');
      return;
    }
    const tokens = this.#rendezvous.arrange(caller, offer.listener, now);
    if (tokens === undefined) this.#fail(caller, id, 'busy');
    else {
      this.#send(offer.listener, { type: 'path', id: offer.incoming, token: tokens.listener });
      this.#send(caller, { type: 'token', id, token: tokens.caller });
    }
  }

  #expireAt(client: Client, at: number): void {
    this.#timers.cancel(client.expiry);
    client.expiry = this.#timers.set(at, (now) =>
      this.#close(client, 'expired', 'the certificate ran out', now),
    );
  }

  #send(client: Client, message: ToPeer): void {
    this.#actions.push({ type: 'send', client: client.id, message });
  }

  #fail(client: Client, id: number, code: FailureCode): void {
    this.#send(client, { type: 'failed', id, code });
  }

  #close(client: Client, code: CloseCodeName, reason: string, now: number): void {
    this.#forget(client, now);
    this.#actions.push({ type: 'close', client: client.id, code, reason });
  }

  #forget(client: Client, now: number): void {
    if (!this.#clients.delete(client.id)) return;
    this.#timers.cancel(client.expiry);
    if (client.instance !== undefined && this.#instances.get(client.instance) === client)
      this.#instances.delete(client.instance);
    for (const offer of client.takeOffers()) this.#timers.cancel(offer.timer);
    this.#presence.removeAll(client);
    this.#dials.gone(client, now);
    this.#rendezvous.gone(client, now);
    this.#counts.leave(client.count, now);
  }
}
