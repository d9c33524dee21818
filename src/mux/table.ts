/**
 * The channels of a session and their numbers.
 *
 * On the wire the end with the larger nonce opens odd ids, the other even ones, because stdio and MessagePort have no
 * dialer to decide by. A channel may be opened before the peer's nonce is known, so inside, ids are relative: even =
 * opened here, odd = opened there. One function maps either way: it swaps neighbours (1↔2, 3↔4 …) at the odd end and
 * is the identity at the other.
 *
 * Ids ascend without gaps and are never used twice: a high-water mark tells a closed channel from one never opened.
 */
import { IdTable } from '../base/idTable.ts';
import { ReceiveBudget } from './budget.ts';
import { MuxError } from './errors.ts';
import type { EventQueue } from './events.ts';
import type { MuxLimits } from './limits.ts';
import { MuxStream, type StreamCredit, type StreamInit } from './stream.ts';

export class ChannelTable {
  readonly #streams = new IdTable<MuxStream>();
  readonly #events: EventQueue;
  readonly #maxChannels: number;
  readonly #maxChannelId: number;
  /** The peer's channels whose handler has not ended. */
  readonly #held = new IdTable<true>();
  #odd = false;
  #nextHere = 2;
  #highestThere = -1;
  /** Highest of our ids whose OPEN has left. */
  highestSent = 0;
  backlog = 0;
  /** Bytes of their OPEN frames: names and meta data that the application holds until it answers. */
  backlogBytes = 0;
  /** How many channels the peer may ever open, as announced. */
  allowed: number;
  #freed = 0;
  readonly #credit: StreamCredit;
  #live = 0;

  constructor(events: EventQueue, limits: MuxLimits) {
    const { initialCredit, maxChannels, maxChannelId, maxWindow, receiveBudget } = limits;
    const budget = new ReceiveBudget(receiveBudget, maxChannels * initialCredit);
    this.#credit = { window: initialCredit, maxWindow, budget };
    this.#maxChannelId = maxChannelId;
    this.#events = events;
    this.#maxChannels = this.allowed = maxChannels;
  }

  /** Channels, those that only wait to be read among them. */
  get size(): number {
    return this.#streams.size;
  }

  /** Channels of which a half is open. */
  get live(): number {
    return this.#live;
  }

  get held(): number {
    return this.#held.size;
  }

  /** The peer's highest channel so far, -1 for none. */
  get highestThere(): number {
    return this.#highestThere;
  }

  takeOddRole(): void {
    this.#odd = true;
  }

  toWire(id: number): number {
    return this.#odd ? ((id - 1) ^ 1) + 1 : id;
  }

  fromWire(id: number): number {
    return this.toWire(id);
  }

  get(id: number): MuxStream | undefined {
    return this.#streams.get(id);
  }

  /** As they are now, in ascending order of their ids. */
  values(): MuxStream[] {
    return this.#streams.values();
  }

  /** True when one more channel may be opened here. Ids swap with their neighbours: both must be free. */
  get hasIds(): boolean {
    return this.#nextHere <= this.#maxChannelId;
  }

  openHere(init: StreamInit): MuxStream {
    const id = this.#nextHere;
    this.#nextHere += 2;
    return this.#add(id, init);
  }

  #add(id: number, init: StreamInit): MuxStream {
    const stream = new MuxStream(id, init, this.#credit);
    this.#streams.set(id, stream);
    this.#live++;
    return stream;
  }

  /** Checks the id of the peer's OPEN: the next in line and inside its limit. */
  claimThere(id: number): void {
    const next = this.#highestThere < 0 ? 1 : this.#highestThere + 2;
    if ((id & 1) === 0) throw protocol(`channel ${this.toWire(id)} opened by the wrong end`);
    if (id !== next)
      throw protocol(
        id < next
          ? `channel ${this.toWire(id)} opened twice`
          : `channel ${this.toWire(id)} opened, wanted ${this.toWire(next)}`,
      );
    if ((id + 1) / 2 > this.allowed)
      throw new MuxError('ERR_MUX_LIMIT', `peer opened more channels than the ${this.allowed} it may`);
    this.#highestThere = id;
  }

  openThere(id: number, init: StreamInit): MuxStream {
    const stream = this.#add(id, init);
    stream.inBacklog = true;
    this.backlog++;
    this.backlogBytes += stream.openSize;
    this.#held.set(id, true);
    return stream;
  }

  /** True for an id that no OPEN has named. */
  isUnknown(id: number): boolean {
    return (id & 1) === 0 ? id > this.highestSent : id > this.#highestThere;
  }

  leaveBacklog(stream: MuxStream): void {
    if (!stream.inBacklog) return;
    stream.inBacklog = false;
    this.backlog--;
    this.backlogBytes -= stream.openSize;
  }

  /** Removes the channel once both its halves are over and what came is read. */
  settle(stream: MuxStream): void {
    if (!stream.isOver) return;
    if (!stream.settled) this.#live--;
    stream.settled = true;
    if (stream.isReadable || !this.#streams.delete(stream.id)) return;
    this.leaveBacklog(stream);
    if (!stream.openedHere && !this.#held.has(stream.id)) this.#freed++;
    this.#events.push({ type: 'gone', id: stream.id });
  }

  /** Removes a channel without an event: the caller reports what became of it. */
  remove(stream: MuxStream): void {
    if (this.#streams.delete(stream.id)) this.#live--;
  }

  /** The handler of the peer's channel has ended: its place is free once the channel is gone too. */
  release(id: number): void {
    if (this.#held.delete(id) && !this.#streams.has(id)) this.#freed++;
  }

  /** A channel that was refused at once never held a place. */
  freeOne(): void {
    this.#freed++;
  }

  /** The new limit when a quarter of the places have become free (few MAXCH frames, never a standstill). */
  refill(): number | undefined {
    if (this.#freed === 0 || this.#freed * 4 < this.#maxChannels) return undefined;
    this.allowed += this.#freed;
    this.#freed = 0;
    return this.allowed;
  }

  /** The session is over: only what the peer had finished and nobody has read is kept, until it is read or stopped. */
  clear(): void {
    for (const stream of this.#streams.values()) {
      stream.queue.clear();
      stream.stepSend('reset'); // a half that is over stays as it is
      if (stream.receive !== 'ended') stream.discard();
      if (!stream.isReadable) this.#streams.delete(stream.id);
    }
    this.#held.clear();
    this.backlog = this.backlogBytes = this.#live = 0;
  }
}

function protocol(message: string): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', message);
}
