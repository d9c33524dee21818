/** Path channels: those that wait for their other side, and those that are spliced. Which belong together the core says. */
import type { Logger } from '../base/log.ts';
import type { VerifiedPeer } from '../identity/index.ts';
import type { CloseCodeName } from '../peer/codes.ts';
import type { IncomingChannel } from '../peer/incoming.ts';
import type { RelayedLink } from './links.ts';
import { PathEnd, type SpliceObserver, splice } from './splice.ts';

/** Called for each path; what it returns sees all its bytes, which are ciphertext. */
export type RecordPath = (path: {
  readonly id: number;
  readonly from: string;
  readonly to: string;
}) => SpliceObserver;

/** Two path channels that belong together, and whose they are. */
export interface Meeting {
  readonly meeting: number;
  readonly caller: number;
  readonly listener: number;
  readonly from: string;
  readonly to: string;
}

export interface PathEvents {
  came(link: RelayedLink, path: number, token: Uint8Array | undefined): void;
  /** It ended before it was spliced. */
  left(path: number): void;
  ended(meeting: number): void;
}

/** A path channel that waits for its other side. */
interface WaitingPath {
  readonly end: PathEnd;
  readonly link: RelayedLink;
}

/** A path between two peers, and who they are. */
interface Splice {
  readonly peers: readonly VerifiedPeer[];
  readonly ends: readonly PathEnd[];
}

export class Paths {
  readonly #logger: Logger;
  readonly #record: RecordPath | undefined;
  readonly #events: PathEvents;
  readonly #waiting = new Map<number, WaitingPath>();
  readonly #splices = new Set<Splice>();
  #next = 1;
  #relayed = 0;

  constructor(logger: Logger, record: RecordPath | undefined, events: PathEvents) {
    this.#logger = logger;
    this.#record = record;
    this.#events = events;
  }

  get splices(): number {
    return this.#splices.size;
  }

  /** Bytes moved between peers, of paths that have ended. */
  get relayed(): number {
    return this.#relayed;
  }

  open(link: RelayedLink, incoming: IncomingChannel): void {
    const id = this.#next++;
    const token = tokenOf(incoming.meta);
    const end = new PathEnd(incoming.accept(), () => {
      this.#waiting.delete(id);
      this.#events.left(id);
    });
    this.#waiting.set(id, { end, link });
    this.#events.came(link, id, token);
  }

  refuse(path: number, code: CloseCodeName): void {
    this.#waiting.get(path)?.end.refuse(code);
  }

  /** `peers`: who they are, as far as they are still here. */
  splice({ meeting, caller, listener, from, to }: Meeting, peers: readonly VerifiedPeer[]): void {
    const { end: callerEnd, link: callerLink } = this.#waiting.get(caller)!;
    const { end: listenerEnd, link: listenerLink } = this.#waiting.get(listener)!;
    this.#waiting.delete(caller);
    this.#waiting.delete(listener);
    const spliced = { peers, ends: [callerEnd, listenerEnd] };
    this.#splices.add(spliced);
    for (const link of [callerLink, listenerLink]) link.hold();
    const ended = (): void => {
      for (const link of [callerLink, listenerLink]) link.release();
      this.#splices.delete(spliced);
      const bytes = callerEnd.bytes + listenerEnd.bytes;
      this.#relayed += bytes;
      this.#logger.log('info', 'path ended', { path: meeting, from, to, bytes });
      this.#events.ended(meeting);
    };
    this.#logger.log('info', 'path spliced', { path: meeting, from, to });
    splice(callerEnd, listenerEnd, ended, this.#record?.({ id: meeting, from, to }));
  }

  /** Ends the paths of those who are out. */
  cut(isOut: (peer: VerifiedPeer) => boolean): void {
    for (const { peers, ends } of [...this.#splices])
      if (peers.some(isOut)) for (const end of ends) end.refuse('revoked');
  }
}

function tokenOf(meta: unknown): Uint8Array | undefined {
  const token = Array.isArray(meta) ? meta[0] : undefined;
  return token instanceof Uint8Array ? token : undefined;
}
