/**
 * The outgoing half of a secure link: gathers plaintext, encrypts as much of it as the link below takes, and says
 * close_notify behind the last of it.
 */
import { ChunkQueue } from '../base/chunks.ts';
import { FRAMED_PLAINTEXT, type TlsConnection, type TlsError } from '../tls/index.ts';
import type { Link } from '../transport/link.ts';
import { AGGREGATE } from './limits.ts';
import type { Counters } from './secureTypes.ts';

export interface SenderHost {
  /** `send` said stop, and now there is room. */
  room(): void;
  /** Everything was encrypted, and close_notify behind it. */
  notified(): void;
  writeFailed(error: TlsError): void;
}

export class SecureSender {
  readonly #below: Link;
  readonly #connection: TlsConnection;
  readonly #counters: Counters;
  readonly #host: SenderHost;
  readonly #pending = new ChunkQueue(); // accepted, not encrypted
  #open = false;
  #full = false; // the link below is
  #wantsDrain: boolean;
  #flushSoon = false;
  #closed = false;
  #notified = false;

  /** `owesRoom`: somebody waits for room already, since before there was TLS. */
  constructor(
    below: Link,
    connection: TlsConnection,
    counters: Counters,
    host: SenderHost,
    owesRoom: boolean,
  ) {
    this.#wantsDrain = owesRoom;
    this.#below = below;
    this.#connection = connection;
    this.#counters = counters;
    this.#host = host;
    if (below.info.kind === 'channel') connection.limitRecords(FRAMED_PLAINTEXT);
  }

  get buffered(): number {
    return this.#pending.length;
  }

  /** close_notify has left. */
  get hasNotified(): boolean {
    return this.#notified;
  }

  /** The handshake is complete: what a writer had ready leaves now, and it may go on. */
  open(): void {
    this.#open = true;
    queueMicrotask(() => {
      if (!this.#full) this.drained();
    });
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#closed) return false;
    if (bytes instanceof Uint8Array) this.#pending.push(bytes);
    else
      for (const part of bytes) {
        // Text can be iterated over as well: callers without types would send garbage.
        if (!(part instanceof Uint8Array))
          throw new TypeError(`got ${typeof part}, wanted Uint8Array to send`);
        this.#pending.push(part);
      }
    if (this.#pending.length >= AGGREGATE) this.#encrypt(this.#wholeRecords(this.#pending.length));
    if (this.#pending.length > 0 && !this.#full) this.#flushInMicrotask();
    if (!this.#full && (this.#open || this.#pending.length < AGGREGATE)) return true;
    this.#wantsDrain = true;
    return false;
  }

  closeWrite(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.flush();
  }

  /** Nothing more is accepted, and what waits is dropped. */
  stop(): void {
    this.#closed = true;
    this.#open = false;
    this.#pending.clear();
  }

  /** The link below has room again. */
  drained(): void {
    this.#full = false;
    if (this.#wantsDrain && this.#open && !this.#closed) this.#askForMore();
    else this.flush();
  }

  /** Encrypts what is pending as far as the link below takes it, then close_notify if that is wanted. */
  flush(): void {
    if (!this.#open) return;
    this.#encrypt(this.#pending.length);
    if (this.#pending.length > 0 || !this.#closed || this.#notified || !this.#open) return;
    this.#notified = true;
    this.#connection.closeWrite();
    this.sendOutput();
    this.#host.notified();
  }

  /** Sends what the engine has to say. */
  sendOutput(): void {
    const output = this.#connection.takeOutput();
    if (output.length === 0) return;
    for (const piece of output) this.#counters.wireOut += piece.length;
    this.#counters.recordsOut = this.#connection.recordsOut;
    if (!this.#below.send(output)) this.#full = true;
  }

  #flushInMicrotask(): void {
    if (this.#flushSoon) return;
    this.#flushSoon = true;
    queueMicrotask(() => {
      this.#flushSoon = false;
      this.flush();
    });
  }

  #encrypt(count: number): void {
    let left = count;
    while (left > 0 && !this.#full && this.#open) {
      const batch = Math.min(left, this.#wholeRecords(AGGREGATE));
      const parts: Uint8Array[] = [];
      for (let wanted = batch; wanted > 0; wanted -= parts.at(-1)!.length)
        parts.push(this.#pending.shiftUpTo(wanted));
      // The engine's output is empty here, so it takes a batch whole (its mark is four batches).
      try {
        this.#connection.write(parts);
      } catch (error) {
        queueMicrotask(() => this.#host.writeFailed(error as TlsError)); // we may be inside the handler's own `send`
        return;
      }
      this.#counters.plaintextOut += batch;
      left -= batch;
      this.sendOutput();
    }
  }

  /** Whole records first; what is left waits for what the writer adds, so that bulk makes no runt record per drain. */
  #askForMore(): void {
    this.#encrypt(this.#wholeRecords(this.#pending.length));
    if (this.#full) return;
    this.#wantsDrain = false;
    this.#host.room();
    this.#flushInMicrotask();
  }

  /** As many bytes as fill records, so that bulk makes no runt record per batch. */
  #wholeRecords(length: number): number {
    return length - (length % this.#connection.maxPlaintext);
  }
}
