/**
 * Joins two path channels, blindly: bytes in order, backpressure both ways, half-close as half-close, reset as reset.
 *
 *     caller ──data──► PathEnd ──send──► listener       send says stop → pause the sender
 *            ◄─resume─         ◄─drain──
 *
 * What the relay holds of a path is at most one channel window in each direction: a slow reader stops the writer, nobody else.
 */
import type { Q2qError } from '../base/errors.ts';
import { CLOSE_CODES, type CloseCodeName, resetCodeOf } from '../peer/codes.ts';
import type { Link, LinkHandler } from '../transport/link.ts';

/** Sees every byte of one direction, in order; must not keep or change the array. */
export type Observe = (chunk: Uint8Array) => void;

export class PathEnd implements LinkHandler {
  readonly link: Link;
  #onClosed: () => void;
  #other: PathEnd | undefined;
  #observe: Observe | undefined;
  #ended = false;
  #closed = false;
  #bytes = 0;

  /** Waits, paused: what the peer sends early stays in its channel's window. */
  constructor(link: Link, onClosed: () => void) {
    this.link = link;
    this.#onClosed = onClosed;
    link.pause();
    link.start(this);
  }

  /** Bytes that came from this end. */
  get bytes(): number {
    return this.#bytes;
  }

  get closedAlready(): boolean {
    return this.#closed;
  }

  /** Call it on both ends, each with the other. */
  join(other: PathEnd, onClosed: () => void, observe?: Observe): void {
    this.#other = other;
    this.#onClosed = onClosed;
    this.#observe = observe;
    if (this.#ended) other.link.closeWrite();
    this.link.resume();
  }

  refuse(code: CloseCodeName): void {
    this.link.reset(CLOSE_CODES[code]);
  }

  data(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    this.#observe?.(chunk);
    if (!this.#other!.link.send(chunk)) this.link.pause();
  }

  drain(): void {
    this.#other?.link.resume();
  }

  end(): void {
    this.#ended = true;
    this.#other?.link.closeWrite();
  }

  closed(error: Q2qError | undefined): void {
    this.#closed = true;
    if (error !== undefined) this.#other?.link.reset(resetCodeOf(error) ?? CLOSE_CODES.goingAway);
    this.#onClosed();
  }
}

export interface SpliceObserver {
  toListener: Observe;
  toCaller: Observe;
  closed(): void;
}

/** `onEnd` is called once, when both ends are gone. */
export function splice(
  caller: PathEnd,
  listener: PathEnd,
  onEnd: () => void,
  observer?: SpliceObserver,
): void {
  let ended = false;
  const closed = (): void => {
    if (ended || !caller.closedAlready || !listener.closedAlready) return;
    ended = true;
    observer?.closed();
    onEnd();
  };
  caller.join(listener, closed, observer?.toListener);
  listener.join(caller, closed, observer?.toCaller);
}
