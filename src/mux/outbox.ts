/**
 * What is owed to the peer, laid out as frames when the link has room and not before: the link's frames, the channels'
 * (owedFrames.ts), then DATA by urgency and turn. Nothing here grows with what the peer sends: answers are newest values.
 */
import type { Acks } from './acks.ts';
import { encodeGoaway, encodeVarints, type GoawayBody, type Priority } from './bodies.ts';
import { type Datagram, DatagramQueue } from './datagrams.ts';
import type { EventQueue } from './events.ts';
import { greaseExtension } from './extensions.ts';
import { EOM, encodePreface, FIN, Kind } from './frame.ts';
import { FrameLedger } from './frameLedger.ts';
import { MAX_CHANNEL_ID, MESSAGE_TARGET, type MuxLimits, RESUME_SLACK } from './limits.ts';
import { OwedFrames } from './owedFrames.ts';
import type { Replay } from './replay.ts';
import { Scheduler } from './scheduler.ts';
import type { Counters } from './stats.ts';
import { type MuxStream, Owed } from './stream.ts';
import type { ChannelTable } from './table.ts';

export interface OutboxInit {
  readonly messages: boolean;
  readonly nonce: Uint8Array;
  readonly settings: Uint8Array;
  readonly limits: MuxLimits;
  readonly table: ChannelTable;
  readonly events: EventQueue;
  readonly counters: Counters;
  readonly acks: Acks;
  /** Where what leaves is kept, when the session may outlive its link. */
  readonly replay: Replay | undefined;
}

export class Outbox {
  readonly #init: OutboxInit;
  readonly #table: ChannelTable;
  readonly #acks: Acks;
  readonly #scheduler = new Scheduler();
  readonly #frames: FrameLedger;
  /** What channels owe: their frames but DATA. */
  readonly channels: OwedFrames;
  readonly #datagrams: DatagramQueue;
  #messages: boolean;
  #replay: Replay | undefined;
  /** Bytes that may wait for their acknowledgement; beyond, DATA is held back. */
  #window = Number.POSITIVE_INFINITY;
  /** What opens the link and has no place in the stream: the preface, RESUME, RESUMED. */
  #prelude: Uint8Array[];
  #linked = true;
  /** Bytes of frames in this output that owe no ACK. */
  #quiet = 0;
  /** Position behind the last output that was more than such frames. */
  #said = 0;
  #greeted = false;
  #ready = false;
  #over = false;
  #maxFrame = 0;
  #goaway: GoawayBody | undefined;
  #pong: number | undefined;
  #ping: number | undefined;

  constructor(init: OutboxInit) {
    this.#init = init;
    this.#table = init.table;
    this.#frames = new FrameLedger(init.table, init.counters);
    this.channels = new OwedFrames(init, this.#frames, this.#scheduler);
    this.#datagrams = new DatagramQueue(init.limits.datagramQueue);
    this.#acks = init.acks;
    this.#messages = init.messages;
    this.#replay = init.replay;
    this.#prelude = init.messages ? [] : [encodePreface(init.nonce)];
  }

  /** The peer's SETTINGS are known: channels may be opened. */
  makeReady(maxFrame: number, openAllowance: number): void {
    this.#ready = true;
    this.#maxFrame = Math.min(maxFrame, this.#init.limits.maxFrame);
    this.channels.raiseOpenAllowance(openAllowance);
  }

  /** What leaves is kept until it is acknowledged, at most about `window` bytes; 0: it is not, the peer cannot resume. */
  keep(window: number): void {
    if (window === 0) {
      this.#replay?.clear();
      this.#replay = undefined;
      return;
    }
    this.#messages = false; // as far as frames are concerned: a link of messages may follow one of bytes
    this.#window = window;
    this.#maxFrame = Math.min(this.#maxFrame, window);
  }

  /** The peer has everything below `position`. False when that was not sent. */
  forget(position: number): boolean {
    return this.#replay?.trim(position) ?? true;
  }

  /** More waits for its acknowledgement than any peer makes us wait for that reads and answers. */
  get isOverfull(): boolean {
    return this.#replay !== undefined && this.#replay.length > this.#window + RESUME_SLACK;
  }

  /** The peer may lack something that was said, and can still get it over another link. */
  get isUnheard(): boolean {
    if (this.#replay === undefined) return false;
    const waits = this.#goaway !== undefined || !this.channels.isEmpty;
    return waits || this.#acks.acked < this.#said;
  }

  /** Another link, which this opens; what is to be sent follows when `linked`. Without both there is none: nothing leaves. */
  relink(prelude: Uint8Array[], linked: boolean): void {
    this.#prelude = prelude;
    this.#linked = linked;
  }

  get goawaySent(): boolean {
    return this.#greeted && this.#goaway === undefined;
  }

  /** The channel's bytes leave so from now on. */
  prioritize(stream: MuxStream, priority: Priority): void {
    this.#scheduler.change(stream, priority);
  }

  /** It leaves soon or never. */
  datagram(datagram: Datagram): void {
    this.#init.counters.datagramsDropped += this.#datagrams.push(datagram);
  }

  /** Ends what is open of both directions with this code. */
  giveUp(stream: MuxStream, code: number): void {
    stream.stopCode = stream.resetCode = code;
    stream.queue.clear();
    this.channels.owe(stream, stream.stepSend('reset') ? Owed.stop | Owed.reset : Owed.stop);
  }

  /** Only the newest is answered: a reply to it answers all before it. */
  pong(seq: number): void {
    this.#pong = seq;
  }

  ping(seq: number): void {
    this.#ping = seq;
  }

  get pingUnsent(): boolean {
    return this.#ping !== undefined;
  }

  goaway(body: GoawayBody): void {
    this.#goaway = body;
  }

  /** Drops all that is owed; the last word is `goaway`, when there is one to say. */
  fail(goaway: GoawayBody | undefined): void {
    this.channels.clear();
    this.#ping = this.#pong = undefined;
    this.#datagrams.clear();
    this.#goaway = this.#linked ? goaway : undefined;
    this.#over = true;
    if (this.#goaway !== undefined) return;
    this.#greeted = true;
    this.#prelude = [];
    this.#replay?.clear();
  }

  /** Whole frames, about `max` bytes of them. On a message link the result is one message. */
  take(max: number, now: number): Uint8Array[] {
    const limit = this.#init.messages ? Math.min(max, MESSAGE_TARGET) : max;
    if (limit <= 0) return [];
    const opening =
      this.#prelude.length > 0 || this.#replay?.isReplaying ? this.#replayed(limit, now) : undefined;
    if (!this.#linked || this.#replay?.isReplaying) return opening ?? [];
    this.#acks.meter.pace.drain(now);
    const { size } = this.#layOut(limit, now);
    const idle = this.#scheduler.isEmpty && this.#acks.meter.hasRoom(size);
    this.#acks.left(size, this.#quiet, idle, now);
    this.#init.counters.bytesSent += size;
    const parts = this.#frames.take();
    if (this.#replay !== undefined && !this.#over) {
      this.#replay.push(parts);
      if (size > this.#quiet) this.#said = this.#replay.end;
    }
    return opening === undefined ? parts : [...opening, ...parts];
  }

  /** What stands before new frames: the link's opening, and what has to be sent again. */
  #replayed(limit: number, now: number): Uint8Array[] {
    const { counters } = this.#init;
    const prelude = this.#prelude;
    this.#prelude = [];
    const again = (this.#linked && this.#replay?.take(limit)) || [];
    for (const { length } of prelude) counters.bytesSent += length;
    for (const { length } of again) {
      counters.bytesSent += length;
      counters.bytesReplayed += length;
      this.#acks.meter.onSent(length, 0, false, now);
    }
    return [...prelude, ...again];
  }

  #layOut(limit: number, now: number): FrameLedger {
    const ready = this.#ready && !this.#over;
    const frames = this.#frames;
    this.#quiet = 0;
    this.#link();
    if (ready) this.channels.layOut(limit);
    if (!this.#over && this.#acks.isOwed && (frames.size > 0 || this.#acks.isDue(now))) this.#ack(now);
    if (ready) {
      this.#sendDatagrams(limit);
      this.#data(limit, now);
    }
    return frames;
  }

  #ack(now: number): void {
    this.#quietly(Kind.ack, this.#acks.take(now));
  }

  /** A frame that owes no ACK. */
  #quietly(kind: number, body: Uint8Array): void {
    const before = this.#frames.size;
    this.#frames.control(kind, 0, body);
    this.#quiet += this.#frames.size - before;
  }

  /** Frames on channel 0. */
  #link(): void {
    if (!this.#greeted) {
      this.#greeted = true;
      this.#frames.control(Kind.settings, 0, this.#init.settings);
      this.#frames.control(Kind.extension, 0, greaseExtension(this.#init.nonce));
    }
    if (this.#goaway !== undefined) {
      const { lastAccepted, code, reason } = this.#goaway;
      const wire = this.#lastOnWire(lastAccepted);
      this.#frames.control(Kind.goaway, 0, encodeGoaway({ lastAccepted: wire, code, reason }));
      this.#goaway = undefined;
    }
    if (this.#pong !== undefined) this.#quietly(Kind.pong, encodeVarints(this.#pong));
    if (this.#ping !== undefined) this.#quietly(Kind.ping, encodeVarints(this.#ping));
    this.#pong = this.#ping = undefined;
    const refill = this.#over ? undefined : this.#table.refill();
    if (refill !== undefined) this.#frames.control(Kind.maxChannels, 0, encodeVarints(refill));
  }

  #lastOnWire(id: number): number {
    if (id < 0) return 0;
    return id === MAX_CHANNEL_ID ? id : this.#table.toWire(id);
  }

  /** While DATA waits too, half of an output is all they get. */
  #sendDatagrams(limit: number): void {
    const most = this.#scheduler.isEmpty ? limit : limit / 2;
    while (this.#frames.size < most && !this.#isFull) {
      const datagram = this.#datagrams.shift();
      if (datagram === undefined) return;
      const { id, bytes } = datagram;
      const { counters } = this.#init;
      const stream = this.#table.get(id);
      if (id !== 0 && stream?.isOver !== false) counters.datagramsDropped++;
      else {
        counters.datagramsSent++;
        if (stream === undefined) this.#frames.control(Kind.datagram, 0, bytes);
        else this.#frames.onChannel(stream, Kind.datagram, bytes);
      }
    }
  }

  #data(limit: number, now: number): void {
    while (this.#frames.size < limit && !this.#isFull) {
      const stream = this.#scheduler.next(this.#frameSize);
      if (stream === undefined) return;
      if (!stream.sendable) {
        this.#scheduler.remove(stream);
        continue;
      }
      if (this.#acks.isOwed) this.#ack(now); // before DATA: on a message link nothing may follow the last
      this.#frame(stream, limit);
    }
  }

  get #frameSize(): number {
    return Math.min(this.#maxFrame, this.#acks.meter.frameSize);
  }

  /** The line holds no more, or a frame more would not fit the window. One always may be under way: who keeps quiet frames only gets no ACK. */
  get #isFull(): boolean {
    const { meter } = this.#acks;
    const size = this.#frames.size;
    if (!meter.hasRoom(size)) return true;
    return size + (this.#replay?.length ?? 0) + this.#maxFrame > this.#window && size + meter.inFlight > 0;
  }

  #frame(stream: MuxStream, limit: number): void {
    const messages = this.#messages;
    const frames = this.#frames;
    const size = stream.queue.nextSize(Math.min(stream.credit.left, this.#frameSize));
    const fin = stream.send === 'finishing' && stream.queue.isLast(size);
    const type = Kind.data | (fin ? FIN : 0) | (stream.queue.endsMessage(size) ? EOM : 0);
    stream.credit.sent += size;
    const last =
      messages && (frames.size + size >= limit || (stream.queue.isLast(size) && this.#scheduler.isAlone));
    frames.data(stream, type, size, last);
    this.#scheduler.charge(size);
    if (fin || !stream.sendable) this.#scheduler.remove(stream);
    if (stream.isBlocked) this.channels.owe(stream, Owed.blocked);
    if (stream.wantsWritable && stream.queue.length * 2 <= this.#init.limits.sendHighWater)
      this.#tellWritable(stream);
    if (fin) {
      stream.stepSend('finSent');
      this.#table.settle(stream);
    }
  }

  #tellWritable(stream: MuxStream): void {
    stream.wantsWritable = false;
    if (stream.send === 'open') this.#init.events.push({ type: 'writable', id: stream.id });
  }
}
