/**
 * What the peer's frames do. Parsing is on demand and never waits for an application: data goes to the driver, what
 * breaks a rule throws MuxError and ends the session, what comes late for a closed channel is counted and ignored.
 */
import { compareBytes } from '../base/bytes.ts';
import {
  BYTE_MODE,
  decodeAccept,
  decodeGoaway,
  decodeOpen,
  decodeVarints,
  type GoawayBody,
} from './bodies.ts';
import { TokenBucket } from './bucket.ts';
import { FrameParser } from './codec.ts';
import { describeCode, MuxError, WireCode } from './errors.ts';
import type { EventQueue } from './events.ts';
import { Kind } from './frame.ts';
import { isSendOver } from './halves.ts';
import { MIN_CREDIT_STEP, type MuxLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import { decodeSettings, type PeerSettings } from './settings.ts';
import type { Counters } from './stats.ts';
import { type MuxStream, Owed } from './stream.ts';
import type { ChannelTable } from './table.ts';

/** What only the session can decide. */
export interface InboxOwner {
  onSettings(settings: PeerSettings): void;
  onPong(seq: number): boolean;
  onGoaway(goaway: GoawayBody): void;
  readonly draining: boolean;
}

export interface InboxInit {
  readonly messages: boolean;
  readonly nonce: Uint8Array;
  readonly limits: MuxLimits;
  readonly table: ChannelTable;
  readonly outbox: Outbox;
  readonly events: EventQueue;
  readonly counters: Counters;
  readonly now: number;
  readonly owner: InboxOwner;
}

/** DATA with at least this much payload earns back one useless frame. */
const USEFUL = 256;

export class Inbox {
  readonly #init: InboxInit;
  readonly #table: ChannelTable;
  readonly #outbox: Outbox;
  readonly #events: EventQueue;
  readonly #counters: Counters;
  readonly #parser: FrameParser;
  readonly #glitches: TokenBucket;
  readonly #resets: TokenBucket;
  #now: number;
  #peerNonce: Uint8Array | undefined;
  #settings: PeerSettings | undefined;
  /** Whose DATA is being read; undefined: it came late. */
  #target: MuxStream | undefined;
  /** Got bytes in the last step. */
  #fresh: MuxStream | undefined;

  constructor(init: InboxInit) {
    const { limits, now } = init;
    this.#init = init;
    this.#table = init.table;
    this.#outbox = init.outbox;
    this.#events = init.events;
    this.#counters = init.counters;
    this.#parser = new FrameParser(init.messages, limits.maxFrame);
    this.#glitches = new TokenBucket(limits.glitchBurst, limits.glitchRate, now);
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetRate, now);
    this.#now = now;
  }

  push(chunk: Uint8Array, now: number): void {
    this.#now = now;
    this.#counters.bytesReceived += chunk.length;
    this.#parser.push(chunk);
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
    switch (parser.next()) {
      case 'more':
        return false;
      case 'preface':
        this.#peerNonce = parser.bytes.slice();
        return true;
      case 'head':
        this.#dataHead(parser.channel, parser.length);
        return true;
      case 'piece':
        this.#dataPiece(parser.bytes);
        return true;
      case 'frame':
        this.#control(parser.kind, parser.channel, parser.bytes);
        return true;
    }
  }

  #dataHead(channel: number, length: number): void {
    this.#counters.framesReceived++;
    if (this.#settings === undefined) throw protocol('DATA frame before SETTINGS');
    const stream = (this.#target = this.#findOrLate(channel));
    if (stream !== undefined) {
      if (stream.receive === 'ended' || stream.receive === 'reset')
        throw protocol(`DATA on channel ${channel} after its end`);
      if (length > stream.grant.left)
        throw new MuxError(
          'ERR_MUX_FLOW_CONTROL',
          `peer sent ${length} bytes on channel ${channel}, it had credit for ${stream.grant.left}`,
        );
      if (stream.openedHere && !stream.accepted) this.#acceptedBy(stream, undefined);
    }
    if (length >= USEFUL) this.#glitches.give();
    else if (length === 0 && !this.#parser.fin) this.#glitch('empty DATA frame');
    if (length === 0) this.#dataDone();
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
    if (stream.unread.length === 0) this.#events.push({ type: 'readable', id: stream.id });
    stream.unread.push(bytes);
    this.#fresh = stream;
  }

  #dataDone(): void {
    const stream = this.#target;
    this.#target = undefined;
    if (stream === undefined || !this.#parser.fin || !stream.stepReceive('fin')) return;
    this.#events.push({ type: 'end', id: stream.id });
    this.#table.settle(stream);
  }

  #control(kind: number, channel: number, body: Uint8Array): void {
    this.#counters.framesReceived++;
    if (this.#settings === undefined && kind !== Kind.settings) throw protocol('first frame is not SETTINGS');
    switch (kind) {
      case Kind.open:
        this.#open(channel, body);
        break;
      case Kind.accept:
        this.#accept(channel, body);
        break;
      case Kind.reset:
        this.#reset(channel, body);
        break;
      case Kind.stop:
        this.#stop(channel, body);
        break;
      case Kind.credit:
        this.#credit(channel, body);
        break;
      case Kind.maxChannels:
        this.#maxChannels(body);
        break;
      case Kind.ping:
        this.#ping(body);
        break;
      case Kind.pong:
        this.#pong(body);
        break;
      case Kind.settings:
        this.#onSettings(body);
        break;
      case Kind.goaway:
        this.#goaway(body);
        break;
      case Kind.blocked:
      case Kind.priority:
        this.#advice(channel);
        break;
      default:
        this.#extension(body);
    }
  }

  /** BLOCKED and PRIORITY: advice that this version does not take. */
  #advice(channel: number): void {
    this.#find(channel);
    this.#glitch('advice');
  }

  #onSettings(body: Uint8Array): void {
    if (this.#settings !== undefined) throw protocol('second SETTINGS frame');
    const settings = decodeSettings(body);
    const peerNonce = this.#init.messages ? settings.nonce : this.#peerNonce;
    if (peerNonce === undefined) throw protocol('SETTINGS frame without a nonce on a message link');
    const order = compareBytes(this.#init.nonce, peerNonce);
    if (order === 0)
      throw new MuxError('ERR_MUX_ROLE', 'both ends drew the same nonce: a loop, or a copied state');
    if (order > 0) this.#table.takeOddRole();
    this.#settings = settings;
    this.#outbox.makeReady(settings.maxFrame, settings.maxChannels);
    this.#init.owner.onSettings(settings);
  }

  #open(channel: number, body: Uint8Array): void {
    const { limits } = this.#init;
    const id = this.#table.fromWire(channel);
    const open = decodeOpen(body);
    this.#table.claimThere(id);
    const full = this.#table.backlog >= limits.acceptBacklog;
    const { draining } = this.#init.owner;
    if (draining || full || open.mode !== BYTE_MODE) {
      const why = full ? WireCode.busy : WireCode.unsupported;
      this.#refuseAtOnce(id, draining ? WireCode.goaway : why);
      return;
    }
    this.#glitches.give();
    this.#counters.accepted++;
    this.#table.openThere(id, open.urgency, open.credit, limits.initialCredit);
    const { name, meta, urgency } = open;
    this.#events.push({ type: 'incoming', id, name, meta, urgency });
  }

  /** No stream is made, so nothing of it is kept but the answer. */
  #refuseAtOnce(id: number, code: number): void {
    if (!this.#resets.take(this.#now)) throw flood('channels that must be refused');
    this.#table.freeOne();
    this.#outbox.refuse(id, code);
  }

  #accept(channel: number, body: Uint8Array): void {
    const accept = decodeAccept(body);
    const stream = this.#findOrLate(channel);
    if (stream === undefined) return;
    if (!stream.openedHere) throw protocol(`ACCEPT on channel ${channel}, which its sender opened`);
    if (stream.accepted) {
      this.#glitch('second ACCEPT');
      return;
    }
    stream.credit.raise(accept.credit);
    this.#acceptedBy(stream, accept.meta);
    this.#outbox.wake(stream);
  }

  #acceptedBy(stream: MuxStream, meta: ReturnType<typeof decodeAccept>['meta']): void {
    stream.accepted = true;
    this.#events.push({ type: 'accepted', id: stream.id, meta });
  }

  #reset(channel: number, body: Uint8Array): void {
    const [code, finalSize] = decodeVarints(body, 2, 'RESET') as [number, number];
    const stream = this.#findOrLate(channel);
    if (stream === undefined) return;
    this.#counters.resetsReceived++;
    this.#countReset(stream);
    if (stream.openedHere && !stream.accepted) {
      this.#refused(stream, code);
      return;
    }
    if (stream.receive === 'open' && finalSize !== stream.grant.received)
      throw protocol(`RESET on channel ${channel} at ${finalSize} bytes, ${stream.grant.received} came`);
    if (!stream.stepReceive('reset')) return;
    stream.discard();
    const text = `channel was reset by the other end with code ${describeCode(code)}`;
    const error = new MuxError('ERR_MUX_RESET', text, { resetCode: code });
    this.#events.push({ type: 'reset', id: stream.id, error });
    this.#table.settle(stream);
  }

  /** RESET before ACCEPT ends both directions at once: nothing was processed. */
  #refused(stream: MuxStream, code: number): void {
    const text = `channel was refused with code ${describeCode(code)}`;
    const name = code === WireCode.goaway ? 'ERR_MUX_GOAWAY' : 'ERR_MUX_REFUSED';
    stream.queue.clear();
    stream.stepSend('reset');
    stream.stepReceive('reset');
    stream.discard();
    this.#table.remove(stream);
    this.#events.push({
      type: 'refused',
      id: stream.id,
      error: new MuxError(name, text, { resetCode: code }),
    });
  }

  /** The peer reads no more: our direction ends with a RESET of the same code (RFC 9000 §3.5). */
  #stop(channel: number, body: Uint8Array): void {
    const [code] = decodeVarints(body, 1, 'STOP') as [number];
    const stream = this.#findOrLate(channel);
    if (stream === undefined) return;
    if (isSendOver(stream.send)) return; // it crossed our FIN or RESET
    if (code !== WireCode.none) this.#countReset(stream);
    const lost = stream.queue.clear() > 0;
    stream.stepSend('reset');
    stream.resetCode = code;
    this.#outbox.owe(stream, Owed.reset);
    const text = `the other end stopped reading the channel with code ${describeCode(code)}`;
    const error = new MuxError('ERR_MUX_STOPPED', text, { resetCode: code });
    this.#events.push({ type: 'stopped', id: stream.id, error, lost });
    this.#table.settle(stream);
  }

  #countReset(stream: MuxStream): void {
    if (!stream.openedHere && !this.#resets.take(this.#now)) throw flood('resets');
  }

  #credit(channel: number, body: Uint8Array): void {
    const [limit] = decodeVarints(body, 1, 'CREDIT') as [number];
    const stream = this.#findOrLate(channel);
    if (stream === undefined) return;
    if (isSendOver(stream.send)) return;
    if (stream.credit.raise(limit) < MIN_CREDIT_STEP) this.#glitch('CREDIT that adds next to nothing');
    this.#outbox.wake(stream);
  }

  #maxChannels(body: Uint8Array): void {
    const [count] = decodeVarints(body, 1, 'MAXCH') as [number];
    if (!this.#outbox.raiseOpenAllowance(count)) this.#glitch('MAXCH that adds nothing');
  }

  #ping(body: Uint8Array): void {
    const [seq] = decodeVarints(body, 1, 'PING') as [number];
    this.#outbox.pong(seq);
    this.#glitch('PING');
  }

  #pong(body: Uint8Array): void {
    const [seq] = decodeVarints(body, 1, 'PONG') as [number];
    if (!this.#init.owner.onPong(seq)) this.#glitch('PONG that answers nothing');
  }

  #goaway(body: Uint8Array): void {
    this.#glitch('GOAWAY');
    const goaway = decodeGoaway(body);
    const last = goaway.lastAccepted === 0 ? 0 : this.#table.fromWire(goaway.lastAccepted);
    this.#init.owner.onGoaway({ ...goaway, lastAccepted: last });
  }

  /** Unknown extensions with an even number may be ignored, those with an odd one must be understood. */
  #extension(body: Uint8Array): void {
    const [number] = decodeVarints(body, 1, 'EXT') as [number];
    if (number % 2 === 1) throw protocol(`extension ${number} is required and unknown here`);
    this.#glitch('unknown extension');
  }

  /** The channel, or undefined when it is closed. */
  #find(channel: number): MuxStream | undefined {
    const id = this.#table.fromWire(channel);
    const stream = this.#table.get(id);
    if (stream === undefined && this.#table.isUnknown(id))
      throw protocol(`frame on channel ${channel}, which was never opened`);
    return stream;
  }

  /** The same, counting a frame that came too late. */
  #findOrLate(channel: number): MuxStream | undefined {
    const stream = this.#find(channel);
    if (stream === undefined) this.#late();
    return stream;
  }

  #late(): void {
    this.#counters.lateFrames++;
    this.#glitch('frames on closed channels');
  }

  #glitch(what: string): void {
    this.#counters.glitches++;
    if (!this.#glitches.take(this.#now)) throw flood(`useless frames (last: ${what})`);
  }
}

function protocol(message: string): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', message);
}

function flood(what: string): MuxError {
  return new MuxError('ERR_MUX_LIMIT', `peer floods this end with ${what}`);
}
