/**
 * What a channel must be like, by the rules alone: two directions, of each what was written, what was read and how it
 * ended; and the ledger of credit.
 */
import { Fifo } from '../../../src/base/fifo.ts';
import type { MuxSession } from '../../../src/mux/index.ts';
import { accountOf, type ChannelAccount, unreadOf } from '../account.ts';
import { stripeMismatch } from '../stripe.ts';

export class Wrong extends Error {}

export function ensure(truth: boolean, what: string, a?: unknown, b?: unknown, c?: unknown): void {
  if (!truth) throw new Wrong([what, a, b, c].filter((part) => part !== undefined).join(' · '));
}

/** One direction. */
export class Direction {
  readonly seed: number;
  /** Bytes that the writer's engine took. */
  written = 0;
  finished = false;
  /** Reset by its writer, stopped by its reader, or the channel was refused: what is missing is not lost by mistake. */
  abandoned = false;
  /** Bytes that the reader was given. */
  read = 0;
  ended = false;
  /** The reader's end has heard the last of it, or keeps nothing more: what was granted beyond is owed to nobody. */
  over = false;
  /** The reader looks at what comes only when a command says so. */
  paused = true;
  /** `write` said stop. */
  blocked = false;
  /** Lengths of messages that were written and not read; undefined: a channel of bytes. */
  readonly messages: Fifo<number> | undefined;
  #granted = 0;
  #limit = 0;

  constructor(seed: number, messages: boolean) {
    this.seed = seed;
    this.messages = messages ? new Fifo() : undefined;
  }

  /** The reader got bytes: they are the next ones that were written. */
  take(bytes: Uint8Array): void {
    if (this.messages === undefined) ensure(bytes.length > 0, 'an empty piece was read');
    else ensure(bytes.length === this.messages.shift(), 'not the message that was written', bytes.length);
    const wrong = stripeMismatch(this.seed, this.read, bytes);
    ensure(wrong < 0, 'a byte is not the one that was written', wrong);
    this.read += bytes.length;
    ensure(this.read <= this.written, 'more was read than written', this.read, this.written);
  }

  /** The ledger at the reader: granted = delivered + discarded + unread + outstanding (W8), and it never falls. */
  checkReader({ received, granted, consumed }: ChannelAccount, unread: number): void {
    const discarded = consumed - this.read;
    ensure(received <= granted, 'received beyond the grant', received, granted);
    ensure(received <= this.written, 'received more than was written', received, this.written);
    ensure(granted >= this.#granted, 'the grant fell', granted, this.#granted);
    ensure(consumed + unread === received, 'the ledger is uneven', consumed, unread, received);
    ensure(discarded === 0 || (discarded > 0 && this.abandoned), 'bytes vanished', consumed, this.read);
    this.#granted = granted;
  }

  checkWriter({ sent, sendLimit, blockedAt, queued }: ChannelAccount): void {
    ensure(blockedAt <= sent, 'said to be blocked with credit left', blockedAt, sent);
    ensure(sent <= sendLimit, 'sent beyond the credit', sent, sendLimit);
    ensure(sendLimit >= this.#limit, 'the limit fell', sendLimit, this.#limit);
    ensure(
      this.abandoned || sent + queued === this.written,
      'queued bytes vanished',
      sent,
      queued,
      this.written,
    );
    this.#limit = sendLimit;
  }

  /** At the end of everything. */
  checkDone(): void {
    if (this.abandoned) return;
    ensure(this.read === this.written, 'bytes are missing', this.read, this.written);
    ensure(this.ended, 'the end never came', this.read, this.written);
    ensure((this.messages?.length ?? 0) === 0, 'messages are missing', this.messages?.length);
  }
}

export class Channel {
  /** Its number at a and at b. */
  readonly ids: readonly [number, number];
  readonly opener: 0 | 1;
  /** By writer. */
  readonly from: readonly [Direction, Direction];
  accepted = false;
  /** Offered to the application of the other end. */
  offered = false;
  refused = false;
  readonly gone: [boolean, boolean] = [false, false];

  constructor(ids: readonly [number, number], opener: 0 | 1, seed: number, messages: boolean) {
    this.ids = ids;
    this.opener = opener;
    this.from = [new Direction(seed, messages), new Direction(seed + 1, messages)];
  }

  abandon(): void {
    for (const direction of this.from) direction.abandoned = direction.over = true;
  }

  check(end: 0 | 1, mux: MuxSession): void {
    const account = accountOf(mux, this.ids[end]);
    if (account === undefined) return;
    this.from[end].checkWriter(account);
    this.from[1 - end]!.checkReader(account, unreadOf(mux, this.ids[end]));
  }
}
