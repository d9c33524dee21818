/**
 * Leaving in order (RFC 9113 §6.8): first "open no more", with the highest number there is, and a PING; when its PONG is
 * here, nothing that was opened before can be under way any more, and the real number is said. Channels that crossed the
 * announcement are taken. Where no channel is open there is nothing to be careful about: one step does.
 */
import type { GoawayBody } from './bodies.ts';
import { GOAWAY_WAIT, MAX_CHANNEL_ID } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { ChannelTable } from './table.ts';

export class Goodbye {
  readonly #outbox: Outbox;
  readonly #table: ChannelTable;
  #words: Omit<GoawayBody, 'lastAccepted'> | undefined;
  #waits: { readonly seq: number; readonly until: number } | undefined;
  #last = Number.POSITIVE_INFINITY;

  constructor(outbox: Outbox, table: ChannelTable) {
    this.#outbox = outbox;
    this.#table = table;
  }

  /** Nothing is opened here any more. */
  get isBegun(): boolean {
    return this.#words !== undefined;
  }

  /** Nothing that the peer opens is taken any more. */
  get isFinal(): boolean {
    return this.isBegun && this.#waits === undefined;
  }

  /** The peer opens nothing any more. */
  get isHeard(): boolean {
    return this.#last !== Number.POSITIVE_INFINITY;
  }

  /** `ping` asks for the round trip that it takes. */
  begin(words: Omit<GoawayBody, 'lastAccepted'>, now: number, ping: () => number): void {
    if (this.#words !== undefined) return;
    this.#words = words;
    if (this.isHeard || (this.#table.live === 0 && this.#table.held === 0)) {
      this.#finish();
      return;
    }
    this.#outbox.goaway({ ...words, lastAccepted: MAX_CHANNEL_ID });
    this.#waits = { seq: ping(), until: now + GOAWAY_WAIT };
  }

  /** The peer's number: what it will not take above. False when it rose. */
  heard(lastAccepted: number): boolean {
    if (lastAccepted > this.#last) return false;
    this.#last = lastAccepted;
    return true;
  }

  pong(seq: number): void {
    if (this.#waits !== undefined && seq >= this.#waits.seq) this.#finish();
  }

  deadline(): number | undefined {
    return this.#waits?.until;
  }

  /** A peer that does not answer is not waited for. */
  tick(now: number): void {
    if (this.#waits !== undefined && now >= this.#waits.until) this.#finish();
  }

  #finish(): void {
    this.#waits = undefined;
    this.#outbox.goaway({ ...this.#words!, lastAccepted: this.#table.highestThere });
  }
}
