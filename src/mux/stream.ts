/** One channel as the session keeps it: two halves, two credits, what waits to be sent. */

import type { Priority } from './bodies.ts';
import type { ReceiveBudget } from './budget.ts';
import {
  isReceiveOver,
  isSendOver,
  RECEIVE_STEPS,
  type ReceiveState,
  type ReceiveStep,
  SEND_STEPS,
  type SendState,
  type SendStep,
} from './halves.ts';
import { MIN_CREDIT_STEP } from './limits.ts';
import { MessageLengths } from './messageLengths.ts';
import { ReceiveQueue } from './receiveQueue.ts';
import { SendQueue } from './sendQueue.ts';
import { Turn } from './turns.ts';
import { ReceiveCredit, SendCredit } from './window.ts';

/** Frames that wait for a place in the output, as bits: however often one is asked for, it is owed once. */
export const Owed = { accept: 1, credit: 2, stop: 4, reset: 8, priority: 16, blocked: 32 } as const;

/** Bytes of one channel's frames as they left and came. */
export interface ChannelTraffic {
  readonly payloadSent: number;
  readonly payloadReceived: number;
  /** Headers of DATA, and other frames whole: OPEN, CREDIT, RESET, DATAGRAM … */
  readonly overheadSent: number;
  readonly overheadReceived: number;
}

/** One channel as whoever drives the engine may look at it; all counts are of payload. */
export interface ChannelView extends ChannelTraffic, Priority {
  /** `blockedAt`: the limit at which the peer last heard that we wait for credit; -1: none. */
  readonly credit: Readonly<Pick<SendCredit, 'sent' | 'limit' | 'blockedAt'>>;
  /** `window`: how far `limit` is ahead of `consumed` at each grant; it follows what is read in a round trip. */
  readonly grant: Readonly<Pick<ReceiveCredit, 'received' | 'limit' | 'consumed' | 'window'>>;
  /** What waits to be sent, and to be read. */
  readonly queue: { readonly length: number };
  readonly unread: { readonly length: number };
}

export interface StreamInit {
  readonly messages: boolean;
  readonly urgency: number;
  readonly sharing: boolean;
  readonly sendLimit: number;
  /** Bytes of the peer's OPEN. */
  readonly openSize?: number;
}

/** What every channel of a session is granted. */
export interface StreamCredit {
  readonly window: number;
  /** The window's bound. */
  readonly maxWindow: number;
  readonly budget: ReceiveBudget;
}

export class MuxStream implements ChannelView {
  /** Our number for it: even = opened here, odd = opened by the peer. */
  readonly id: number;
  /** 0 (first) to 7 (last). */
  urgency: number;
  /** False: it takes its turn alone. */
  sharing: boolean;
  readonly queue: SendQueue = new SendQueue();
  /** What came and was not read. */
  readonly unread: ReceiveQueue = new ReceiveQueue();
  /** The whole ones among it, on a channel of messages. */
  readonly messages: MessageLengths | undefined;
  /** Bytes of the message that is coming. */
  partial = 0;
  readonly credit: SendCredit;
  readonly grant: ReceiveCredit;
  send: SendState = 'open';
  receive: ReceiveState = 'open';

  /** Body of our OPEN until it has left. */
  openBody: Uint8Array | undefined;
  acceptBody: Uint8Array | undefined;
  /** True once ACCEPT came (ours) or was given (the peer's). */
  accepted = false;
  /** True while `accept` or `refuse` is awaited from our application. */
  inBacklog = false;
  readonly openSize: number;
  /** `write` said stop: an event is due when there is room. */
  wantsWritable = false;
  overheadSent = 0;
  overheadReceived = 0;
  resetCode = 0;
  stopCode = 0;
  /** Set of `Owed` bits. */
  owed = 0;
  /** True once both halves were over and the table was told. */
  settled = false;
  /** True while in the outbox's list. */
  listed = false;
  /** Its place in the scheduler. */
  readonly turn: Turn = new Turn(this);
  /** Body of the PRIORITY that the peer shall get. */
  priorityBody: Uint8Array | undefined;

  constructor(id: number, init: StreamInit, { window, maxWindow, budget }: StreamCredit) {
    this.id = id;
    this.urgency = init.urgency;
    this.sharing = init.sharing;
    this.messages = init.messages ? new MessageLengths() : undefined;
    this.openSize = init.openSize ?? 0;
    this.credit = new SendCredit(init.sendLimit);
    this.grant = new ReceiveCredit(window, maxWindow, budget, (id & 1) === 1);
  }

  get payloadSent(): number {
    return this.credit.sent;
  }

  get payloadReceived(): number {
    return this.grant.received;
  }

  get openedHere(): boolean {
    return (this.id & 1) === 0;
  }

  /** Nothing moves any more; what came may still wait to be read. */
  get isOver(): boolean {
    return isSendOver(this.send) && isReceiveOver(this.receive);
  }

  /** What waits will not be read: the account must still come out even. */
  discard(): void {
    this.messages?.clear();
    this.grant.consume(this.unread.clear());
    if (this.receive !== 'open') this.grant.end(0);
  }

  /** Takes the step if the table has it. */
  stepSend(step: SendStep): boolean {
    const next = SEND_STEPS[this.send][step];
    if (next === undefined) return false;
    this.send = next;
    return true;
  }

  stepReceive(step: ReceiveStep): boolean {
    const next = RECEIVE_STEPS[this.receive][step];
    if (next === undefined) return false;
    this.receive = next;
    this.grant.end(this.unread.length);
    return true;
  }

  /** True when a DATA frame could leave now: never before OPEN or ACCEPT. A bare FIN needs no credit. */
  get sendable(): boolean {
    if (isSendOver(this.send) || this.openBody !== undefined || this.inBacklog) return false;
    if (this.queue.isEmpty) return this.send === 'finishing';
    return this.credit.left > 0 || this.queue.startsEmpty;
  }

  /** Bytes wait for credit and for nothing else, and the peer has not heard of it. */
  get isBlocked(): boolean {
    const { left, limit, blockedAt } = this.credit;
    if (left > 0 || limit === blockedAt || this.queue.isEmpty || this.queue.startsEmpty) return false;
    return !isSendOver(this.send) && this.openBody === undefined && !this.inBacklog;
  }

  /** A message is under way that has used up its credit, and there is more to give: nothing of it can be read before. */
  get isStarving(): boolean {
    const { limit, consumed, window, left } = this.grant;
    return this.messages !== undefined && left < MIN_CREDIT_STEP && consumed + window > limit;
  }

  /** True when `read` would give something. */
  get isReadable(): boolean {
    return this.messages === undefined ? this.unread.length > 0 : this.messages.count > 0;
  }

  /** The next bytes, or the next whole message, given up to the reader. */
  take(): Uint8Array | undefined {
    if (this.messages === undefined) return this.unread.shift();
    const length = this.messages.shift();
    return length === undefined ? undefined : this.unread.take(length);
  }
}
