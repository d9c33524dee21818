/** The link below a session: one at a time, the newest. What an older one still says is not heard. */
import type { Clock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { HandedOver } from '../transport/handedOver.ts';
import type { Link, LinkHandler, WireBytes } from '../transport/link.ts';

/** What the session hears of its link. */
export interface CarrierOwner {
  onData(chunk: Uint8Array): void;
  onDrain(): void;
  onEnd(): void;
  /** The link is gone, and nobody here asked for it. */
  onLinkClosed(error: Q2qError | undefined): void;
}

/** Milliseconds that a link may take to say goodbye, before it is cut. */
export const GOODBYE_TIMEOUT = 2_000;

export class Carrier {
  readonly #owner: CarrierOwner;
  readonly #clock: Clock;
  #link: Link;
  /** Bytes of the links before it; undefined: one of them did not know its own. */
  #before: WireBytes | undefined;
  #live = false;
  #room = false;
  #ended = false;
  #closed: { readonly error: Q2qError | undefined } | undefined;
  #goodbye = false;
  #next: HandedOver | undefined;
  #cancelGoodbye: () => void = () => {};

  constructor(owner: CarrierOwner, clock: Clock, link: Link) {
    this.#owner = owner;
    this.#clock = clock;
    this.#link = link;
  }

  /** The newest link, alive or not. */
  get link(): Link {
    return this.#link;
  }

  /** What all links so far carried with their own framing; undefined where one does not know. */
  get wire(): WireBytes | undefined {
    const { wire } = this.#link;
    const before = this.#before;
    return before && wire && { sent: before.sent + wire.sent, received: before.received + wire.received };
  }

  get isLive(): boolean {
    return this.#live;
  }

  /** Bytes may be handed to it now. */
  get hasRoom(): boolean {
    return this.#live && this.#room;
  }

  /** Takes the link over; one that is there already is cut. */
  attach(link: Link): void {
    this.cut();
    this.#before = link === this.#link ? { sent: 0, received: 0 } : this.wire;
    this.#link = link;
    this.#live = this.#room = true;
    this.#ended = this.#goodbye = false;
    link.start(this.#handler(link));
  }

  #handler(link: Link): LinkHandler {
    const owner = this.#owner;
    const heard = (): boolean => this.#live && this.#link === link;
    return {
      data: (chunk) => {
        if (this.#next !== undefined) this.#next.data(chunk);
        else if (heard()) owner.onData(chunk);
      },
      drain: () => {
        this.#next?.drain();
        if (!heard()) return;
        this.#room = true;
        owner.onDrain();
      },
      end: () => {
        this.#next?.end();
        if (!heard()) return;
        this.#ended = true;
        owner.onEnd();
      },
      closed: (error) => {
        this.#next?.closed(error);
        if (!heard()) return;
        this.#closed = { error };
        this.#over();
        owner.onLinkClosed(error);
      },
    };
  }

  send(parts: readonly Uint8Array[]): void {
    this.#room = this.#link.send(parts);
  }

  /** The link is no good: ends it, and it is not heard of again. */
  cut(): void {
    if (!this.#live) return;
    this.#over();
    this.#link.reset();
  }

  /** The link for another session, which reads `unread` first. This one hears no more of it. */
  handOver(unread: readonly Uint8Array[]): Link {
    this.#next = new HandedOver(this.#link, unread);
    if (this.#ended) this.#next.end();
    if (this.#closed !== undefined) this.#next.closed(this.#closed.error);
    this.#over();
    return this.#next;
  }

  /** Our direction ends behind what was sent; `last`: and nothing matters that still comes. */
  sayGoodbye(last: boolean): void {
    if (this.#goodbye || !this.#live) return;
    this.#goodbye = true;
    const link = this.#link;
    if (last || !link.info.halfClose) link.close();
    else link.closeWrite();
    this.#cancelGoodbye();
    if (last || link.info.halfClose)
      this.#cancelGoodbye = this.#clock.after(GOODBYE_TIMEOUT, () => (last ? link.reset() : link.close()));
  }

  /** Another goodbye may follow: the session has ended meanwhile. */
  expectGoodbye(): void {
    this.#goodbye = false;
    this.#cancelGoodbye();
  }

  #over(): void {
    this.#live = false;
    this.#cancelGoodbye();
  }
}
