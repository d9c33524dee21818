/**
 * "May alice come in?": the relay's questions on one control channel. The chain that it shows us is verified here, so that
 * `authorize` decides about a certificate and not about the relay's word; a yes is remembered until the caller's path comes.
 */
import type { Logger } from '../base/log.ts';
import { Refusal, type VerifiedPeer } from '../identity/index.ts';
import { accessRequest, mayEnter } from './access.ts';
import { type ContextParts, proven } from './contexts.ts';
import { GRANT_LIFETIME, MAX_GRANTS } from './limits.ts';
import type { Claim } from './listenerSession.ts';
import type { Listeners } from './listeners.ts';
import type { ToPeer } from './messages.ts';

type Incoming = Extract<ToPeer, { type: 'incoming' }>;

export interface QuestionsOptions {
  /** The identity that is asked for. */
  readonly as: string;
  readonly listeners: Listeners;
  readonly parts: ContextParts;
  readonly logger: Logger;
  /** That peer's session with us waits for a path, and it was let in for that protocol. */
  readonly isAwaited: (peer: VerifiedPeer, protocol: string) => boolean;
}

export class Questions {
  readonly #as: string;
  readonly #listeners: Listeners;
  readonly #parts: ContextParts;
  readonly #logger: Logger;
  readonly #isAwaited: (peer: VerifiedPeer, protocol: string) => boolean;
  /** In order of time: the oldest is first. */
  readonly #grants = new Map<number, { readonly claim: Claim; readonly until: number }>();

  constructor(options: QuestionsOptions) {
    this.#as = options.as;
    this.#listeners = options.listeners;
    this.#parts = options.parts;
    this.#logger = options.logger;
    this.#isAwaited = options.isAwaited;
  }

  async ask({ id, from, protocol, chain }: Incoming): Promise<boolean> {
    const entry = this.#listeners.find(this.#as, protocol);
    if (entry === undefined) return false;
    const { clock } = this.#parts;
    const peer = proven(chain, { kind: 'anyPeer' }, 'client', this.#parts);
    if (peer instanceof Refusal) {
      this.#logger.log('info', 'caller refused: its chain proves nothing to us', { from, code: peer.code });
      return false;
    }
    const request = accessRequest(peer, { to: this.#as, protocol, proven: false });
    if (request.fromAddress !== from) {
      this.#logger.log('warn', 'the relay shows a chain of somebody else', { from, is: request.fromAddress });
      return false;
    }
    if (this.#isAwaited(peer, protocol)) {
      this.#grant(id, { peer }); // it proves that it is the one, or is asked about like any other
      return true;
    }
    const allowed = await mayEnter(entry, request, { clock, logger: this.#logger });
    if (allowed) this.#grant(id, { peer, protocol });
    return allowed;
  }

  /** Whom that question was about, once, if the answer was yes. */
  take(id: number): Claim | undefined {
    const grant = this.#grants.get(id);
    this.#grants.delete(id);
    return grant !== undefined && this.#parts.clock.monotonic() < grant.until ? grant.claim : undefined;
  }

  #grant(id: number, claim: Claim): void {
    const now = this.#parts.clock.monotonic();
    for (const [old, { until }] of this.#grants) {
      if (until > now && this.#grants.size < MAX_GRANTS) break;
      this.#grants.delete(old);
    }
    this.#grants.set(id, { claim, until: now + GRANT_LIFETIME });
  }
}
