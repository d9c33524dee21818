/**
 * A session's life beyond its link: what it keeps for the next one, and how it moves there. docs/protocol.md §2.10.
 *
 *     linked ──link lost──> suspended ──new link, RESUME sent──> resuming ──RESUMED──> linked
 *      │ │  ↑                   │  ↑                              ↑ │
 *      │ │  └──RESUME accepted──┘  └────────────link lost─────────┼─┘
 *      │ └──RESUME accepted on another link: the newest wins      │
 *      └──a better link, RESUME sent; the old one is heard no more┘
 *
 * Whoever waits longer than the ttl, or hears that the other end does not know the session, gives it up; that is the
 * session's to do. Nothing is sent but while linked, so nothing grows meanwhile but what writers may queue.
 */

import type { Acks } from './acks.ts';
import { decodeGoaway } from './bodies.ts';
import { FrameParser } from './codec.ts';
import { MuxError, WireCode } from './errors.ts';
import type { EventQueue } from './events.ts';
import { encodePreface, Kind } from './frame.ts';
import { FrameWriter } from './frameWriter.ts';
import type { Inbox } from './inbox.ts';
import type { Keepalive } from './keepalive.ts';
import { MAX_ARMED, MAX_HEAD_FRAMES, type MuxLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { Replay } from './replay.ts';
import { decodeResumed, type Hmac, type ResumeAnswer, ResumeKey, type ResumeRequest } from './resumeProof.ts';
import type { ResumeTerms } from './settings.ts';
import type { Counters } from './stats.ts';

export interface ResumptionInit {
  readonly hmac: Hmac;
  readonly nonce: Uint8Array;
  readonly limits: MuxLimits;
  readonly replay: Replay;
  readonly acks: Acks;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly keepalive: Keepalive;
  readonly events: EventQueue;
  readonly counters: Counters;
}

export class Resumption {
  readonly #init: ResumptionInit;
  readonly #keys: ResumeKey[] = [];
  /** What both ends agreed on: the smaller of each. Undefined: the peer cannot, or has not said. */
  #terms: ResumeTerms | undefined;
  #state: 'linked' | 'suspended' | 'resuming' = 'linked';
  #lostAt = 0;
  #head: LinkHead | undefined;

  constructor(init: ResumptionInit) {
    this.#init = init;
  }

  /** The peer's SETTINGS are here. */
  agree(theirs: ResumeTerms | undefined): void {
    const { inbox, limits, outbox } = this.#init;
    const ttl = Math.min(limits.resumeTtl, theirs?.ttl ?? 0);
    const window = ttl === 0 ? 0 : Math.min(limits.resumeWindow, theirs!.window);
    outbox.keep(window);
    if (window === 0) return;
    this.#terms = { window, ttl };
    inbox.joinMessages();
  }

  /**
   * Names the session by a secret that both ends exported from one TLS connection between them (48 bytes, label
   * `RESUME_LABEL`, no context). From now on it outlives its link, if both ends said that they can. Several secrets may
   * name it; this end asks with the first. Returns the name, undefined when there are too many.
   */
  arm(secret: Uint8Array): Uint8Array | undefined {
    if (this.#keys.length >= MAX_ARMED) return undefined;
    const key = new ResumeKey(secret, this.#init.hmac);
    this.#keys.push(key);
    return key.id;
  }

  /** The session outlives its link. */
  get isArmed(): boolean {
    return this.#terms !== undefined && this.#keys.length > 0;
  }

  get isLinked(): boolean {
    return this.#state === 'linked';
  }

  /** RESUME has been asked and not answered. */
  get isResuming(): boolean {
    return this.#state === 'resuming';
  }

  /** Bytes that wait for their acknowledgement. */
  get held(): number {
    return this.#init.replay.length;
  }

  /** When to give up; undefined while there is a link. */
  deadline(): number | undefined {
    return this.isLinked ? undefined : this.#lostAt + this.#terms!.ttl;
  }

  /** The link is lost. False when the session cannot outlive it. */
  suspend(error: MuxError, now: number): boolean {
    if (!this.isArmed) return false;
    if (this.isLinked) this.#lostAt = now;
    this.#state = 'suspended';
    this.#head = undefined;
    this.#init.outbox.relink([], false);
    this.#init.events.push({ type: 'suspended', error });
    return true;
  }

  /**
   * A link was made here, perhaps while another lives, which is not read any more: what leaves first, and alone, is RESUME.
   * `onlyWay`: whoever answers there is the other end, so a refusal is the session's end and not this link's alone.
   */
  ask(messages: boolean, now: number, onlyWay = true): void {
    const { inbox, limits, nonce, outbox } = this.#init;
    if (this.isLinked) this.#lostAt = now;
    this.#state = 'resuming';
    this.#head = new LinkHead(messages, limits.maxFrame, onlyWay);
    const prelude = messages ? [] : [encodePreface(nonce)];
    outbox.relink([...prelude, ...alone(Kind.resume, this.#keys[0]!.request(inbox.end))], false);
  }

  /**
   * Bytes that come before the link is resumed. Returns those behind RESUMED, undefined while that has not come. Throws
   * MuxError: ERR_MUX_LOST when the session cannot go on, another when only this link is no good.
   */
  answered(chunk: Uint8Array, now: number): Uint8Array[] | undefined {
    const head = this.#head!;
    const answer = head.feed(chunk);
    if (answer === undefined) return undefined;
    if (!this.#keys[0]!.confirms(answer))
      throw new MuxError('ERR_MUX_PROTOCOL', 'RESUMED frame with a wrong proof');
    this.#goOn(answer.received, [], now);
    return head.rest();
  }

  /**
   * The peer made a link and asks on it. False when its proof is wrong: nothing has changed. Throws MuxError
   * ERR_MUX_LOST when the proof is right and the session cannot go on.
   */
  accept(request: ResumeRequest, now: number): boolean {
    const { inbox } = this.#init;
    const key = this.#terms && this.#keys.find((one) => one.accepts(request));
    if (key === undefined) return false;
    this.#goOn(request.received, alone(Kind.resumed, key.answer(inbox.end)), now);
    return true;
  }

  #goOn(theirs: number, prelude: Uint8Array[], now: number): void {
    const { acks, counters, events, keepalive, outbox, replay } = this.#init;
    if (!replay.rewind(theirs)) {
      const held = `${replay.start} to ${replay.end} are held`;
      throw new MuxError('ERR_MUX_LOST', `the other end goes on at position ${theirs}, ${held}`);
    }
    acks.newLink(theirs);
    this.#state = 'linked';
    this.#head = undefined;
    outbox.relink(prelude, true);
    keepalive.heard(now);
    counters.links++;
    events.push({ type: 'resumed', replayed: replay.length });
  }
}

function alone(kind: number, body: Uint8Array): Uint8Array[] {
  const writer = new FrameWriter();
  writer.control(kind, 0, body);
  return writer.take();
}

/** What stands on a new link before the peer's stream goes on: preface, SETTINGS and EXT, which mean nothing, then RESUMED. */
class LinkHead {
  readonly #parser: FrameParser;
  readonly #onlyWay: boolean;
  #frames = 0;

  constructor(messages: boolean, maxFrame: number, onlyWay: boolean) {
    this.#parser = new FrameParser(messages, maxFrame);
    this.#onlyWay = onlyWay;
  }

  feed(chunk: Uint8Array): ResumeAnswer | undefined {
    this.#parser.push(chunk);
    for (;;) {
      const step = this.#parser.next();
      if (step === 'more') return undefined;
      if (step === 'preface') continue;
      if (step !== 'frame' || this.#frames++ >= MAX_HEAD_FRAMES) throw unexpected();
      const answer = this.#frame(this.#parser.kind, this.#parser.bytes);
      if (answer !== undefined) return answer;
    }
  }

  #frame(kind: number, body: Uint8Array): ResumeAnswer | undefined {
    switch (kind) {
      case Kind.resumed:
        return decodeResumed(body);
      case Kind.settings:
      case Kind.extension:
        return undefined;
      case Kind.goaway:
        throw refused(decodeGoaway(body).code, this.#onlyWay);
      default:
        throw unexpected();
    }
  }

  rest(): Uint8Array[] {
    return this.#parser.rest();
  }
}

function refused(code: number, onlyWay: boolean): MuxError {
  const details = { resetCode: code };
  return code === WireCode.unknownSession && onlyWay
    ? new MuxError('ERR_MUX_LOST', 'the other end does not know the session any more', details)
    : new MuxError('ERR_MUX_REMOTE', 'the other end does not take the link', details);
}

function unexpected(): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', 'a link that should resume a session begins with something else');
}
