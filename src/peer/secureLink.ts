/**
 * TLS over a link, as a link: drives the engine (`src/tls`), which does no IO of its own.
 *
 *      send ─▶ #pending ─▶ engine.write ─▶ takeOutput ─▶ below.send
 *      handler.data ◀─ engine.next ◀─ engine.feed ◀─ below.data
 *
 * Backpressure passes both ways: a full link below keeps plaintext pending and `send` false; a paused handler stops
 * pulling from the engine, and the next chunk that arrives then pauses the link below.
 */
import { ChunkQueue } from '../base/chunks.ts';
import { type Q2qError, toError } from '../base/errors.ts';
import {
  MAX_PLAINTEXT,
  type Negotiated,
  type OpAnswer,
  type OpEvent,
  performOp,
  type TlsConnection,
  type TlsError,
  type TlsEvent,
} from '../tls/index.ts';
import type { Link, LinkHandler, LinkInfo } from '../transport/link.ts';
import { SecureError } from './secureErrors.ts';
import type { SecureLinkHooks, SecureStats } from './secureTypes.ts';

export type { SecureStats };

/**
 * Plaintext gathered before it is encrypted without waiting for the end of the microtask (Twisted's number, 64,000):
 * ten thousand one-byte sends make one record, and bulk is not held up.
 */
const AGGREGATE: number = 64 * 1024;

const CLOSE_TIMEOUT = 2_000;

/** Made by `secure` and `startTls` only. */
export class SecureLink implements Link {
  readonly info: LinkInfo;
  readonly connection: TlsConnection;
  readonly #below: Link;
  readonly #hooks: SecureLinkHooks;
  readonly #stats = { plaintextIn: 0, plaintextOut: 0, wireIn: 0, wireOut: 0, recordsIn: 0, recordsOut: 0 };
  readonly #pending = new ChunkQueue(); // plaintext accepted, not encrypted

  #phase: 'handshake' | 'open' | 'done' = 'handshake';
  #handler: LinkHandler | undefined;
  #paused = false;
  #held: TlsEvent | undefined; // pulled, but the reader does not want it yet
  #belowPaused = false;
  #belowFull = false;
  #belowClosed = false;
  #inputOver = false; // the engine knows that the carrier ended
  #pumping = false;
  #flushSoon = false;
  #wantsDrain = false;
  #writeClosed = false;
  #closing = false; // both directions given up: what arrives is dropped
  #notifySent = false;
  #notifySeen = false;
  #error: Q2qError | undefined;
  #cancelDeadline: () => void = () => {};
  #cancelCut: () => void = () => {};

  constructor(below: Link, connection: TlsConnection, hooks: SecureLinkHooks) {
    const { local, remote } = below.info;
    this.info = {
      kind: 'tls',
      messages: false,
      halfClose: true,
      ...(local !== undefined && { local }),
      ...(remote !== undefined && { remote }),
    };
    this.connection = connection;
    this.#below = below;
    this.#hooks = hooks;
  }

  /** What the handshake agreed on, and who is at the other end. */
  get negotiated(): Negotiated {
    return this.connection.negotiated!;
  }

  get stats(): SecureStats {
    return { ...this.#stats };
  }

  get buffered(): number {
    return this.#pending.length;
  }

  /** Begins the handshake. */
  run(): void {
    this.#below.start({
      data: (chunk) => this.#onData(chunk),
      drain: () => this.#onDrain(),
      end: () => this.#onInputOver(),
      closed: (error) => this.#onBelowClosed(error),
    });
    this.#pump();
  }

  /** Ends an unfinished handshake for a reason of ours: the peer learns an alert only. */
  abandon(reason: Error): void {
    if (this.#phase !== 'handshake') return;
    this.connection.abort();
    this.#endBelow();
    this.#phase = 'done';
    this.#hooks.failed(reason);
  }

  // ---- the link above -------------------------------------------------------------------------------------------

  start(handler: LinkHandler): void {
    if (this.#handler !== undefined) throw new Error('link was started twice');
    this.#handler = handler;
    queueMicrotask(() => {
      if (this.#phase === 'done') handler.closed(this.#error);
      else this.#pump();
    });
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed || this.#phase === 'done') return false;
    if (bytes instanceof Uint8Array) this.#pending.push(bytes);
    else for (const part of bytes) this.#pending.push(part);
    if (this.#pending.length >= AGGREGATE) this.#encrypt(wholeRecords(this.#pending.length));
    if (this.#pending.length > 0 && !this.#belowFull) this.#flushInMicrotask();
    if (!this.#belowFull) return true;
    this.#wantsDrain = true;
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    queueMicrotask(() => this.#pump());
  }

  closeWrite(): void {
    if (this.#writeClosed) return;
    this.#writeClosed = true;
    this.#flush();
  }

  /** Flushes, says close_notify and waits for the other end's (RFC 9846 §6.1), but not without bound. */
  close(): void {
    if (this.#closing || this.#phase === 'done') return;
    this.#closing = true;
    this.#expectProgress();
    this.closeWrite();
    queueMicrotask(() => this.#pump());
  }

  reset(code?: number): void {
    if (this.#phase === 'done') return;
    this.#writeClosed = this.#closing = true;
    this.#pending.clear();
    this.#below.reset(code); // without close_notify: the other end sees a cut
  }

  // ---- plaintext out --------------------------------------------------------------------------------------------

  #flushInMicrotask(): void {
    if (this.#flushSoon) return;
    this.#flushSoon = true;
    queueMicrotask(() => {
      this.#flushSoon = false;
      this.#flush();
    });
  }

  /** Encrypts what is pending as far as the link below takes it, then close_notify if that is wanted. */
  #flush(): void {
    if (this.#phase !== 'open') return;
    this.#encrypt(this.#pending.length);
    if (this.#pending.length > 0 || !this.#writeClosed || this.#notifySent) return;
    this.#notifySent = true;
    this.connection.closeWrite();
    this.#sendOutput();
    if (this.#notifySeen) this.#bothClosed();
  }

  #encrypt(count: number): void {
    let left = count;
    while (left > 0 && !this.#belowFull && this.#phase === 'open') {
      const batch = Math.min(left, wholeRecords(AGGREGATE));
      const parts: Uint8Array[] = [];
      for (let wanted = batch; wanted > 0; wanted -= parts.at(-1)!.length)
        parts.push(this.#pending.shiftUpTo(wanted));
      // The engine's output is empty here, so it takes a batch whole (its mark is four batches).
      try {
        this.connection.write(parts);
      } catch (error) {
        queueMicrotask(() => this.#onTlsError(error as TlsError)); // we may be inside the handler's own `send`
        return;
      }
      this.#stats.plaintextOut += batch;
      left -= batch;
      this.#sendOutput();
    }
  }

  #sendOutput(): void {
    const records = this.connection.takeOutput();
    if (records.length === 0) return;
    for (const record of records) this.#stats.wireOut += record.length;
    this.#stats.recordsOut += records.length;
    if (!this.#below.send(records)) this.#belowFull = true;
  }

  #onDrain(): void {
    this.#belowFull = false;
    if (this.#closing) this.#expectProgress();
    if (this.#phase !== 'done' && this.#wantsDrain && !this.#writeClosed) this.#askForMore();
    else this.#flush();
  }

  /** Whole records first; what is left waits for what the handler adds, so that bulk makes no runt record per drain. */
  #askForMore(): void {
    this.#encrypt(wholeRecords(this.#pending.length));
    if (this.#belowFull) return;
    this.#wantsDrain = false;
    this.#handler?.drain();
    this.#flushInMicrotask();
  }

  // ---- ciphertext in --------------------------------------------------------------------------------------------

  #onData(chunk: Uint8Array): void {
    if (this.#phase === 'done') return;
    this.#stats.wireIn += chunk.length;
    this.connection.feed(chunk);
    this.#pump();
    if (this.#belowPaused || !this.#isStalled()) return;
    this.#belowPaused = true;
    this.#below.pause();
  }

  /** Nobody takes what arrives. After close_notify it is dropped, and reading on is how we see the carrier's end. */
  #isStalled(): boolean {
    return this.#held !== undefined || (!this.#notifySeen && !this.connection.wantsInput);
  }

  #onInputOver(): void {
    if (this.#inputOver || this.#phase === 'done') return;
    this.#inputOver = true;
    this.connection.endOfInput();
    this.#pump();
  }

  /** Takes events from the engine until it has none or the reader stops; sends what it has to say. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#phase !== 'done') {
      const event = this.#held ?? this.connection.next();
      this.#held = event !== undefined && this.#mustWait(event) ? event : undefined;
      if (event === undefined || this.#held !== undefined) break;
      this.#onEvent(event);
    }
    this.#pumping = false;
    if (this.#phase === 'done') return;
    this.#sendOutput();
    if (this.#isStalled()) return;
    if (this.#belowClosed) this.#finish(this.#goneError());
    else if (this.#belowPaused) {
      this.#belowPaused = false;
      this.#below.resume();
    }
  }

  /** A pause holds data, and so what comes after it; before `start` nothing is told but a failure. */
  #mustWait(event: TlsEvent): boolean {
    if (this.#closing) return false;
    if (event.type === 'data') return this.#paused || this.#handler === undefined;
    return event.type === 'end' && this.#handler === undefined;
  }

  #onEvent(event: TlsEvent): void {
    switch (event.type) {
      case 'data':
        this.#stats.plaintextIn += event.bytes.length;
        this.#stats.recordsIn++;
        if (!this.#closing) this.#handler!.data(event.bytes);
        break;
      case 'op':
        this.#perform(event);
        break;
      case 'handshake':
        this.#sendOutput(); // our Finished goes before anything the application says
        this.#phase = 'open';
        this.#hooks.opened();
        break;
      case 'end':
        this.#notifySeen = true;
        if (!this.#closing) this.#handler!.end();
        if (this.#notifySent) this.#bothClosed();
        break;
      case 'error':
        this.#onTlsError(event.error);
        break;
    }
  }

  /** A signer or verifier that throws, rejects or answers nonsense fails the handshake; one that hangs, the deadline does. */
  #perform({ id, op }: OpEvent): void {
    let answer: OpAnswer | Promise<OpAnswer> | Error;
    try {
      answer = performOp(op);
    } catch (error) {
      answer = toError(error);
    }
    if (answer instanceof Promise)
      answer.then(
        (value) => this.#settle(id, value),
        (error) => this.#settle(id, toError(error)),
      );
    else this.connection.settle(id, answer);
  }

  #settle(id: number, answer: OpAnswer | Error): void {
    if (this.#phase === 'done') return;
    this.connection.settle(id, answer);
    this.#pump();
  }

  // ---- the end --------------------------------------------------------------------------------------------------

  #onTlsError(error: TlsError): void {
    // We had given up the other direction, so what is missing from it does not matter.
    const harmless = error.code === 'ERR_TLS_TRUNCATED' && this.#closing && this.#notifySent;
    this.#endBelow();
    this.#finish(harmless ? undefined : error);
  }

  #onBelowClosed(error: Q2qError | undefined): void {
    this.#belowClosed = true;
    this.#cancelCut();
    if (this.#phase === 'done') return;
    if (this.#notifySent && this.#notifySeen) this.#finish(undefined);
    else if (error !== undefined) this.#finish(error);
    else {
      this.#onInputOver();
      this.#pump(); // ends here at once unless the reader is paused with data waiting
    }
  }

  /** The carrier is gone and the engine has nothing more: why that is, as far as the peer's close_notify tells. */
  #goneError(): Q2qError | undefined {
    if (this.#notifySent) return undefined;
    return new SecureError('ERR_SECURE_CLOSED', 'link was closed before our direction ended');
  }

  /** Both close_notify alerts have passed: nothing follows, so the link below may go. */
  #bothClosed(): void {
    this.#below.close();
    this.#deadline(() => {
      this.#below.reset();
      this.#finish(undefined);
    });
  }

  /** While closing: every step forward gives the other end the full time again. */
  #expectProgress(): void {
    this.#deadline(() => {
      this.#below.reset();
      const text = this.#notifySent ? 'other end did not close' : 'other end took no data';
      this.#finish(new SecureError('ERR_SECURE_CLOSE_TIMEOUT', `${text} within ${this.#closeTimeout()} ms`));
    });
  }

  #closeTimeout(): number {
    return this.#hooks.closeTimeout ?? CLOSE_TIMEOUT;
  }

  #deadline(run: () => void): void {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#hooks.clock.after(this.#closeTimeout(), run);
  }

  /** Sends the alert that waits in the engine, then lets the link below flush and close; cut if it cannot. */
  #endBelow(): void {
    this.#pending.clear();
    this.#sendOutput();
    this.#below.close();
    if (this.#belowClosed) return;
    this.#cancelCut = this.#hooks.clock.after(this.#closeTimeout(), () => this.#below.reset());
  }

  #finish(error: Q2qError | undefined): void {
    if (this.#phase === 'done') return;
    const early = this.#phase === 'handshake';
    this.#cancelDeadline();
    this.#phase = 'done';
    this.#writeClosed = true;
    this.#pending.clear();
    this.#held = undefined;
    this.#error = error;
    if (early) this.#hooks.failed(error ?? new SecureError('ERR_SECURE_CLOSED', 'link was closed'));
    else this.#handler?.closed(error);
  }
}

/** As many bytes as fill records, so that bulk makes no runt record per batch. */
function wholeRecords(length: number): number {
  return Math.floor(length / MAX_PLAINTEXT) * MAX_PLAINTEXT;
}
