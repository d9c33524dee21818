/**
 * TLS over a link, as a link: drives the engine (`src/tls`), which does no IO of its own.
 *
 *      send ─▶ SecureSender ─▶ engine.write ─▶ takeOutput ─▶ below.send
 *      handler.data ◀─ engine.next ◀─ engine.feed ◀─ below.data
 *
 * Backpressure passes both ways: a full link below keeps plaintext pending and `send` false; a paused handler stops
 * pulling from the engine, and the next chunk that arrives then pauses the link below.
 */
import type { Bytes } from '../base/bytes.ts';
import type { Q2qError } from '../base/errors.ts';
import type { Negotiated, OpEvent, TicketEvent, TlsConnection, TlsError, TlsEvent } from '../tls/index.ts';
import type { Link, LinkHandler, LinkInfo, WireBytes } from '../transport/link.ts';
import { CLOSE_TIMEOUT } from './limits.ts';
import { SecureCarrier } from './secureCarrier.ts';
import { SecureError } from './secureErrors.ts';
import { answerOp } from './secureOps.ts';
import { SecureSender } from './secureSender.ts';
import {
  type Counters,
  type SecuredLink,
  type SecureLinkHooks,
  type SecureStats,
  tlsInfo,
} from './secureTypes.ts';

export type { SecureStats };

/** Made by `secure` and `startTls` only. */
export class SecureLink implements SecuredLink {
  readonly info: LinkInfo;
  readonly connection: TlsConnection;
  readonly #below: Link;
  readonly #carrier: SecureCarrier; // the same, and what it said
  readonly #hooks: SecureLinkHooks;
  readonly #counters: Counters = {
    plaintextIn: 0,
    plaintextOut: 0,
    wireIn: 0,
    wireOut: 0,
    recordsIn: 0,
    recordsOut: 0,
  };
  readonly #sender: SecureSender;

  /** `parted`: both close_notify have passed and the link below is still there, for `detach`. */
  #phase: 'handshake' | 'open' | 'parted' | 'done' = 'handshake';
  #handler: LinkHandler | undefined;
  #paused = false;
  #earlySent = 0;
  #early: Uint8Array[] = []; // at most the configuration's earlyData
  #held: TlsEvent | undefined; // pulled, but the reader does not want it yet
  #belowPaused = false;
  #pumping = false;
  #closing = false; // both directions given up: what arrives is dropped
  #notifySeen = false;
  #error: Q2qError | undefined;
  #cancelDeadline: () => void = () => {};
  #cancelCut: () => void = () => {};

  constructor(below: Link, connection: TlsConnection, hooks: SecureLinkHooks) {
    this.info = tlsInfo(below.info);
    this.connection = connection;
    this.#below = below;
    this.#carrier = new SecureCarrier(below);
    this.#hooks = hooks;
    this.#sender = new SecureSender(
      below,
      connection,
      this.#counters,
      {
        room: () => this.#room(),
        notified: () => this.#notified(),
        writeFailed: (error) => this.#onTlsError(error),
      },
      hooks.writer !== undefined,
    );
  }

  /** What the handshake agreed on, and who is at the other end. */
  get negotiated(): Negotiated {
    return this.connection.negotiated!;
  }

  /** Of the link below where that adds framing of its own, else of TLS. */
  get wire(): WireBytes {
    const { wireIn, wireOut } = this.#counters;
    return this.#below.wire ?? { sent: wireOut, received: wireIn };
  }

  get stats(): SecureStats {
    return { ...this.#counters };
  }

  exportKey(label: string, context?: Uint8Array, length?: number): Bytes {
    return this.connection.exportKey(label, context, length);
  }

  get buffered(): number {
    return this.#sender.buffered;
  }

  /**
   * Servers: takes what the client sent before the handshake was complete (0-RTT). Whoever recorded such bytes can send
   * them again (RFC 9846 §8): an application must know that they do no harm twice.
   */
  takeEarlyData(): Uint8Array[] {
    return this.#early.splice(0);
  }

  /** Clients: bytes of `earlyData` that left with the ClientHello. */
  get earlyDataSent(): number {
    return this.#earlySent;
  }

  /** Begins the handshake. */
  run(earlyData?: Uint8Array): void {
    if (earlyData !== undefined && this.connection.error === undefined)
      this.#earlySent = this.connection.writeEarly(earlyData);
    this.#counters.plaintextOut += this.#earlySent;
    this.#below.start({
      data: (chunk) => this.#onData(chunk),
      drain: () => this.#onDrain(),
      end: () => this.#onBelowEnd(),
      closed: (error) => this.#onBelowClosed(error),
    });
    this.#pump();
  }

  /** Ends an unfinished handshake for a reason of ours: the peer learns an alert only. */
  abandon(reason: Error): void {
    if (this.#phase !== 'handshake') return;
    this.connection.abort();
    this.#endBelow();
    this.#fail(reason);
  }

  /**
   * The link below without TLS (FTP's CCC): what the other end sent behind its close_notify comes first, untouched. Only
   * where `detachable` was asked for, and only once both sides have said close_notify, which `closed` without an error
   * tells; `ERR_SECURE_DETACH` before.
   */
  detach(): Link {
    if (this.#phase !== 'parted' || this.#carrier.isHandedOver)
      throw new SecureError('ERR_SECURE_DETACH', `cannot give the link back: ${this.#attachedBy()}`);
    return this.#carrier.handOver();
  }

  #attachedBy(): string {
    if (this.#carrier.isHandedOver) return 'it was given back before';
    if (!this.#hooks.detachable) return 'it was not secured as detachable';
    if (this.#phase === 'done') return 'TLS did not end by close_notify from both sides';
    if (!this.#sender.hasNotified) return 'our own direction is open, closeWrite ends it';
    return 'the other end has not sent close_notify, or its data was not read up to there';
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
    return this.#sender.send(bytes);
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
    this.#sender.closeWrite();
  }

  /** Flushes, says close_notify and waits for the other end's (RFC 9846 §6.1), but not without bound. */
  close(): void {
    if (this.#phase === 'parted' && !this.#carrier.isHandedOver) this.#below.close();
    if (this.#closing || this.#isOver) return;
    this.#closing = true;
    this.#expectProgress();
    this.closeWrite();
    queueMicrotask(() => this.#pump());
  }

  reset(code?: number): void {
    if (this.#phase === 'done' || this.#carrier.isHandedOver) return;
    this.#closing = true;
    this.#sender.stop();
    this.#below.reset(code); // without close_notify: the other end sees a cut
  }

  // ---- plaintext out --------------------------------------------------------------------------------------------

  #onDrain(): void {
    if (this.#carrier.drain()) return;
    if (this.#closing && !this.#isOver) this.#expectProgress();
    this.#sender.drained();
  }

  /** Everybody who writes is told. */
  #room(): void {
    this.#hooks.writer?.room();
    this.#handler?.drain();
  }

  #notified(): void {
    if (this.#notifySeen) this.#bothClosed();
  }

  // ---- ciphertext in --------------------------------------------------------------------------------------------

  #onData(chunk: Uint8Array): void {
    if (this.#carrier.data(chunk) || this.#phase === 'done') return;
    this.#counters.wireIn += chunk.length;
    this.connection.feed(chunk);
    const rest = this.#hooks.detachable ? this.connection.takeRest() : undefined;
    if (rest !== undefined) this.#carrier.keep(rest);
    this.#pump();
    if (this.#belowPaused || !(this.#carrier.isKept || this.#isStalled())) return;
    this.#belowPaused = true;
    this.#below.pause();
  }

  /** Nobody takes what arrives. After close_notify it is dropped, and reading on is how we see the carrier's end. */
  #isStalled(): boolean {
    return this.#held !== undefined || (!this.#notifySeen && !this.connection.wantsInput);
  }

  /** Takes events from the engine until it has none or the reader stops; sends what it has to say. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#isOver) {
      const event = this.#held ?? this.connection.next();
      this.#held = event !== undefined && this.#mustWait(event) ? event : undefined;
      if (event === undefined || this.#held !== undefined) break;
      this.#onEvent(event);
    }
    this.#pumping = false;
    if (this.#isOver) return;
    this.#sender.sendOutput();
    if (this.#isStalled()) return;
    if (this.#carrier.closed) this.#finish(this.#goneError());
    else if (this.#belowPaused && !this.#carrier.isKept) {
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
        this.#counters.plaintextIn += event.bytes.length;
        this.#counters.recordsIn++;
        if (!this.#closing) this.#handler!.data(event.bytes);
        break;
      case 'earlyData':
        this.#counters.plaintextIn += event.bytes.length;
        this.#counters.recordsIn++;
        this.#early.push(event.bytes);
        break;
      case 'ticket':
        keep(event);
        break;
      case 'op':
        this.#settle(event);
        break;
      case 'handshake':
        this.#sender.sendOutput(); // our Finished goes before anything the application says
        this.#phase = 'open';
        this.#hooks.opened();
        this.#sender.open();
        break;
      case 'end':
        this.#notifySeen = true;
        if (!this.#hooks.detachable) this.connection.takeRest(); // nobody wants it: let the memory go
        if (!this.#closing) this.#handler!.end();
        if (this.#sender.hasNotified) this.#bothClosed();
        break;
      case 'error':
        this.#onTlsError(event.error);
        break;
    }
  }

  /** One that never answers is the deadline's to end. */
  #settle({ id, op }: OpEvent): void {
    let isLater = false;
    answerOp(op, (answer) => {
      if (this.#isOver) return;
      this.connection.settle(id, answer);
      if (isLater) this.#pump();
    });
    isLater = true;
  }

  // ---- the end --------------------------------------------------------------------------------------------------

  get #isOver(): boolean {
    return this.#phase === 'done' || this.#phase === 'parted';
  }

  #onTlsError(error: TlsError): void {
    // We had given up the other direction, so what is missing from it does not matter.
    const harmless = error.code === 'ERR_TLS_TRUNCATED' && this.#closing && this.#sender.hasNotified;
    this.#endBelow();
    this.#finish(harmless ? undefined : error);
  }

  #onBelowEnd(): void {
    if (this.#carrier.ended || this.#carrier.end() || this.#isOver) return;
    this.connection.endOfInput();
    this.#pump();
  }

  #onBelowClosed(error: Q2qError | undefined): void {
    this.#cancelCut();
    if (this.#carrier.close(error) || this.#isOver) return;
    if (this.#sender.hasNotified && this.#notifySeen) this.#finish(undefined);
    else if (error !== undefined) this.#finish(error);
    else {
      this.#onBelowEnd();
      this.#pump(); // ends here at once unless the reader is paused with data waiting
    }
  }

  /** The carrier is gone and the engine has nothing more: why that is, as far as the peer's close_notify tells. */
  #goneError(): Q2qError | undefined {
    if (this.#sender.hasNotified) return undefined;
    return new SecureError('ERR_SECURE_CLOSED', 'link was closed before our direction ended');
  }

  /** Both close_notify alerts have passed: TLS is over, so the link below may go, or go on without it. */
  #bothClosed(): void {
    if (this.#hooks.detachable && !this.#closing) {
      queueMicrotask(() => this.#part()); // we may be inside the handler's own `closeWrite`
      return;
    }
    this.#below.close();
    this.#deadline(() => {
      this.#below.reset();
      this.#finish(undefined);
    });
  }

  #part(): void {
    if (this.#isOver) return;
    if (this.#closing) this.#bothClosed();
    else this.#over(undefined, 'parted');
  }

  /** While closing: every step forward gives the other end the full time again. */
  #expectProgress(): void {
    this.#deadline(() => {
      this.#below.reset();
      const text = this.#sender.hasNotified ? 'other end did not close' : 'other end took no data';
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
    this.#sender.stop();
    this.#sender.sendOutput();
    this.#below.close();
    if (this.#carrier.closed) return;
    this.#cancelCut = this.#hooks.clock.after(this.#closeTimeout(), () => this.#below.reset());
  }

  #finish(error: Q2qError | undefined): void {
    if (this.#isOver) return;
    if (this.#phase === 'handshake')
      this.#fail(error ?? new SecureError('ERR_SECURE_CLOSED', 'link was closed'));
    else this.#over(error, 'done');
  }

  #fail(reason: Error): void {
    this.#phase = 'done';
    this.#sender.stop();
    this.#hooks.writer?.gone(reason);
    this.#hooks.failed(reason);
  }

  #over(error: Q2qError | undefined, phase: 'parted' | 'done'): void {
    this.#cancelDeadline();
    this.#phase = phase;
    this.#sender.stop();
    this.#held = undefined;
    this.#error = error;
    this.#hooks.writer?.gone(error);
    this.#handler?.closed(error);
  }
}

/** A store that throws costs us the ticket, not the connection. */
function keep({ store, key, ticket }: TicketEvent): void {
  try {
    store.put(key, ticket);
  } catch {
    ticket.destroy();
  }
}
