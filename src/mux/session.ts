/**
 * The multiplexer as an engine without IO, clock, randomness or callbacks: bytes and times go in, bytes and events come
 * out. `MuxDriver` in src/peer drives it over any link.
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
import type { GoawayBody } from './bodies.ts';
import { checkCode, MuxChannels } from './channels.ts';
import { consequencesOf, describeCode, MuxError, WireCode } from './errors.ts';
import type { EventQueue, MuxEvent } from './events.ts';
import { NONCE_LENGTH } from './frame.ts';
import { Goodbye } from './goodbye.ts';
import { isSendOver } from './halves.ts';
import { Inbox } from './inbox.ts';
import type { InboxOwner } from './inboxParts.ts';
import { Keepalive } from './keepalive.ts';
import { type MuxLimits, resolveLimits } from './limits.ts';
import { Outbox } from './outbox.ts';
import { Pings } from './pings.ts';
import { Replay } from './replay.ts';
import { Resumption } from './resume.ts';
import type { Hmac, ResumeRequest } from './resumeProof.ts';
import { encodeSettings, type PeerSettings } from './settings.ts';
import { type MuxStats, newCounters } from './stats.ts';
import type { MuxStream } from './stream.ts';
import { ChannelTable } from './table.ts';

export interface MuxSessionInit {
  /** True on a message link: no preface, frames end with their message. */
  readonly messages: boolean;
  /** 8 fresh random bytes: they decide which end opens odd ids. */
  readonly nonce: Uint8Array;
  readonly limits?: Partial<MuxLimits> | undefined;
  /** HMAC-SHA-256, given by whoever can bring a session another link (see resume.ts). Absent: it ends with its link. */
  readonly hmac?: Hmac | undefined;
  readonly now: number;
  /** What the peer may know of this program; at most 64 characters. */
  readonly software?: string | undefined;
  /** Numbers of EXT frames that this end understands. */
  readonly extensions?: readonly number[];
}

/** Codes of the protocol with which GOAWAY announces an orderly end; so do those above it. Any other ends the session at once. */
const ORDERLY: readonly number[] = [WireCode.none, WireCode.refused, WireCode.goaway, WireCode.busy];

export class MuxSession extends MuxChannels {
  readonly #inbox: Inbox;
  readonly #keepalive: Keepalive;
  /** Undefined: the session ends with its link. */
  readonly resumption: Resumption | undefined;
  readonly #goodbye: Goodbye;
  #error: MuxError | undefined;
  readonly #pings = new Pings();

  constructor(init: MuxSessionInit) {
    if (init.nonce.length !== NONCE_LENGTH)
      throw new RangeError(`nonce of ${init.nonce.length} bytes, wanted ${NONCE_LENGTH}`);
    const { messages, nonce, now, software, extensions, hmac } = init;
    const limits = resolveLimits(init.limits);
    const events: EventQueue = new Fifo();
    const counters = newCounters();
    const acks = new Acks(limits.maxFrame);
    const table = new ChannelTable(events, limits);
    const resumes = hmac !== undefined && limits.resumeWindow > 0 && limits.resumeTtl > 0;
    const replay = resumes ? new Replay() : undefined;
    const resume = resumes ? { window: limits.resumeWindow, ttl: limits.resumeTtl } : undefined;
    const own = { nonce: messages ? nonce : undefined, resume, software, extensions, grease: nonce };
    const settings = encodeSettings(limits, own);
    const outbox = new Outbox({ messages, nonce, settings, limits, table, events, counters, acks, replay });
    super({ limits, events, counters, acks, table, outbox, now });
    this.#goodbye = new Goodbye(outbox, table);
    const shared = { nonce, limits, outbox, events, counters, acks };
    const inbox = new Inbox({ ...shared, messages, table, now, owner: this.#owner() });
    const keepalive = new Keepalive(limits.idleTimeout, now);
    this.#inbox = inbox;
    this.#keepalive = keepalive;
    this.resumption = replay && new Resumption({ ...shared, hmac: hmac!, replay, inbox, keepalive });
  }

  // The link's side.

  feed(chunk: Uint8Array, now: number): void {
    if (this.isEnded) return;
    this.now = Math.max(this.now, now);
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
        const event = this.events.shift();
        if (event !== undefined || this.isEnded) return event;
        if (!this.#inbox.advance()) return this.events.shift();
      }
    } catch (error) {
      this.#fail(asMuxError(error));
      return this.events.shift();
    }
  }

  /** The link's other end sends no more. Call it when `next` has returned undefined. */
  endOfInput(now: number = this.now): void {
    if (this.isEnded) return;
    if (this.#isDone && this.#inbox.atBoundary) this.#close(undefined, undefined);
    else this.linkLost(new MuxError('ERR_MUX_LINK_CLOSED', 'link ended without a goodbye'), now);
  }

  /** The link is gone: the session waits for another where it can, and is over otherwise. */
  linkLost(error: MuxError, now: number): void {
    if (this.isEnded) return;
    // Who only heard a goodbye cannot know what the other end still has; and the last bytes may be lost with the link.
    const isDone = this.#isDone && this.#goodbye.isFinal && !this.outbox.isUnheard;
    if (isDone || !this.resumption?.suspend(error, now)) this.#fail(error);
  }

  /** A goodbye was said, and nothing is left to lose. */
  get #isDone(): boolean {
    return this.table.live === 0 && (this.#goodbye.isBegun || this.#goodbye.isHeard);
  }

  /** The peer asks to go on over a link that it made. False: not here, or not proven, and nothing has changed. */
  acceptResume(request: ResumeRequest, now: number): boolean {
    if (this.isEnded) return false;
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
    this.isEnded = true;
    return this.#inbox.rest();
  }

  /** After `resume`: there is no such session here. The last word says so. */
  refuseResume(): void {
    const error = new MuxError('ERR_MUX_LOST', 'the other end asks for a session that is not here');
    this.#close(error, { lastAccepted: -1, code: WireCode.unknownSession, reason: '' });
  }

  /** Whole frames of about `max` bytes; empty when there is nothing to send. One call is one message. */
  takeOutput(max: number, now: number): Uint8Array[] {
    this.now = Math.max(this.now, now);
    const parts = this.outbox.take(max, this.now);
    if (this.outbox.isOverfull)
      this.#fail(new MuxError('ERR_MUX_LIMIT', 'peer acknowledges nothing of what it is sent'));
    return parts;
  }

  /** When to call `tick`, and to look for output. It moves nearer when the peer's bytes owe it an ACK, and with output. */
  deadline(): number | undefined {
    if (this.isEnded) return undefined;
    const giveUp = this.resumption?.deadline();
    if (giveUp !== undefined) return giveUp;
    const output = earliest(this.acks.deadline(), this.acks.meter.pace.deadline());
    return earliest(output, earliest(this.#keepalive.deadline(), this.#goodbye.deadline()));
  }

  tick(now: number): void {
    if (this.isEnded) return;
    const giveUp = this.resumption?.deadline();
    if (giveUp !== undefined) {
      if (now >= giveUp) this.giveUp('no other came in time');
      return;
    }
    this.acks.tick(now);
    this.acks.meter.pace.tick(now);
    this.#goodbye.tick(now);
    const action = this.#keepalive.tick(now);
    if (action === 'ping') this.ping(now);
    else if (action === 'dead')
      this.linkLost(new MuxError('ERR_MUX_IDLE', `nothing came for ${this.limits.idleTimeout} ms`), now);
  }

  // The session's side.

  protected override checkOpenable(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.isEnded || this.#goodbye.isBegun)
      throw new MuxError('ERR_MUX_CLOSED', 'session is closing here');
    if (this.#goodbye.isHeard) throw new MuxError('ERR_MUX_GOAWAY', 'the other end takes no new channels');
    if (this.outbox.channels.pendingOpens >= this.limits.maxPendingOpens)
      throw new MuxError(
        'ERR_MUX_PENDING',
        `${this.limits.maxPendingOpens} channels wait to be opened already`,
      );
    if (this.table.hasIds) return;
    this.goaway(WireCode.none, 'channel numbers are used up');
    const hint = 'start a new session';
    throw new MuxError('ERR_MUX_CLOSED', 'all channel numbers of this session are used up', { hint });
  }

  /** Asks for a sign of life; `pong` events with this number or a higher one answer it. */
  ping(now: number): number {
    if (this.isEnded) return this.#pings.newest;
    const seq = this.outbox.pingUnsent ? this.#pings.newest : this.#pings.ask(now);
    this.outbox.ping(seq);
    return seq;
  }

  /**
   * Takes no new channels any more; the open ones go on, and those that the peer is just opening are taken. The peer is told
   * to open no more; a round trip later (a second, if it does not answer) it hears what was the last.
   */
  goaway(code: number = WireCode.none, reason = ''): void {
    checkCode(code);
    if (!this.isEnded) this.#goodbye.begin({ code, reason }, this.now, () => this.ping(this.now));
  }

  /** True when this end said goodbye, the word has left, and no channel or handler of the peer's is left. */
  get isDrained(): boolean {
    if (this.isEnded) return true;
    return this.#goodbye.isFinal && this.outbox.goawaySent && this.table.live === 0 && this.table.held === 0;
  }

  /** Gives everything up. One GOAWAY may still be taken from the output. */
  abort(error: MuxError = new MuxError('ERR_MUX_ABORTED', 'session was aborted here')): void {
    this.#fail(error);
  }

  get isOver(): boolean {
    return this.isEnded;
  }

  get error(): MuxError | undefined {
    return this.#error;
  }

  get settings(): PeerSettings | undefined {
    return this.peerSettings;
  }

  /** Position of the peer's stream of frames up to which all has come. */
  get received(): number {
    return this.acks.received;
  }

  /** Position of our stream of frames that the peer has confirmed. */
  get acked(): number {
    return this.acks.acked;
  }

  /** Bytes held for a replay, for sending and for readers. */
  get held(): number {
    let bytes = this.resumption?.held ?? 0;
    for (const { queue, unread } of this.table.values()) bytes += queue.length + unread.length;
    return bytes;
  }

  stats(): MuxStats {
    return {
      ...this.counters,
      ...this.acks.meter.stats(),
      channels: this.table.size,
      incoming: this.table.held,
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
      onResume: (request) => this.events.push({ type: 'resume', request }),
    };
  }

  #onSettings(settings: PeerSettings): void {
    this.peerSettings = settings;
    this.resumption?.agree(settings.resume);
    for (const stream of this.table.values()) {
      stream.credit.raise(settings.initialCredit);
      if (stream.queue.largestMessage > settings.maxMessage) this.#saidTooMuch(stream, settings.maxMessage);
    }
    this.events.push({ type: 'ready', settings });
  }

  /** A message was written before the other end said that it takes no such ones. */
  #saidTooMuch(stream: MuxStream, most: number): void {
    stream.stepReceive('stop');
    const text = `message of ${stream.queue.largestMessage} bytes, the other end takes at most ${most}`;
    this.outbox.giveUp(stream, WireCode.tooLarge);
    this.events.push({ type: 'reset', id: stream.id, error: new MuxError('ERR_MUX_ARGUMENT', text) });
  }

  /** False when no such question is open. */
  #onPong(seq: number): boolean {
    const rtt = this.#pings.answer(seq, this.#keepalive.heardAt);
    if (rtt === undefined) return false;
    this.#goodbye.pong(seq);
    this.events.push({ type: 'pong', seq, rtt });
    return true;
  }

  #onGoaway({ lastAccepted, code, reason }: GoawayBody): void {
    const said = reason === '' ? '' : `: '${reason}'`;
    if (code <= WireCode.lost && !ORDERLY.includes(code)) {
      const text = `the other end gave up with code ${describeCode(code)}${said}`;
      this.#close(new MuxError('ERR_MUX_REMOTE', text, { resetCode: code }), undefined);
      return;
    }
    if (!this.#goodbye.isHeard) this.events.push({ type: 'goaway', code, reason });
    if (!this.#goodbye.heard(lastAccepted))
      throw new MuxError('ERR_MUX_PROTOCOL', 'GOAWAY takes back what it said');
    this.outbox.channels.dropOpens();
    for (const stream of this.table.values())
      if (stream.openedHere && (stream.id > lastAccepted || stream.openBody !== undefined))
        this.#neverSeen(stream, `${describeCode(code)}${said}`);
  }

  #neverSeen(stream: MuxStream, why: string): void {
    stream.queue.clear();
    if (!isSendOver(stream.send)) stream.stepSend('reset');
    stream.stepReceive('reset');
    stream.discard();
    this.table.remove(stream);
    const text = `the other end takes no new channels, code ${why}`;
    const hint = 'it never looked at this channel: open it again on another session';
    this.events.push({
      type: 'refused',
      id: stream.id,
      error: new MuxError('ERR_MUX_GOAWAY', text, { hint }),
    });
  }

  #fail(error: MuxError): void {
    const { wire } = consequencesOf(error.code);
    const goaway = { lastAccepted: this.table.highestThere, code: wire, reason: '' };
    this.#close(error, wire === WireCode.none ? undefined : goaway);
  }

  #close(error: MuxError | undefined, goaway: GoawayBody | undefined): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#error = error;
    this.outbox.fail(goaway);
    this.table.clear();
    this.events.push({ type: 'closed', error });
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
