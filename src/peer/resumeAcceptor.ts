/**
 * The end that links are made to: finds the session that a new link wants to go on with. It holds sessions by the ids of
 * their secrets, and bounds how many may wait for a link, and how many bytes those hold: over it the longest lost is
 * given up.
 */
import { hex } from '../base/bytes.ts';
import type { ResumeRequest } from '../mux/index.ts';
import type { Route } from './route.ts';

/** A session, as the acceptor needs it. */
export interface Resumable {
  /** Bytes it holds for its channels and for a replay. */
  readonly held: number;
  /** Goes on over the link when the request is proven; false, and the link is not asked for, when it is not. */
  moveTo(route: () => Route, request: ResumeRequest): boolean;
  /** Waits no longer: its channels end with ERR_MUX_LOST. */
  giveUp(why: string): void;
}

export interface AcceptorLimits {
  /** Sessions that wait for a link. */
  readonly sessions: number;
  /** Bytes that all of them hold, as each had them when its link was lost. */
  readonly bytes: number;
}

export class ResumeAcceptor {
  readonly #limits: AcceptorLimits;
  readonly #byId = new Map<string, Resumable>();
  readonly #ids = new Map<Resumable, string[]>();
  /** In the order in which they lost their links, with the bytes each held then. */
  readonly #waiting = new Map<Resumable, number>();
  #bytes = 0;

  constructor(limits: AcceptorLimits) {
    this.#limits = limits;
  }

  /** Sessions that wait for a link. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Bytes that they held when they lost it. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** Ids are parts of secrets of a TLS connection: nobody else has the same. */
  add(session: Resumable, id: Uint8Array): void {
    const key = hex(id);
    this.#byId.set(key, session);
    const ids = this.#ids.get(session);
    if (ids === undefined) this.#ids.set(session, [key]);
    else ids.push(key);
  }

  /** The session is over. */
  remove(session: Resumable): void {
    this.linked(session);
    for (const key of this.#ids.get(session) ?? []) this.#byId.delete(key);
    this.#ids.delete(session);
  }

  suspended(session: Resumable): void {
    this.linked(session);
    const { held } = session;
    this.#waiting.set(session, held);
    this.#bytes += held;
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size <= this.#limits.sessions && this.#bytes <= this.#limits.bytes) break;
      oldest.giveUp('too many sessions wait for a link');
    }
  }

  linked(session: Resumable): void {
    this.#bytes -= this.#waiting.get(session) ?? 0;
    this.#waiting.delete(session);
  }

  /** A fresh link asks. False when no session here takes it. */
  take(request: ResumeRequest, route: () => Route): boolean {
    return this.#byId.get(hex(request.id))?.moveTo(route, request) ?? false;
  }
}
