/** The link below a secure link: what has become of it, and who gets what it says once TLS on it has ended. */
import type { Q2qError } from '../base/errors.ts';
import { HandedOver } from '../transport/handedOver.ts';
import type { Link } from '../transport/link.ts';

export class SecureCarrier {
  readonly link: Link;
  /** The other end's direction is over. */
  ended = false;
  closed = false;
  #error: Q2qError | undefined;
  #rest: Uint8Array[] | undefined;
  #next: HandedOver | undefined;

  constructor(link: Link) {
    this.link = link;
  }

  /** What comes now is not TLS's: it is kept for `handOver`. */
  get isKept(): boolean {
    return this.#rest !== undefined;
  }

  get isHandedOver(): boolean {
    return this.#next !== undefined;
  }

  /** `rest` came behind the peer's close_notify. */
  keep(rest: Uint8Array[]): void {
    this.#rest = rest;
  }

  /** The link for its next reader: what was kept comes first, then what the link goes on to say. */
  handOver(): Link {
    const next = new HandedOver(this.link, this.#rest);
    this.#rest = [];
    this.#next = next;
    if (this.ended) next.end();
    if (this.closed) next.closed(this.#error);
    return next;
  }

  // What the link says. True: it is not for TLS any more.

  data(chunk: Uint8Array): boolean {
    if (this.#next !== undefined) this.#next.data(chunk);
    else this.#rest?.push(chunk);
    return this.isKept;
  }

  drain(): boolean {
    this.#next?.drain();
    return this.isHandedOver;
  }

  end(): boolean {
    this.ended = true;
    this.#next?.end();
    return this.isHandedOver;
  }

  close(error: Q2qError | undefined): boolean {
    this.closed = true;
    this.#error = error;
    this.#next?.closed(error);
    return this.isHandedOver;
  }
}
