/**
 * The multiplexer as an engine without IO, clock, randomness or callbacks: bytes and times go in, bytes and events come
 * out. `Session` in src/peer drives it over any link.
 *
 *     feed(chunk, now)   bytes from the link          next()           events, until undefined
 *     endOfInput(now)    the link's end               takeOutput(max, now)  whole frames, picked then
 *     tick(now)          time has passed              deadline()       when to call tick
 *     read(id)           bytes of a channel           write(id, bytes)
 *
 * Channel ids are relative: even = opened here, odd = opened by the peer (see table.ts). `open` works from the start;
 * OPEN and data leave as soon as the peer's SETTINGS have come, which both ends send unasked.
 */
import { Fifo } from '../base/fifo.ts';
import { Acks } from './acks.ts';
import {
  type ChannelMode,
  DEFAULT_URGENCY,
  encodeAccept,
  encodeOpen,
  encodePriority,
  type GoawayBody,
  isCount,
  MODES,
  type Priority,
} from './bodies.ts';
import type { ControlValue } from './control.ts';
import { consequencesOf, describeCode, MuxError, WireCode } from './errors.ts';
import type { EventQueue, MuxEvent } from './events.ts';
import { NONCE_LENGTH } from './frame.ts';
import { Goodbye } from './goodbye.ts';
import { isSendOver } from './halves.ts';
import { Inbox } from './inbox.ts';
import type { InboxOwner } from './inboxParts.ts';
import { Keepalive } from './keepalive.ts';
import { EARLY_MESSAGE, type MuxLimits, resolveLimits } from './limits.ts';
import { Outbox } from './outbox.ts';
import { Pings } from './pings.ts';
import { rememberEncoded } from './remembered.ts';
import { Replay } from './replay.ts';
import { Resumption } from './resume.ts';
import type { Hmac, ResumeRequest } from './resumeProof.ts';
import { encodeSettings, type PeerSettings } from './settings.ts';
import { type Counters, type MuxStats, newCounters } from './stats.ts';
import { type ChannelTraffic, type MuxStream, Owed } from './stream.ts';
import { ChannelTable } from './table.ts';

export interface MuxSessionInit {
  /** True on a message link: no preface, frames end with their message. */
  readonly messages: boolean;
  /** 8 fresh random bytes: they decide which end opens odd ids. */
  readonly nonce: Uint8Array;
  readonly limits?: Partial<MuxLimits>;
  /** HMAC-SHA-256, given by whoever can bring a session another link (see resume.ts). Absent: it ends with its link. */
  readonly hmac?: Hmac;
  readonly now: number;
  /** What the peer may know of this program; at most 64 characters. */
  readonly software?: string;
  /** Numbers of EXT frames that this end understands. */
  readonly extensions?: readonly number[];
}

export interface OpenOptions {
  /** 0 (first) to 7 (last); default 3. Holds for both directions. */
  readonly urgency?: number;
  /** Default true. False: of no use in parts, so it does not take turns with others of its urgency (RFC 9218). */
  readonly sharing?: boolean;
  /** 'messages': one `write` is one `read` at the other end. Default 'bytes'. */
  readonly mode?: ChannelMode;
}

/** The bytes of one channel, as counted by both ends. */
export interface ChannelAccount {
  readonly sent: number;
  readonly sendLimit: number;
  readonly queued: number;
  readonly received: number;
  readonly granted: number;
  readonly consumed: number;
  /** How far `granted` is ahead of `consumed` at each grant: it follows what is read in a round trip. */
  readonly window: number;
}

/** GOAWAY codes that end the session at once; any other announces an orderly end. */
const FATAL: ReadonlySet<number> = new Set([
  WireCode.protocol,
  WireCode.flowControl,
  WireCode.limit,
  WireCode.internal,
  WireCode.idle,
  WireCode.cancelled,
  WireCode.unsupported,
  WireCode.unknownSession,
  WireCode.lost,
]);

export class MuxSession {
  readonly limits: MuxLimits;
  readonly #events: EventQueue = new Fifo();
  readonly #counters: Counters = newCounters();
  readonly #table: ChannelTable;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #keepalive: Keepalive;
  readonly #acks: Acks;
  /** Undefined: the session ends with its link. */
  readonly resumption: Resumption | undefined;
  #settings: PeerSettings | undefined;
  readonly #goodbye: Goodbye;
  #over = false;
  #now: number;
  #error: MuxError | undefined;
  readonly #encodeOpen = rememberEncoded(encodeOpen);
  readonly #encodeAccept = rememberEncoded(encodeAccept);
  readonly #pings = new Pings();

  constructor(init: MuxSessionInit) {
    if (init.nonce.length !== NONCE_LENGTH)
      throw new RangeError(`nonce of ${init.nonce.length} bytes, wanted ${NONCE_LENGTH}`);
    const { messages, nonce, now } = init;
    this.#now = now;
    const limits = (this.limits = resolveLimits(init.limits));
    const events = this.#events;
    const counters = this.#counters;
    const acks = (this.#acks = new Acks(limits.maxFrame));
    const table = (this.#table = new ChannelTable(events, limits));
    const resumes = init.hmac !== undefined && limits.resumeWindow > 0 && limits.resumeTtl > 0;
    const replay = resumes ? new Replay() : undefined;
    const resume = resumes ? { window: limits.resumeWindow, ttl: limits.resumeTtl } : undefined;
    const { software, extensions } = init;
    const own = { nonce: messages ? nonce : undefined, resume, software, extensions, grease: nonce };
    const settings = encodeSettings(limits, own);
    const outbox = new Outbox({ messages, nonce, settings, limits, table, events, counters, acks, replay });
    this.#outbox = outbox;
    this.#goodbye = new Goodbye(outbox, table);
    const inbox = (this.#inbox = new Inbox({
      ...{ messages, nonce, limits, table, outbox, events, counters, acks, now },
      owner: this.#owner(),
    }));
    const keepalive = (this.#keepalive = new Keepalive(limits.idleTimeout, now));
    this.resumption =
      replay === undefined
        ? undefined
        : new Resumption({
            ...{ hmac: init.hmac!, nonce, limits, replay, acks, inbox, outbox, keepalive, events, counters },
          });
  }

  // The link's side.

  feed(chunk: Uint8Array, now: number): void {
    if (this.#over) return;
    this.#now = Math.max(this.#now, now);
    this.#keepalive.heard(now);
    if (this.resumption?.isResuming) this.#answered(this.resumption, chunk, now);
    else this.#inbox.push(chunk, now);
  }

  /** A link that was made here to go on with: the other end's answer comes first. */
  #answered(resumption: Resumption, chunk: Uint8Array, now: number): void {
    try {
      for (const part of resumption.answered(chunk, now) ?? []) this.#inbox.push(part, now);
    } catch (thrown) {
      const error = asMuxError(thrown);
      if (error.code === 'ERR_MUX_LOST') this.#fail(error);
      else this.linkLost(error, now);
    }
  }

  /** The next event. Frames are parsed here, so replies and state are those of the events pulled so far. */
  next(): MuxEvent | undefined {
    try {
      this.#inbox.settle();
      for (;;) {
        const event = this.#events.shift();
        if (event !== undefined || this.#over) return event;
        if (!this.#inbox.advance()) return this.#events.shift();
      }
    } catch (error) {
      this.#fail(asMuxError(error));
      return this.#events.shift();
    }
  }

  /** The link's other end sends no more. Call it when `next` has returned undefined. */
  endOfInput(now: number = this.#now): void {
    if (this.#over) return;
    if (this.#isDone && this.#inbox.atBoundary) this.#close(undefined, undefined);
    else this.linkLost(new MuxError('ERR_MUX_LINK_CLOSED', 'link ended without a goodbye'), now);
  }

  /** The link is gone: the session waits for another where it can, and is over otherwise. */
  linkLost(error: MuxError, now: number): void {
    if (this.#over) return;
    if (this.#isDone || !this.resumption?.suspend(error, now)) this.#fail(error);
  }

  /** A goodbye was said, and nothing is left to lose. */
  get #isDone(): boolean {
    return this.#table.live === 0 && (this.#goodbye.isBegun || this.#goodbye.isHeard);
  }

  /** The peer asks to go on over a link that it made. False: not here, or not proven, and nothing has changed. */
  acceptResume(request: ResumeRequest, now: number): boolean {
    if (this.#over) return false;
    try {
      return this.resumption?.accept(request, now) ?? false;
    } catch (error) {
      this.#fail(asMuxError(error));
      return false;
    }
  }

  /** Waits for no link any more. */
  giveUp(why: string): void {
    this.#fail(new MuxError('ERR_MUX_LOST', `the link was lost, and ${why}`));
  }

  /** After `resume`: the link is another session's now, with what came behind the request. Nothing follows here. */
  handOver(): Uint8Array[] {
    this.#over = true;
    return this.#inbox.rest();
  }

  /** After `resume`: there is no such session here. The last word says so. */
  refuseResume(): void {
    const error = new MuxError('ERR_MUX_LOST', 'the other end asks for a session that is not here');
    this.#close(error, { lastAccepted: -1, code: WireCode.unknownSession, reason: '' });
  }

  /** Whole frames of about `max` bytes; empty when there is nothing to send. One call is one message. */
  takeOutput(max: number, now: number): Uint8Array[] {
    this.#now = Math.max(this.#now, now);
    const parts = this.#outbox.take(max, this.#now);
    if (this.#outbox.wantsAnswer) this.ping(now);
    if (this.#outbox.isOverfull)
      this.#fail(new MuxError('ERR_MUX_LIMIT', 'peer acknowledges nothing of what it is sent'));
    return parts;
  }

  /** When to call `tick`, and to look for output. It moves nearer when the peer's bytes owe it an ACK. */
  deadline(): number | undefined {
    if (this.#over) return undefined;
    const giveUp = this.resumption?.deadline();
    if (giveUp !== undefined) return giveUp;
    return earliest(this.#acks.deadline(), earliest(this.#keepalive.deadline(), this.#goodbye.deadline()));
  }

  tick(now: number): void {
    if (this.#over) return;
    const giveUp = this.resumption?.deadline();
    if (giveUp !== undefined) {
      if (now >= giveUp) this.giveUp('no other came in time');
      return;
    }
    this.#acks.tick(now);
    this.#goodbye.tick(now);
    const action = this.#keepalive.tick(now);
    if (action === 'ping') this.ping(now);
    else if (action === 'dead')
      this.linkLost(new MuxError('ERR_MUX_IDLE', `nothing came for ${this.limits.idleTimeout} ms`), now);
  }

  // The application's side: channels.

  /** Opens a channel; it can be written to at once. Throws MuxError when the session takes none. */
  open(name: string, meta?: ControlValue, options: OpenOptions = {}): number {
    this.#checkOpenable();
    const { urgency = DEFAULT_URGENCY, sharing = true, mode = 'bytes' } = options;
    const body = this.#encodeOpen({
      mode: MODES.indexOf(mode),
      urgency,
      sharing,
      credit: this.limits.initialCredit,
      name,
      meta,
    });
    const sendLimit = this.#settings?.initialCredit ?? 0;
    const messages = mode === 'messages';
    const stream = this.#table.openHere({ messages, urgency, sharing, sendLimit });
    stream.openBody = body;
    this.#counters.opened++;
    this.#outbox.addOpen(stream);
    return stream.id;
  }

  #checkOpenable(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#over || this.#goodbye.isBegun) throw new MuxError('ERR_MUX_CLOSED', 'session is closing here');
    if (this.#goodbye.isHeard) throw new MuxError('ERR_MUX_GOAWAY', 'the other end takes no new channels');
    if (this.#outbox.pendingOpens >= this.limits.maxPendingOpens)
      throw new MuxError(
        'ERR_MUX_PENDING',
        `${this.limits.maxPendingOpens} channels wait to be opened already`,
      );
    if (this.#table.hasIds) return;
    this.goaway(WireCode.none, 'channel numbers are used up');
    const hint = 'start a new session';
    throw new MuxError('ERR_MUX_CLOSED', 'all channel numbers of this session are used up', { hint });
  }

  /** Takes an incoming channel: what was written to it leaves from now on. Does nothing when it is gone already. */
  accept(id: number, meta?: ControlValue): void {
    const body = this.#encodeAccept({ credit: this.limits.initialCredit, meta });
    const stream = this.#table.get(id);
    if (stream === undefined || !stream.inBacklog) return;
    this.#table.leaveBacklog(stream);
    stream.accepted = true;
    stream.acceptBody = body;
    this.#outbox.owe(stream, Owed.accept);
    this.#outbox.wake(stream);
  }

  /** Refuses an incoming channel: both directions end at once. False when it is not waiting for an answer. */
  refuse(id: number, code: number = WireCode.refused): boolean {
    checkCode(code);
    const stream = this.#table.get(id);
    if (stream === undefined || !stream.inBacklog) return false;
    stream.resetCode = code;
    stream.stepSend('reset');
    stream.stepReceive('stop');
    stream.discard();
    this.#outbox.owe(stream, Owed.reset);
    this.#table.settle(stream);
    return true;
  }

  /**
   * Queues bytes (one array or the parts of one write) and takes them over; on a channel of messages they are one
   * message. False: stop until `writable`. Bytes for a channel that is gone, finished or stopped are dropped. Throws
   * MuxError ERR_MUX_ARGUMENT for a message that is larger than the other end takes.
   */
  write(id: number, bytes: Uint8Array | readonly Uint8Array[]): boolean {
    const stream = this.#table.get(id);
    if (stream === undefined || stream.send !== 'open') return false;
    if (stream.messages === undefined) stream.queue.push(bytes);
    else {
      checkMessage(bytes, this.#settings?.maxMessage ?? EARLY_MESSAGE);
      stream.queue.pushMessage(bytes);
    }
    this.#outbox.wake(stream);
    if (stream.queue.length < this.limits.sendHighWater) return true;
    stream.wantsWritable = true;
    return false;
  }

  /** Changes what it names: how we send the channel, and how the other end is asked to. Takes effect at once here. */
  prioritize(id: number, priority: Partial<Priority>): void {
    const stream = this.#table.get(id);
    if (stream === undefined) return;
    const { urgency = stream.urgency, sharing = stream.sharing } = priority;
    stream.priorityBody = encodePriority({ urgency, sharing });
    this.#outbox.prioritize(stream, { urgency, sharing });
    this.#outbox.owe(stream, Owed.priority);
  }

  /** How the channel is sent from here. */
  priority(id: number): Priority | undefined {
    const stream = this.#table.get(id);
    return stream && { urgency: stream.urgency, sharing: stream.sharing };
  }

  /**
   * Sends a datagram on a channel, or on the session (0): soon, or never when the link has no room. False when it cannot:
   * the other end takes none or has not said so yet, or the channel is not open there. Throws MuxError ERR_MUX_ARGUMENT
   * when it is larger than the other end takes.
   */
  sendDatagram(id: number, bytes: Uint8Array): boolean {
    const most = this.#settings?.maxDatagram ?? 0;
    if (this.#over || most === 0) return false;
    if (bytes.length > most)
      throw new MuxError(
        'ERR_MUX_ARGUMENT',
        `datagram of ${bytes.length} bytes, the other end takes at most ${most}`,
      );
    const stream = this.#table.get(id);
    if (id !== 0 && (stream === undefined || stream.isOver || stream.openBody !== undefined)) return false;
    this.#outbox.datagram({ id, bytes });
    return true;
  }

  /** Bytes that wait in a channel for credit, a turn or the link. */
  queued(id: number): number {
    return this.#table.get(id)?.queue.length ?? 0;
  }

  /** Ends our direction after what was written. */
  finish(id: number): void {
    const stream = this.#table.get(id);
    if (stream?.stepSend('finish')) this.#outbox.wake(stream);
  }

  /** Gives up our direction: what waits is dropped. A channel that waits for `accept` is refused. False when it was over. */
  reset(id: number, code: number = WireCode.cancelled): boolean {
    checkCode(code);
    const stream = this.#table.get(id);
    // The peer takes a RESET before ACCEPT for a refusal.
    if (stream?.inBacklog && stream.send !== 'reset') return this.refuse(id, code);
    if (stream === undefined || !stream.stepSend('reset')) return false;
    stream.queue.clear();
    stream.resetCode = code;
    this.#outbox.owe(stream, Owed.reset);
    this.#table.settle(stream);
    return true;
  }

  /** Reads no more: what still comes is discarded. False when all had come and was read already. */
  stop(id: number, code: number = WireCode.none): boolean {
    checkCode(code);
    const stream = this.#table.get(id);
    if (stream === undefined) return false;
    const unread = stream.unread.length > 0;
    stream.discard();
    const stopped = stream.stepReceive('stop');
    if (stopped) {
      stream.stopCode = code;
      this.#outbox.owe(stream, Owed.stop);
    }
    this.#table.settle(stream);
    return stopped || unread;
  }

  /**
   * The next bytes of a channel in order, or its next whole message; undefined when none wait. Leaving the queue is the read: the sender gets new
   * credit. Taken during the `readable` event they are a view of the chunk that was fed, later they may be copies. What the
   * peer had finished can still be read when the session is over.
   */
  read(id: number): Uint8Array | undefined {
    const stream = this.#table.get(id);
    const bytes = stream?.take();
    if (stream === undefined || bytes === undefined) return undefined;
    stream.grant.consume(bytes.length);
    if (stream.receive !== 'open') {
      stream.grant.end(stream.unread.length);
      this.#table.settle(stream);
      return bytes;
    }
    stream.grant.tune(this.#now, this.#acks.meter.minRtt);
    if (stream.grant.worthGranting || stream.isStarving) this.#outbox.owe(stream, Owed.credit);
    return bytes;
  }

  /** Both directions were finished: nothing is missing but the reading. */
  isComplete(id: number): boolean {
    const stream = this.#table.get(id);
    return stream?.send === 'finished' && stream.receive === 'ended';
  }

  /** True when `read` would give something. */
  isReadable(id: number): boolean {
    return this.#table.get(id)?.isReadable ?? false;
  }

  /** Bytes that came and were not read. */
  unread(id: number): number {
    return this.#table.get(id)?.unread.length ?? 0;
  }

  /** The handler of an incoming channel has ended. Until then the channel counts against the peer's limit. */
  release(id: number): void {
    this.#table.release(id);
  }

  // The session's side.

  /** Asks for a sign of life; `pong` events with this number or a higher one answer it. */
  ping(now: number): number {
    if (this.#over) return this.#pings.newest;
    const seq = this.#outbox.pingUnsent ? this.#pings.newest : this.#pings.ask(now);
    this.#outbox.ping(seq);
    return seq;
  }

  /**
   * Takes no new channels any more; the open ones go on, and those that the peer is just opening are taken. The peer is told
   * to open no more; a round trip later (a second, if it does not answer) it hears what was the last.
   */
  goaway(code: number = WireCode.none, reason = ''): void {
    checkCode(code);
    if (!this.#over) this.#goodbye.begin({ code, reason }, this.#now, () => this.ping(this.#now));
  }

  /** True when this end said goodbye, the word has left, and no channel or handler of the peer's is left. */
  get isDrained(): boolean {
    if (this.#over) return true;
    return (
      this.#goodbye.isFinal && this.#outbox.goawaySent && this.#table.live === 0 && this.#table.held === 0
    );
  }

  /** Gives everything up. One GOAWAY may still be taken from the output. */
  abort(error: MuxError = new MuxError('ERR_MUX_ABORTED', 'session was aborted here')): void {
    this.#fail(error);
  }

  get isOver(): boolean {
    return this.#over;
  }

  get error(): MuxError | undefined {
    return this.#error;
  }

  get settings(): PeerSettings | undefined {
    return this.#settings;
  }

  /** What the channel has cost so far: one live object, good after the channel's end as well. */
  traffic(id: number): ChannelTraffic | undefined {
    return this.#table.get(id);
  }

  /** The channel's number on the wire, the same at both ends; known when the session is ready. */
  wireId(id: number): number {
    return this.#table.toWire(id);
  }

  /** Position of the peer's stream of frames up to which all has come. */
  get received(): number {
    return this.#acks.received;
  }

  /** Position of our stream of frames that the peer has confirmed. */
  get acked(): number {
    return this.#acks.acked;
  }

  account(id: number): ChannelAccount | undefined {
    const stream = this.#table.get(id);
    if (stream === undefined) return undefined;
    const { credit, grant, queue } = stream;
    return {
      sent: credit.sent,
      sendLimit: credit.limit,
      queued: queue.length,
      received: grant.received,
      granted: grant.limit,
      consumed: grant.consumed,
      window: grant.window,
    };
  }

  /** Bytes held for a replay, for sending and for readers. */
  get held(): number {
    let bytes = this.resumption?.held ?? 0;
    for (const { queue, unread } of this.#table.values()) bytes += queue.length + unread.length;
    return bytes;
  }

  stats(): MuxStats {
    return {
      ...this.#counters,
      ...this.#acks.meter.stats(),
      channels: this.#table.size,
      incoming: this.#table.held,
    };
  }

  #owner(): InboxOwner {
    const session = this;
    return {
      get draining() {
        return session.#goodbye.isFinal;
      },
      onSettings: (settings) => this.#onSettings(settings),
      onPong: (seq) => this.#onPong(seq),
      onGoaway: (goaway) => this.#onGoaway(goaway),
      onResume: (request) => this.#events.push({ type: 'resume', request }),
    };
  }

  #onSettings(settings: PeerSettings): void {
    this.#settings = settings;
    this.resumption?.agree(settings.resume);
    for (const stream of this.#table.values()) {
      stream.credit.raise(settings.initialCredit);
      if (stream.queue.largestMessage > settings.maxMessage) this.#saidTooMuch(stream, settings.maxMessage);
    }
    this.#events.push({ type: 'ready', settings });
  }

  /** A message was written before the other end said that it takes no such ones. */
  #saidTooMuch(stream: MuxStream, most: number): void {
    stream.stepReceive('stop');
    const text = `message of ${stream.queue.largestMessage} bytes, the other end takes at most ${most}`;
    this.#outbox.giveUp(stream, WireCode.tooLarge);
    this.#events.push({ type: 'reset', id: stream.id, error: new MuxError('ERR_MUX_ARGUMENT', text) });
  }

  /** False when no such question is open. */
  #onPong(seq: number): boolean {
    const rtt = this.#pings.answer(seq, this.#keepalive.heardAt);
    if (rtt === undefined) return false;
    this.#goodbye.pong(seq);
    this.#events.push({ type: 'pong', seq, rtt });
    return true;
  }

  #onGoaway({ lastAccepted, code, reason }: GoawayBody): void {
    const said = reason === '' ? '' : `: '${reason}'`;
    if (FATAL.has(code)) {
      const text = `the other end gave up with code ${describeCode(code)}${said}`;
      this.#close(new MuxError('ERR_MUX_REMOTE', text, { resetCode: code }), undefined);
      return;
    }
    if (!this.#goodbye.isHeard) this.#events.push({ type: 'goaway', code, reason });
    if (!this.#goodbye.heard(lastAccepted))
      throw new MuxError('ERR_MUX_PROTOCOL', 'GOAWAY takes back what it said');
    this.#outbox.dropOpens();
    for (const stream of [...this.#table.values()])
      if (stream.openedHere && (stream.id > lastAccepted || stream.openBody !== undefined))
        this.#neverSeen(stream, `${describeCode(code)}${said}`);
  }

  #neverSeen(stream: MuxStream, why: string): void {
    stream.queue.clear();
    if (!isSendOver(stream.send)) stream.stepSend('reset');
    stream.stepReceive('reset');
    stream.discard();
    this.#table.remove(stream);
    const text = `the other end takes no new channels, code ${why}`;
    const hint = 'it never looked at this channel: open it again on another session';
    this.#events.push({
      type: 'refused',
      id: stream.id,
      error: new MuxError('ERR_MUX_GOAWAY', text, { hint }),
    });
  }

  #fail(error: MuxError): void {
    const { wire } = consequencesOf(error.code);
    const goaway = { lastAccepted: this.#table.highestThere, code: wire, reason: '' };
    this.#close(error, wire === WireCode.none ? undefined : goaway);
  }

  #close(error: MuxError | undefined, goaway: GoawayBody | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#outbox.fail(goaway);
    this.#table.clear();
    this.#events.push({ type: 'closed', error });
  }
}

/** Nothing but MuxError is expected; should a bug throw something else, the link ends and the process does not. */
function asMuxError(error: unknown): MuxError {
  if (error instanceof MuxError) return error;
  return new MuxError('ERR_MUX_PROTOCOL', 'a frame could not be handled', { cause: error });
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}

function checkMessage(bytes: Uint8Array | readonly Uint8Array[], most: number): void {
  let size = 0;
  for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) size += part.length;
  if (size > most)
    throw new MuxError('ERR_MUX_ARGUMENT', `message of ${size} bytes, the other end takes at most ${most}`);
}

function checkCode(code: number): void {
  if (!isCount(code)) throw new MuxError('ERR_MUX_ARGUMENT', `code ${code}, wanted a whole number from 0`);
}
