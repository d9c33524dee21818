/** A link whose first reader has stopped: what it read too far comes first, then what the link goes on to say. */
import type { Q2qError } from '../base/errors.ts';
import { Inbox } from './inbox.ts';
import type { Link, LinkHandler } from './link.ts';
import { ThroughLink } from './throughLink.ts';

export class HandedOver extends ThroughLink implements LinkHandler {
  readonly #inbox = new Inbox();

  /** The first reader passes every later call of its own handler on to this object. */
  constructor(below: Link, unread: readonly Uint8Array[] = []) {
    super(below);
    for (const chunk of unread) this.#inbox.data(chunk);
  }

  override start(handler: LinkHandler): void {
    this.#inbox.start(handler);
    if (this.#inbox.open) this.below.resume();
  }

  override pause(): void {
    this.#inbox.pause();
    this.below.pause();
  }

  override resume(): void {
    this.#inbox.resume();
    if (this.#inbox.open) this.below.resume();
  }

  override close(): void {
    this.#inbox.discard();
    this.below.close();
  }

  data(chunk: Uint8Array): void {
    this.#inbox.data(chunk);
  }

  drain(): void {
    this.#inbox.drain();
  }

  end(): void {
    this.#inbox.end();
  }

  closed(error: Q2qError | undefined): void {
    this.#inbox.closed(error);
  }
}
