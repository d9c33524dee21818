/**
 * What channels owe the peer, DATA excepted: OPEN first, then each channel's control frames, then refusals. What a channel
 * owes is bits and newest values; only refusals are counted, as they have no channel.
 */
import { encodeVarints } from './bodies.ts';
import { MuxError } from './errors.ts';
import { Kind } from './frame.ts';
import type { FrameLedger } from './frameLedger.ts';
import type { MuxLimits } from './limits.ts';
import type { Scheduler } from './scheduler.ts';
import type { Counters } from './stats.ts';
import { type MuxStream, Owed } from './stream.ts';
import type { ChannelTable } from './table.ts';

export interface OwedFramesInit {
  readonly limits: MuxLimits;
  readonly table: ChannelTable;
  readonly counters: Counters;
}

interface Refusal {
  readonly id: number;
  readonly code: number;
}

export class OwedFrames {
  readonly #init: OwedFramesInit;
  readonly #frames: FrameLedger;
  readonly #scheduler: Scheduler;
  /** Channels that may ever be opened here. */
  #openAllowance = 0;
  #opened = 0;
  #opening: MuxStream[] = [];
  #owing: MuxStream[] = [];
  #refusals: Refusal[] = [];

  constructor(init: OwedFramesInit, frames: FrameLedger, scheduler: Scheduler) {
    this.#init = init;
    this.#frames = frames;
    this.#scheduler = scheduler;
  }

  get pendingOpens(): number {
    return this.#opening.length;
  }

  /** Nothing is owed but OPENs: those wait for what the other end allows. */
  get isEmpty(): boolean {
    return this.#owing.length + this.#refusals.length === 0;
  }

  /** False when the limit did not rise. */
  raiseOpenAllowance(count: number): boolean {
    if (count <= this.#openAllowance) return false;
    this.#openAllowance = count;
    return true;
  }

  addOpen(stream: MuxStream): void {
    this.#opening.push(stream);
  }

  /** Forgets channels whose OPEN has not left: the peer takes no more. */
  dropOpens(): void {
    this.#opening = [];
  }

  owe(stream: MuxStream, bit: number): void {
    stream.owed |= bit;
    if (stream.listed || stream.openBody !== undefined) return;
    stream.listed = true;
    this.#owing.push(stream);
  }

  /** The channel has data or a FIN to send, or credit to send it with. */
  wake(stream: MuxStream): void {
    if (stream.sendable) this.#scheduler.add(stream);
    else if (stream.isBlocked) this.owe(stream, Owed.blocked);
  }

  refuse(id: number, code: number): void {
    if (this.#refusals.length >= this.#init.limits.maxOrphanResets)
      throw new MuxError(
        'ERR_MUX_LIMIT',
        'peer opens channels that are refused and reads none of the answers',
      );
    this.#refusals.push({ id, code });
  }

  clear(): void {
    this.#opening = [];
    this.#owing = [];
    this.#refusals = [];
  }

  layOut(limit: number): void {
    this.#opens(limit);
    this.#debts(limit);
    this.#answers(limit);
  }

  #opens(limit: number): void {
    let sent = 0;
    for (const stream of this.#opening) {
      if (this.#opened === this.#openAllowance || this.#frames.size >= limit) break;
      sent++;
      this.#opened++;
      this.#init.table.highestSent = stream.id;
      this.#frames.onChannel(stream, Kind.open, stream.openBody!);
      stream.openBody = undefined;
      if (stream.owed !== 0) this.owe(stream, 0);
      this.wake(stream);
    }
    if (sent > 0) this.#opening = this.#opening.slice(sent);
  }

  #debts(limit: number): void {
    let done = 0;
    for (const stream of this.#owing) {
      if (this.#frames.size >= limit) break;
      done++;
      stream.listed = false;
      this.#pay(stream);
    }
    if (done > 0) this.#owing = done === this.#owing.length ? [] : this.#owing.slice(done);
  }

  #answers(limit: number): void {
    let refused = 0;
    for (const { id, code } of this.#refusals) {
      if (this.#frames.size >= limit) break;
      refused++;
      this.#frames.control(Kind.reset, this.#init.table.toWire(id), encodeVarints(code, 0));
    }
    if (refused > 0) this.#refusals = this.#refusals.slice(refused);
  }

  #pay(stream: MuxStream): void {
    const { owed } = stream;
    const frames = this.#frames;
    stream.owed = 0;
    if (owed & Owed.accept) frames.onChannel(stream, Kind.accept, stream.acceptBody!);
    if (owed & Owed.priority) frames.onChannel(stream, Kind.priority, stream.priorityBody!);
    stream.acceptBody = stream.priorityBody = undefined; // an idle channel keeps no frames
    if (owed & Owed.credit && stream.receive === 'open') {
      const before = stream.grant.limit;
      const limit = stream.grant.grant();
      if (limit > before) {
        this.#init.counters.grants++;
        frames.onChannel(stream, Kind.credit, encodeVarints(limit));
      }
    }
    if (owed & Owed.blocked && stream.isBlocked) this.#blocked(stream);
    // A RESET before ACCEPT would refuse the channel. The peer stopped it and reads nothing, so its answer can wait.
    if (owed & Owed.reset && stream.inBacklog) stream.owed = Owed.reset;
    else if (owed & Owed.reset)
      frames.onChannel(stream, Kind.reset, encodeVarints(stream.resetCode, stream.credit.sent));
    if (owed & Owed.stop) frames.onChannel(stream, Kind.stop, encodeVarints(stream.stopCode));
  }

  #blocked(stream: MuxStream): void {
    const { credit } = stream;
    credit.blockedAt = credit.limit;
    this.#init.counters.blockedSent++;
    this.#frames.onChannel(stream, Kind.blocked, encodeVarints(credit.limit));
  }
}
