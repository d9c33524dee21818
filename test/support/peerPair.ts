/** Two ends of a session of two peers, without relay and endpoint: whatever link a test makes is a path. */
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import {
  type Identity,
  selfSignedIdentity,
  Trust,
  VerifiedPeer,
  verifyPeer,
} from '../../src/identity/index.ts';
import { CallerSession } from '../../src/peer/callerSession.ts';
import type { Channel } from '../../src/peer/channel.ts';
import type { ContextParts } from '../../src/peer/contexts.ts';
import { MAX_WAITING_BYTES, MAX_WAITING_SESSIONS } from '../../src/peer/limits.ts';
import { ListenerSession } from '../../src/peer/listenerSession.ts';
import { Listeners } from '../../src/peer/listeners.ts';
import { LiveTrust } from '../../src/peer/liveTrust.ts';
import type { FoundPath, PathSource } from '../../src/peer/pathFinder.ts';
import { ResumeAcceptor } from '../../src/peer/resumeAcceptor.ts';
import type { ChannelPath } from '../../src/peer/route.ts';
import type { Link } from '../../src/transport/link.ts';

export const PROTOCOL = 'take/1';

export interface PeerPairOptions {
  readonly clock?: Clock;
  readonly outlive?: number;
  readonly acceptor?: ResumeAcceptor;
  /** Of the listener: who may enter with which protocol is `true` for all if absent. */
  readonly handler: (channel: Channel) => void | Promise<void>;
}

export class PeerPair {
  readonly alice: Identity;
  readonly bob: Identity;
  readonly acceptor: ResumeAcceptor;
  /** The listener's sessions that are not over, those of a link that was handed over excluded. */
  readonly incoming: Set<ListenerSession> = new Set();
  caller: CallerSession | undefined;
  readonly #options: PeerPairOptions;
  readonly #clock: Clock;
  readonly #listeners = new Listeners();

  constructor(options: PeerPairOptions) {
    this.#options = options;
    const clock = (this.#clock = options.clock ?? systemClock);
    const identity = (): Identity => selfSignedIdentity(provider.generateKey('ed25519'), clock.now());
    this.alice = identity();
    this.bob = identity();
    this.acceptor =
      options.acceptor ?? new ResumeAcceptor({ sessions: MAX_WAITING_SESSIONS, bytes: MAX_WAITING_BYTES });
    const as = `key:${this.bob.keyId}`;
    const { handler } = options;
    this.#listeners.add({ as, protocol: PROTOCOL, description: '', authorize: () => true, handler });
  }

  #parts(): ContextParts {
    const live = new LiveTrust(Trust.of([]), provider, this.#clock);
    return { trust: live.trust, provider, clock: this.#clock, live };
  }

  /** Bob takes a link: for a new session, or for one that waits. */
  answer(link: Link, path: ChannelPath, caller: Identity = this.alice): ListenerSession {
    const { outlive } = this.#options;
    const parts = this.#parts();
    const peer = verifyPeer(
      caller.chain,
      { kind: 'anyPeer' },
      parts.trust,
      'client',
      this.#clock.now(),
      provider,
    );
    if (!(peer instanceof VerifiedPeer)) throw peer;
    const session = new ListenerSession(
      { link, path },
      {
        ...{ parts, outlive, logger: silent, identity: () => this.bob, listeners: this.#listeners },
        ...{ acceptor: this.acceptor, claim: { peer, protocol: PROTOCOL }, onHandlerError: () => {} },
      },
    );
    this.incoming.add(session);
    void session.closed.then(() => this.incoming.delete(session));
    return session;
  }

  /** Alice's session on that link, with these ways to another. */
  call(link: Link, path: ChannelPath, ...sources: readonly PathSource[]): CallerSession {
    const { outlive } = this.#options;
    this.caller = new CallerSession(
      { link, path },
      { parts: this.#parts(), logger: silent, outlive, sources: () => sources },
    );
    return this.caller;
  }

  open(timeout = 10_000, signal: AbortSignal = new AbortController().signal): Promise<Channel> {
    const expected = { kind: 'key', id: this.bob.keyId } as const;
    const dial = { identity: this.alice, expected, to: `key:${this.bob.keyId}`, protocol: PROTOCOL };
    return this.caller!.open({ ...dial, signal, timeout });
  }
}

/** One way, that is what `make` makes now. */
export function source(path: ChannelPath, make: () => Promise<Link> | Link, place = 'there'): PathSource {
  return { find: async (): Promise<FoundPath> => ({ link: await make(), path, place }) };
}
