/**
 * The application's side of a session: what it does with channels. Nothing here reads or writes the link; `MuxSession` does,
 * and knows when all of it ends.
 */
import type { Acks } from './acks.ts';
import {
  type ChannelMode,
  DEFAULT_URGENCY,
  encodeAccept,
  encodeOpen,
  encodePriority,
  equalAccepts,
  equalOpens,
  isCount,
  MODES,
  type Priority,
} from './bodies.ts';
import type { ControlValue } from './control.ts';
import { MuxError, WireCode } from './errors.ts';
import type { EventQueue } from './events.ts';
import { EARLY_MESSAGE, type MuxLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import { rememberEncoded } from './remembered.ts';
import type { PeerSettings } from './settings.ts';
import type { Counters } from './stats.ts';
import { type ChannelView, Owed } from './stream.ts';
import type { ChannelTable } from './table.ts';

export interface OpenOptions {
  /** 0 (first) to 7 (last); default 3. Holds for both directions. */
  readonly urgency?: number;
  /** Default true. False: of no use in parts, so it does not take turns with others of its urgency (RFC 9218). */
  readonly sharing?: boolean;
  /** 'messages': one `write` is one `read` at the other end. Default 'bytes'. */
  readonly mode?: ChannelMode;
}

/** What both sides of a session work on. */
export interface SessionParts {
  readonly limits: MuxLimits;
  readonly events: EventQueue;
  readonly counters: Counters;
  readonly acks: Acks;
  readonly table: ChannelTable;
  readonly outbox: Outbox;
  readonly now: number;
}

export abstract class MuxChannels {
  readonly limits: MuxLimits;
  protected readonly events: EventQueue;
  protected readonly counters: Counters;
  protected readonly acks: Acks;
  protected readonly table: ChannelTable;
  protected readonly outbox: Outbox;
  protected peerSettings: PeerSettings | undefined;
  protected isEnded = false;
  /** The latest time that was told. */
  protected now: number;
  readonly #encodeOpen = rememberEncoded(encodeOpen, equalOpens);
  readonly #encodeAccept = rememberEncoded(encodeAccept, equalAccepts);

  constructor({ limits, events, counters, acks, table, outbox, now }: SessionParts) {
    this.limits = limits;
    this.events = events;
    this.counters = counters;
    this.acks = acks;
    this.table = table;
    this.outbox = outbox;
    this.now = now;
  }

  /** Throws MuxError when no channel can be opened. */
  protected abstract checkOpenable(): void;

  /** Opens a channel; it can be written to at once. Throws MuxError when the session takes none. */
  open(name: string, meta?: ControlValue, options: OpenOptions = {}): number {
    this.checkOpenable();
    const { urgency = DEFAULT_URGENCY, sharing = true, mode = 'bytes' } = options;
    const body = this.#encodeOpen({
      mode: MODES.indexOf(mode),
      urgency,
      sharing,
      credit: this.limits.initialCredit,
      name,
      meta,
    });
    const sendLimit = this.peerSettings?.initialCredit ?? 0;
    const messages = mode === 'messages';
    const stream = this.table.openHere({ messages, urgency, sharing, sendLimit });
    stream.openBody = body;
    this.counters.opened++;
    this.outbox.channels.addOpen(stream);
    return stream.id;
  }

  /** Takes an incoming channel: what was written to it leaves from now on. Does nothing when it is gone already. */
  accept(id: number, meta?: ControlValue): void {
    const body = this.#encodeAccept({ credit: this.limits.initialCredit, meta });
    const stream = this.table.get(id);
    if (stream === undefined || !stream.inBacklog) return;
    this.table.leaveBacklog(stream);
    stream.accepted = true;
    stream.acceptBody = body;
    this.outbox.channels.owe(stream, Owed.accept);
    this.outbox.channels.wake(stream);
  }

  /** Refuses an incoming channel: both directions end at once. False when it is not waiting for an answer. */
  refuse(id: number, code: number = WireCode.refused): boolean {
    checkCode(code);
    const stream = this.table.get(id);
    if (stream === undefined || !stream.inBacklog) return false;
    stream.resetCode = code;
    stream.stepSend('reset');
    stream.stepReceive('stop');
    stream.discard();
    this.outbox.channels.owe(stream, Owed.reset);
    this.table.settle(stream);
    return true;
  }

  /**
   * Queues bytes (one array or the parts of one write) and takes them over; on a channel of messages they are one
   * message. False: stop until `writable`. Bytes for a channel that is gone, finished or stopped are dropped. Throws
   * MuxError ERR_MUX_ARGUMENT for a message that is larger than the other end takes.
   */
  write(id: number, bytes: Uint8Array | readonly Uint8Array[]): boolean {
    const stream = this.table.get(id);
    if (stream === undefined || stream.send !== 'open') return false;
    if (stream.messages === undefined) stream.queue.push(bytes);
    else {
      checkMessage(bytes, this.peerSettings?.maxMessage ?? EARLY_MESSAGE);
      stream.queue.pushMessage(bytes);
    }
    this.outbox.channels.wake(stream);
    if (stream.queue.length < this.limits.sendHighWater) return true;
    stream.wantsWritable = true;
    return false;
  }

  /** Changes what it names: how we send the channel, and how the other end is asked to. Takes effect at once here. */
  prioritize(id: number, priority: Partial<Priority>): void {
    const stream = this.table.get(id);
    if (stream === undefined) return;
    const { urgency = stream.urgency, sharing = stream.sharing } = priority;
    stream.priorityBody = encodePriority({ urgency, sharing });
    this.outbox.prioritize(stream, { urgency, sharing });
    this.outbox.channels.owe(stream, Owed.priority);
  }

  /**
   * Sends a datagram on a channel, or on the session (0): soon, or never when the link has no room. False when it cannot:
   * the other end takes none or has not said so yet, or the channel is not open there. Throws MuxError ERR_MUX_ARGUMENT
   * when it is larger than the other end takes.
   */
  sendDatagram(id: number, bytes: Uint8Array): boolean {
    const most = this.peerSettings?.maxDatagram ?? 0;
    if (this.isEnded || most === 0) return false;
    if (bytes.length > most)
      throw new MuxError(
        'ERR_MUX_ARGUMENT',
        `datagram of ${bytes.length} bytes, the other end takes at most ${most}`,
      );
    const stream = this.table.get(id);
    if (id !== 0 && (stream === undefined || stream.isOver || stream.openBody !== undefined)) return false;
    this.outbox.datagram({ id, bytes });
    return true;
  }

  /** Bytes that wait in a channel for credit, a turn or the link. */
  queued(id: number): number {
    return this.table.get(id)?.queue.length ?? 0;
  }

  /** Ends our direction after what was written. */
  finish(id: number): void {
    const stream = this.table.get(id);
    if (stream?.stepSend('finish')) this.outbox.channels.wake(stream);
  }

  /** Gives up our direction: what waits is dropped. A channel that waits for `accept` is refused. False when it was over. */
  reset(id: number, code: number = WireCode.cancelled): boolean {
    checkCode(code);
    const stream = this.table.get(id);
    // The peer takes a RESET before ACCEPT for a refusal.
    if (stream?.inBacklog && stream.send !== 'reset') return this.refuse(id, code);
    if (stream === undefined || !stream.stepSend('reset')) return false;
    stream.queue.clear();
    stream.resetCode = code;
    this.outbox.channels.owe(stream, Owed.reset);
    this.table.settle(stream);
    return true;
  }

  /** Reads no more: what still comes is discarded. False when all had come and was read already. */
  stop(id: number, code: number = WireCode.none): boolean {
    checkCode(code);
    const stream = this.table.get(id);
    if (stream === undefined) return false;
    const unread = stream.unread.length > 0;
    stream.discard();
    const stopped = stream.stepReceive('stop');
    if (stopped) {
      stream.stopCode = code;
      this.outbox.channels.owe(stream, Owed.stop);
    }
    this.table.settle(stream);
    return stopped || unread;
  }

  /**
   * The next bytes of a channel in order, or its next whole message; undefined when none wait. Leaving the queue is the
   * read: the sender gets new credit. Taken during the `readable` event they are a view of the chunk that was fed, later
   * they may be copies. What the peer had finished can still be read when the session is over.
   */
  read(id: number): Uint8Array | undefined {
    const stream = this.table.get(id);
    const bytes = stream?.take();
    if (stream === undefined || bytes === undefined) return undefined;
    stream.grant.consume(bytes.length);
    if (stream.receive !== 'open') {
      stream.grant.end(stream.unread.length);
      this.table.settle(stream);
      return bytes;
    }
    stream.grant.tune(this.now, this.acks.meter.minRtt);
    if (stream.grant.worthGranting || stream.isStarving) this.outbox.channels.owe(stream, Owed.credit);
    return bytes;
  }

  /** Both directions were finished: nothing is missing but the reading. */
  isComplete(id: number): boolean {
    const stream = this.table.get(id);
    return stream?.send === 'finished' && stream.receive === 'ended';
  }

  /** True when `read` would give something. */
  isReadable(id: number): boolean {
    return this.table.get(id)?.isReadable ?? false;
  }

  /** The handler of an incoming channel has ended. Until then the channel counts against the peer's limit. */
  release(id: number): void {
    this.table.release(id);
  }

  /** A channel as it is: one live object, whose traffic is good after the channel's end as well. */
  channel(id: number): ChannelView | undefined {
    return this.table.get(id);
  }

  /** The channel's number on the wire, the same at both ends; known when the session is ready. */
  wireId(id: number): number {
    return this.table.toWire(id);
  }
}

function checkMessage(bytes: Uint8Array | readonly Uint8Array[], most: number): void {
  let size = 0;
  for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) size += part.length;
  if (size > most)
    throw new MuxError('ERR_MUX_ARGUMENT', `message of ${size} bytes, the other end takes at most ${most}`);
}

export function checkCode(code: number): void {
  if (!isCount(code)) throw new MuxError('ERR_MUX_ARGUMENT', `code ${code}, wanted a whole number from 0`);
}
