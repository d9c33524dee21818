/** The caller's end of an A⇄B session: opens channels, each with TLS of its own, until the path ends or nobody needs it. */
import { type Expected, type Identity, identityLabel } from '../identity/index.ts';
import { Channel, type ChannelPath } from './channel.ts';
import { type ContextParts, callerContext } from './contexts.ts';
import { channelFailure } from './failures.ts';
import { awaitGreeting } from './greeting.ts';
import { SESSION_IDLE } from './limits.ts';
import { PEER_CHANNEL } from './names.ts';
import { secure } from './secure.ts';
import type { Session } from './session.ts';

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

export class CallerSession {
  readonly #session: Session;
  readonly #parts: ContextParts;
  readonly #path: ChannelPath;
  /** The link below the path is there, or is made now; rejects when it cannot be. */
  readonly relinked: () => Promise<void>;
  #channels = 0;
  #alive = true;
  #cancelIdle: () => void = () => {};

  constructor(
    session: Session,
    path: ChannelPath,
    parts: ContextParts,
    relinked: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.relinked = relinked;
    this.#session = session;
    this.#path = path;
    this.#parts = parts;
    session.onIncoming((incoming) => incoming.refuse()); // the listener's end opens nothing
    session.onGoaway(() => (this.#alive = false));
    void session.closed.then(() => {
      this.#alive = false;
      this.#cancelIdle();
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  get closed(): Promise<unknown> {
    return this.#session.closed;
  }

  /** Resolves when the other end is proven to be who was dialled, and has let us in. */
  async open(request: OpenRequest): Promise<Channel> {
    const { identity, expected, to, protocol, signal, timeout } = request;
    this.#cancelIdle();
    this.#channels++;
    try {
      const below = this.#session.open(PEER_CHANNEL);
      const link = await secure(below, callerContext(identity, expected, protocol, this.#parts), {
        signal,
        timeout,
        clock: this.#parts.clock,
        ...(expected.kind === 'name' && { serverName: domainOf(expected.name) }),
      });
      const carrier = await awaitGreeting(link, signal);
      const channel = new Channel(carrier, {
        peer: link.negotiated.peer!.identity,
        local: identity,
        protocol,
        path: this.#path,
        sessionStats: () => this.#session.stats(),
        traffic: below.traffic,
      });
      const forget = this.#parts.live?.watch(link.negotiated.peer!, (error) => channel.cut(error));
      const over = (): void => {
        forget?.();
        this.#released();
      };
      channel.closed.then(over, over);
      return channel;
    } catch (error) {
      this.#released();
      if (signal.aborted) throw signal.reason;
      throw channelFailure(error, `${to}/${protocol} (as ${identityLabel(identity)})`);
    }
  }

  readonly #released = (): void => {
    if (--this.#channels > 0 || !this.#alive) return;
    this.#cancelIdle = this.#parts.clock.after(SESSION_IDLE, () => {
      this.#alive = false;
      void this.#session.close();
    });
  };

  /** Open channels end with an error. */
  destroy(cause: Error): void {
    this.#alive = false;
    this.#session.destroy(cause);
  }
}

function domainOf(name: string): string {
  return name.slice(name.indexOf('@') + 1);
}
