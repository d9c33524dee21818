/**
 * Reads what the peer sends. Parsing is on demand and never waits for an application: data goes to its channel's queue,
 * control frames to `channelFrames.ts` and `linkFrames.ts`; what breaks a rule throws MuxError and ends the session, what
 * comes late for a closed channel is counted and ignored.
 */
import type { Acks } from './acks.ts';
import { ChannelFrames } from './channelFrames.ts';
import { FrameParser, type Step } from './codec.ts';
import { MuxError, WireCode } from './errors.ts';
import type { EventQueue } from './events.ts';
import { isQuiet, Kind } from './frame.ts';
import { acceptedBy, findOrLate, type InboxInit, type InboxParts, protocol } from './inboxParts.ts';
import { LinkFrames } from './linkFrames.ts';
import type { MessageLengths } from './messageLengths.ts';
import { Patience } from './patience.ts';
import { decodeResume } from './resumeProof.ts';
import type { Counters } from './stats.ts';
import { type MuxStream, Owed } from './stream.ts';

/** DATA with at least this much payload earns back one useless frame, and an ACK soon. */
const USEFUL = 256;

export class Inbox {
  readonly #parts: InboxParts;
  readonly #patience: Patience;
  readonly #events: EventQueue;
  readonly #counters: Counters;
  readonly #parser: FrameParser;
  readonly #link: LinkFrames;
  readonly #channels: ChannelFrames;
  /** Whose DATA is being read; undefined: it came late. */
  #target: MuxStream | undefined;
  /** Got bytes in the last step. */
  #fresh: MuxStream | undefined;
  readonly #acks: Acks;
  /** Position behind the last step. */
  #counted = 0;

  constructor(init: InboxInit) {
    this.#patience = new Patience(init.limits, init.counters, init.now);
    this.#parts = { ...init, patience: this.#patience };
    this.#events = init.events;
    this.#counters = init.counters;
    this.#acks = init.acks;
    this.#parser = new FrameParser(init.messages, init.limits.maxFrame, init.limits.maxDatagram);
    this.#link = new LinkFrames(this.#parts);
    this.#channels = new ChannelFrames(this.#parts);
  }

  push(chunk: Uint8Array, now: number): void {
    this.#patience.now = now;
    this.#counters.bytesReceived += chunk.length;
    this.#acks.came(now);
    this.#parser.push(chunk);
  }

  /** Position of the peer's stream behind all that came, read or not. */
  get end(): number {
    return this.#parser.end;
  }

  /** Both ends can go on over another link: the stream is bytes from here on, whatever carries it. */
  joinMessages(): void {
    this.#parser.joinMessages();
  }

  /** What came behind the last frame: for the session that the link is meant for. */
  rest(): Uint8Array[] {
    return this.#parser.rest();
  }

  get atBoundary(): boolean {
    return this.#parser.atBoundary;
  }

  /** The newest bytes were not read when they were announced. */
  settle(): void {
    this.#fresh?.unread.settle();
    this.#fresh = undefined;
  }

  /** Works off one step; false when more bytes are needed. Throws MuxError. */
  advance(): boolean {
    const parser = this.#parser;
    const step = parser.next();
    const size = this.#count(step);
    switch (step) {
      case 'more':
        return false;
      case 'preface':
        this.#link.preface(parser.bytes);
        return true;
      case 'head':
        this.#dataHead(parser.channel, parser.length, size);
        return true;
      case 'piece':
        this.#dataPiece(parser.bytes);
        return true;
      case 'frame':
        this.#frame(parser.kind, parser.channel, parser.bytes, size);
        return true;
    }
  }

  /** A step ends one frame or stands inside one, so its bytes are those of an ACK or of none. Returns how many they are. */
  #count(step: Step): number {
    const acks = this.#acks;
    const { position, kind } = this.#parser;
    acks.received = position;
    if (step === 'more') return 0;
    const size = position - this.#counted;
    if (step !== 'preface') {
      if (isQuiet(kind)) acks.oweLater(size);
      else acks.owe(size);
    }
    this.#counted = position;
    return size;
  }

  #charge(stream: MuxStream, bytes: number): void {
    stream.overheadReceived += bytes;
    this.#counters.overheadReceived += bytes;
  }

  #dataHead(channel: number, length: number, header: number): void {
    this.#counters.framesReceived++;
    if (!this.#link.greeted) throw protocol('DATA frame before SETTINGS');
    const stream = (this.#target = findOrLate(this.#parts, channel));
    if (stream !== undefined) {
      this.#charge(stream, header);
      if (stream.receive === 'ended' || stream.receive === 'reset')
        throw protocol(`DATA on channel ${channel} after its end`);
      if (length > stream.grant.left)
        throw new MuxError(
          'ERR_MUX_FLOW_CONTROL',
          `peer sent ${length} bytes on channel ${channel}, it had credit for ${stream.grant.left}`,
        );
      if (stream.grant.stoodSince !== undefined)
        stream.grant.goOn(this.#patience.now, this.#acks.meter.minRtt);
      if (stream.openedHere && !stream.accepted) acceptedBy(this.#parts, stream, undefined);
      this.#messageHead(stream, channel, length);
    }
    if (length >= USEFUL) this.#patience.useful();
    else if (length === 0 && !this.#parser.fin) this.#patience.glitch('empty DATA frame');
    if (length === 0) this.#dataDone();
  }

  #messageHead(stream: MuxStream, channel: number, length: number): void {
    const { fin, eom } = this.#parser;
    if (stream.messages === undefined) {
      if (eom) throw protocol(`end of a message on channel ${channel}, which carries bytes`);
      return;
    }
    if (stream.receive !== 'open') return;
    const size = stream.partial + length;
    if (fin && !eom && size > 0) throw protocol(`channel ${channel} ends inside a message`);
    if (size > this.#parts.limits.maxMessage) this.#tooLarge(stream);
  }

  /** It costs the channel and not the session. */
  #tooLarge(stream: MuxStream): void {
    const { table, outbox, limits, patience } = this.#parts;
    if (!stream.openedHere) patience.reset();
    stream.discard();
    stream.stepReceive('stop');
    outbox.giveUp(stream, WireCode.tooLarge);
    const text = `the other end sent a message of more than ${limits.maxMessage} bytes`;
    const error = new MuxError('ERR_MUX_LIMIT', text, { resetCode: WireCode.tooLarge });
    this.#events.push({ type: 'reset', id: stream.id, error });
    table.settle(stream);
  }

  #dataPiece(bytes: Uint8Array): void {
    const stream = this.#target;
    if (stream === undefined) this.#counters.lateBytes += bytes.length;
    else {
      stream.grant.received += bytes.length;
      this.#counters.payloadReceived += bytes.length;
      if (stream.receive === 'open') this.#keep(stream, bytes);
      else stream.grant.consume(bytes.length); // stopped by us: nobody will take it
    }
    if (this.#parser.left === 0) this.#dataDone();
  }

  #keep(stream: MuxStream, bytes: Uint8Array): void {
    if (stream.messages !== undefined) stream.partial += bytes.length;
    else if (stream.unread.length === 0) this.#events.push({ type: 'readable', id: stream.id });
    stream.unread.push(bytes);
    this.#fresh = stream;
  }

  #dataDone(): void {
    if (this.#parser.length >= USEFUL) this.#acks.hurry();
    const stream = this.#target;
    this.#target = undefined;
    if (stream?.receive === 'open' && stream.isStarving) this.#parts.outbox.channels.owe(stream, Owed.credit);
    if (stream?.messages !== undefined && this.#parser.eom && stream.receive === 'open')
      this.#messageDone(stream, stream.messages);
    if (stream === undefined || !this.#parser.fin || !stream.stepReceive('fin')) return;
    this.#events.push({ type: 'end', id: stream.id });
    this.#parts.table.settle(stream);
  }

  #messageDone(stream: MuxStream, messages: MessageLengths): void {
    if (messages.count === 0) this.#events.push({ type: 'readable', id: stream.id });
    messages.push(stream.partial);
    stream.partial = 0;
  }

  /** Whose frame it is: OPEN makes its channel, RESET and others may end theirs. */
  #frame(kind: number, channel: number, body: Uint8Array, size: number): void {
    const { table } = this.#parts;
    const made = kind === Kind.open;
    if (made) this.#control(kind, channel, body);
    const stream = channel === 0 ? undefined : table.get(table.fromWire(channel));
    if (stream !== undefined) this.#charge(stream, size);
    if (!made) this.#control(kind, channel, body);
  }

  #control(kind: number, channel: number, body: Uint8Array): void {
    this.#counters.framesReceived++;
    if (!this.#link.greeted && kind !== Kind.settings) {
      if (kind !== Kind.resume) throw protocol('first frame is not SETTINGS');
      this.#parts.owner.onResume(decodeResume(body));
      return;
    }
    if (kind === Kind.datagram) this.#datagram(channel, body);
    else if (channel !== 0 && kind !== Kind.extension) this.#channels.handle(kind, channel, body);
    else this.#link.handle(kind, body);
  }

  #datagram(channel: number, bytes: Uint8Array): void {
    const { limits } = this.#parts;
    if (limits.maxDatagram === 0) throw protocol('datagram for an end that takes none');
    if (bytes.length === 0) this.#patience.glitch('empty datagram');
    if (channel !== 0 && findOrLate(this.#parts, channel) === undefined) return;
    this.#counters.datagramsReceived++;
    this.#events.push({
      type: 'datagram',
      id: channel === 0 ? 0 : this.#parts.table.fromWire(channel),
      bytes,
    });
  }
}
