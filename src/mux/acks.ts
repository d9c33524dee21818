/**
 * Positions in the two streams of frames, and when the peer is told how far its own has come (ACK).
 *
 * Its frames owe it an ACK; it rides on output that leaves anyway, and alone it goes after 64 KiB or 25 ms. Quiet frames
 * (ACK, and PING and PONG, which answer each other) owe one only when 4 KiB of them have come, so that an idle link costs two
 * frames a ping and the peer need not keep them for ever. A frame of data that is worth an ACK is answered sooner, so that a
 * sender on a slow line, where a frame takes long, can keep its queue short; but not oftener than every 5 ms.
 */
import { decodeVarints, encodeVarints } from './bodies.ts';
import { MuxError } from './errors.ts';
import { MAX_QUIET } from './limits.ts';
import { LinkMeter } from './linkMeter.ts';
import { CLOCK_WRAP } from './returnPath.ts';

/** An ACK is due after this many bytes that owe one: at 1 GB/s still only one per 64 µs. */
const ACK_BYTES = 65_536;
/** Milliseconds that an ACK waits for company. */
export const ACK_DELAY = 25;
/** Milliseconds between ACKs for data that is answered sooner. */
const ACK_SPACING = 5;

/** While data comes, at most so many ms ago, and so many bytes of ours are in flight, an ACK may wait behind them and says when it left. */
const CROSSING_TIME = 1_000;
const CROSSING = 256;

export class Acks {
  /** Position of the peer's stream up to which all has come. */
  received = 0;
  /** Position of our stream: all before it was laid out for the link. */
  sent = 0;
  /** Position of our stream that the peer has confirmed. */
  acked = 0;
  /** What the link we have can carry. */
  meter: LinkMeter;
  readonly #maxFrame: number;
  #owed = 0;
  #owedSince = 0;
  /** Bytes of quiet frames that came since our last ACK. */
  #quiet = 0;
  #prompt = false;
  #late = false;
  #cameAt = 0;
  #dataAt = Number.NEGATIVE_INFINITY;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(maxFrame: number) {
    this.#maxFrame = maxFrame;
    this.meter = new LinkMeter(maxFrame);
  }

  /** Our stream goes on over another link, where the peer has it up to `position`; nothing is known of that link. */
  newLink(position: number): void {
    this.acked = Math.max(this.acked, position);
    this.#quiet = MAX_QUIET; // what comes again counts as in flight over there, quiet or not
    this.meter = new LinkMeter(this.#maxFrame, this.acked);
  }

  /** `bytes` of frames leave, `quiet` of them owe no ACK. `idle`: there was room for more and nothing to send. */
  left(bytes: number, quiet: number, idle: boolean, now: number): void {
    this.sent += bytes;
    this.meter.onSent(bytes, quiet, idle, now);
  }

  /** Bytes came from the link. */
  came(now: number): void {
    this.#cameAt = now;
  }

  /** Of these, a part that owes an ACK was parsed. */
  owe(bytes: number): void {
    if (this.#owed === 0) this.#owedSince = this.#cameAt;
    this.#owed += bytes;
  }

  /** Of these, a part of quiet frames was parsed. */
  oweLater(bytes: number): void {
    this.#quiet += bytes;
    if (this.#quiet >= MAX_QUIET) this.owe(bytes);
  }

  /** A frame of data ended that is worth an ACK of its own. */
  hurry(): void {
    this.#prompt = true;
    this.#dataAt = this.#cameAt;
  }

  /** An ACK may ride on what leaves now. */
  get isOwed(): boolean {
    return this.#owed > 0;
  }

  /** An ACK must leave now, alone if need be. */
  isDue(now: number): boolean {
    return this.#late || this.#owed >= ACK_BYTES || (this.#owed > 0 && now >= this.#dueAt);
  }

  /** When `isDue` becomes true by time alone; undefined when it will not, or when `tick` has seen that it did. */
  deadline(): number | undefined {
    return this.#owed > 0 && !this.#late ? this.#dueAt : undefined;
  }

  /** A due ACK waits for room in the link now, not for a time. */
  tick(now: number): void {
    this.#late = this.isDue(now);
  }

  get #dueAt(): number {
    const latest = this.#owedSince + ACK_DELAY;
    return this.#prompt ? Math.min(latest, Math.max(this.#owedSince, this.#toldAt + ACK_SPACING)) : latest;
  }

  /** Body of the ACK that leaves now: position, microseconds since its last byte came. */
  take(now: number): Uint8Array {
    this.#owed = this.#quiet = 0;
    this.#prompt = this.#late = false;
    this.#toldAt = now;
    const delay = Math.max(0, Math.round((now - this.#cameAt) * 1_000));
    if (this.meter.inFlight < CROSSING || now - this.#dataAt > CROSSING_TIME)
      return encodeVarints(this.received, delay);
    return encodeVarints(this.received, delay, Math.round(now * 1_000) % CLOCK_WRAP);
  }

  /** Takes the peer's ACK; false when it tells nothing new. Throws MuxError when it names bytes that were never sent. */
  confirm(body: Uint8Array): boolean {
    const [position, delay, clock] = decodeVarints(body, 2, 'ACK', 3) as [number, number, number | undefined];
    if (position > this.sent)
      throw new MuxError('ERR_MUX_PROTOCOL', `ACK of ${position} bytes, ${this.sent} were sent`);
    if (position <= this.acked) return false;
    this.acked = position;
    this.meter.onAcked(position, delay / 1_000, this.#cameAt, clock);
    return true;
  }
}
