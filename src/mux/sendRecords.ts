/** What left for the link and is not confirmed: when it did, and what was known then. For the link meter, in its units. */
import { Fifo } from '../base/fifo.ts';

/** What leaves within this share of the cap and of a round trip is one record. */
const RECORD_SHARE = 48;
const MAX_RECORDS = 128;

/** Bytes that left together. */
export interface SendRecord {
  readonly start: number;
  end: number;
  readonly time: number;
  /** Bytes of quiet frames (ACK, PING, PONG) up to `end`: nobody acknowledges those alone. */
  quiet: number;
  /** What was confirmed when these left: position, when it had arrived, when it had left. */
  readonly acked: number;
  readonly arrivedAt: number;
  readonly leftAt: number;
  /** The application had not enough to fill the link. */
  readonly limited: boolean;
  /** What was in flight before them. */
  readonly before: number;
  /** Bytes of quiet frames, not counted in `before`, that may have been under way too. */
  readonly quietBefore: number;
  /** The cap was not on its way: what waits then is our own doing. */
  readonly steady: boolean;
  /** Nothing but quiet frames: what confirms them was sent for another reason and tells no time. */
  readonly silent: boolean;
}

/** What is known of the line when something leaves. */
interface Line {
  readonly minRtt: number | undefined;
  readonly cap: number;
  /** The cap is below what it is to be, or on its way down to probe. */
  readonly rising: boolean;
  /** Bytes in flight that have arrived, as far as is known. */
  readonly unheard: number;
}

export class SendRecords {
  /** Positions of all that left, and of what is confirmed. */
  sent: number;
  acked: number;
  /** Bytes of quiet frames that are confirmed. */
  quietAcked = 0;
  #quiet = 0;
  readonly #records = new Fifo<SendRecord>();
  #newest: SendRecord | undefined;
  #arrivedAt = 0;
  #leftAt = 0;
  /** Since when there was room and nothing to send. */
  #idleSince: number | undefined = Number.NEGATIVE_INFINITY;
  /** Up to this position the rate is the application's. */
  #limitedUntil = 0;

  constructor(position: number) {
    this.sent = this.acked = position;
  }

  /** Bytes that left and were not acknowledged, quiet frames apart. */
  get inFlight(): number {
    return Math.max(0, this.sent - this.acked - (this.#quiet - this.quietAcked));
  }

  /** `bytes` leave, `quiet` of them in frames that owe no ACK. `idle`: there was room for more, and nothing to send. */
  add(bytes: number, quiet: number, idle: boolean, now: number, line: Line): void {
    if (bytes > 0) this.#record(bytes, quiet, now, line);
    if (!idle) this.#idleSince = undefined;
    else this.#idleSince ??= now;
  }

  #record(bytes: number, quiet: number, now: number, line: Line): void {
    const before = this.inFlight;
    const start = this.sent;
    this.sent += bytes;
    this.#quiet += quiet;
    // A pause of a small part of a round trip is a driver that had to fetch more, not an application without data.
    if (this.#idleSince !== undefined && now - this.#idleSince > (line.minRtt ?? 0) / 8)
      this.#limitedUntil = this.sent;
    this.#idleSince = undefined;
    const newest = this.#newest;
    const silent = bytes === quiet;
    if (newest !== undefined && (silent ? newest.silent : !newest.silent && this.#joins(newest, now, line))) {
      newest.end = this.sent;
      newest.quiet = this.#quiet;
      return;
    }
    const record: SendRecord = {
      start,
      end: this.sent,
      time: now,
      quiet: this.#quiet,
      acked: this.acked,
      arrivedAt: before <= 0 ? now : this.#arrivedAt,
      leftAt: before <= 0 ? now : this.#leftAt,
      limited: this.acked < this.#limitedUntil,
      before: before - line.unheard,
      quietBefore: this.#quiet - quiet - this.quietAcked,
      steady: !line.rising,
      silent,
    };
    this.#records.push(record);
    this.#newest = record;
  }

  #joins(newest: SendRecord, now: number, { minRtt, cap }: Line): boolean {
    if (this.#records.length >= MAX_RECORDS) return true;
    const near = now - newest.time <= (minRtt ?? 0) / 16;
    return near && (this.sent - newest.start) * RECORD_SHARE < cap;
  }

  /** All up to `position` is confirmed; returns the record of the last byte of it. */
  confirm(position: number): SendRecord | undefined {
    this.acked = position;
    for (;;) {
      const record = this.#records.at(0);
      if (record === undefined) return undefined;
      if (record.end > position) {
        if (record.silent) this.quietAcked = record.quiet - (record.end - position);
        return record;
      }
      this.quietAcked = record.quiet;
      this.#records.shift();
      if (record === this.#newest) this.#newest = undefined;
      if (record.end === position) return record;
    }
  }

  /** What was confirmed last left with `record`, and arrived then. */
  arrived(record: SendRecord, at: number): void {
    this.#arrivedAt = Math.max(this.#arrivedAt, at);
    this.#leftAt = record.time;
  }
}
