/**
 * One channel of a session as a link: TLS, another session or an application stands on it like on TCP.
 *
 * Its halves end apart where the handler can hear of it (`readFailed`, `writeFailed`); for TLS and whoever else needs both, the
 * failure of one is the failure of the channel. Credit is given for delivered bytes only. What comes while the reader is paused or not there yet waits in the engine, at
 * most the channel's credit; when the peer had finished, it is delivered even after the session has gone. A handler that
 * throws loses its own channel and nothing else.
 */
import type { Clock } from '../base/clock.ts';
import { toError } from '../base/errors.ts';
import {
  type ChannelMode,
  type ChannelTraffic,
  type ControlValue,
  describeCode,
  MuxError,
  type MuxSession,
  type Priority,
  WireCode,
} from '../mux/index.ts';
import type { Link, LinkHandler, LinkInfo } from '../transport/link.ts';
import { Waiters } from './abort.ts';
import { CLOSE_TIMEOUT } from './limits.ts';
import { Room } from './room.ts';

/** What a channel needs of its session. */
export interface ChannelHost {
  readonly mux: MuxSession;
  readonly clock: Clock;
  /** What all its channels say of themselves; addresses are the link's. */
  readonly channelInfo: LinkInfo;
  /** Sends what the engine owes, and hands its events on, soon. */
  flushSoon(): void;
  /** Calls the channel's `pump` from a fresh stack: all that ask in one turn share it. */
  pumpSoon(channel: ChannelLink): void;
  /** The channel is over: nothing comes for it any more. Called once. */
  channelOver(channel: ChannelLink): void;
  /** A handler threw. */
  handlerFailed(channel: ChannelLink, error: Error): void;
}

export class ChannelLink implements Link, AsyncDisposable {
  readonly info: LinkInfo;
  readonly name: string;
  /** The session's number for it: even = opened here, odd = opened by the peer. */
  readonly id: number;
  readonly #host: ChannelHost;
  readonly #mux: MuxSession;
  /** Bytes of its frames so far, as the multiplexer carried them; good after its end too. */
  readonly traffic: ChannelTraffic;
  #handler: LinkHandler | undefined;
  #paused = false;
  #pumpScheduled = false;
  #writeClosed = false;
  #closing = false; // what comes is discarded
  #ended = false; // the peer finished
  #endTold = false;
  #failed: MuxError | undefined; // the peer gave up its direction
  #stopped: MuxError | undefined; // the peer reads no more
  #loss: MuxError | undefined; // bytes of ours are lost by that
  #lossTold = false;
  readonly #room = new Room();
  #gone = false; // the engine has let go of it
  #error: MuxError | undefined;
  #over = false;
  #told = false;
  #onDatagram: (bytes: Uint8Array) => void = ignore;
  readonly #accepted = new Waiters<ControlValue>();
  #acceptedWith: { readonly meta: ControlValue } | undefined;
  readonly #closed = new Waiters<void>();

  constructor(host: ChannelHost, id: number, name: string, mode: ChannelMode = 'bytes') {
    this.#host = host;
    this.#mux = host.mux;
    this.traffic = host.mux.channel(id)!;
    this.id = id;
    this.name = name;
    this.info = mode === 'bytes' ? host.channelInfo : Object.freeze({ ...host.channelInfo, messages: true });
  }

  /** How the channel is sent from here, and how the other end is asked to send it. */
  prioritize(priority: Partial<Priority>): void {
    this.#mux.prioritize(this.id, priority);
    this.#host.flushSoon();
  }

  /** Beside the channel's bytes, unreliable and out of order: soon or never. False when it cannot be sent now. */
  sendDatagram(bytes: Uint8Array): boolean {
    if (this.#over) return false;
    const sent = this.#mux.sendDatagram(this.id, bytes);
    this.#host.flushSoon();
    return sent;
  }

  /** Sets who gets the channel's datagrams. What comes before is lost, as datagrams may be. */
  onDatagram(handler: (bytes: Uint8Array) => void): void {
    this.#onDatagram = handler;
  }

  /** For the session. */
  datagram(bytes: Uint8Array): void {
    if (!this.#over) this.#call(this.#onDatagram, bytes);
  }

  /** The channel's number on the wire, the same at both ends; known once the session is ready. */
  get wireId(): number {
    return this.#mux.wireId(this.id);
  }

  start(handler: LinkHandler): void {
    if (this.#handler !== undefined) throw new Error('channel was started twice');
    this.#handler = handler;
    this.#pumpSoon();
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed || this.#over) return false;
    if (this.#stopped !== undefined) {
      this.#bytesLost(this.#stopped);
      return false;
    }
    const room = this.#room.after(this.#mux.write(this.id, bytes));
    this.#host.flushSoon();
    return room;
  }

  /**
   * Resolves when `send` may go on, at once if it did not say stop. Rejects when nothing more can be sent: our direction
   * ended, the peer reads no more, the channel is gone.
   */
  drained(signal?: AbortSignal): Promise<void> {
    return this.#room.drained(signal);
  }

  get buffered(): number {
    return this.#mux.queued(this.id);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#pumpSoon();
  }

  closeWrite(): void {
    if (this.#writeClosed || this.#over) return;
    this.#endWriting();
    this.#mux.finish(this.id);
    this.#host.flushSoon();
  }

  #endWriting(): void {
    this.#writeClosed = true;
    this.#room.close(ownEnd);
  }

  resetWrite(code: number = WireCode.cancelled): void {
    if (this.#over || !this.#mux.reset(this.id, code)) return;
    this.#endWriting();
    this.#gaveUp('writing', code);
  }

  stop(code: number = WireCode.cancelled): void {
    if (code === WireCode.none) throw new MuxError('ERR_MUX_ARGUMENT', 'code 0 says that all is well: close');
    if (this.#closing || this.#over || !this.#mux.stop(this.id, code)) return;
    this.#closing = this.#endTold = true;
    this.#gaveUp('reading', code);
  }

  #gaveUp(what: string, code: number): void {
    const text = `${what} was given up here with code ${describeCode(code)}`;
    this.#error ??= new MuxError('ERR_MUX_ABORTED', text, { resetCode: code });
    this.#host.flushSoon();
    this.#pumpSoon();
  }

  close(): void {
    if (this.#over) return;
    this.closeWrite();
    if (this.#closing) return;
    this.#closing = this.#endTold = true;
    this.#mux.stop(this.id, WireCode.none);
    this.#host.flushSoon();
    this.#pumpSoon();
  }

  /** `code`: 256 and above are the application's; the peer reads it in its error's `resetCode`. */
  reset(code: number = WireCode.cancelled): void {
    const text = `channel was reset here with code ${describeCode(code)}`;
    this.abort(new MuxError('ERR_MUX_ABORTED', text, { resetCode: code }), code);
  }

  /** Resolves with the meta data of the peer's ACCEPT; rejects when the channel is refused or fails before. */
  whenAccepted(signal?: AbortSignal): Promise<ControlValue> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#acceptedWith !== undefined) return Promise.resolve(this.#acceptedWith.meta);
    if (this.#over) return Promise.reject(this.#error ?? neverAccepted());
    return this.#accepted.wait(signal);
  }

  /** Resolves when the channel is over, however it went. */
  whenClosed(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return this.#over ? Promise.resolve() : this.#closed.wait(signal);
  }

  /**
   * Closes, and waits for the end. Fails never, so that a block keeps its own error, and not for long: a peer that takes
   * nothing for two seconds is cut off.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    let left = this.buffered;
    const check = (): void => {
      if (this.buffered === left) this.reset();
      left = this.buffered;
      cancel = this.#host.clock.after(CLOSE_TIMEOUT, check);
    };
    let cancel = this.#host.clock.after(CLOSE_TIMEOUT, check);
    await this.whenClosed();
    cancel();
  }

  // What the session tells.

  onAccepted(meta: ControlValue): void {
    this.#acceptedWith = { meta };
    this.#accepted.resolve(meta);
  }

  onReadable(): void {
    if (this.#handler !== undefined && !this.#paused && !this.#over) this.#pump();
  }

  onEnd(): void {
    this.#ended = true;
    this.#pump();
  }

  onReset(error: MuxError): void {
    this.#failed = error;
    this.#error ??= error;
    if (this.#handler !== undefined) this.#tellFailed();
  }

  #tellFailed(): void {
    if (this.#failed === undefined || this.#endTold || this.#over) return;
    this.#endTold = true;
    const { readFailed } = this.#handler!;
    if (readFailed === undefined) this.abort(this.#failed, WireCode.cancelled);
    else this.#call(readFailed, this.#failed);
  }

  /** Code 0 says that the peer closed in good order: only if bytes were or will be lost it is a failure. */
  onStopped(error: MuxError, lost: boolean): void {
    this.#stopped = error;
    this.#room.close(() => error);
    if (lost || error.resetCode !== WireCode.none) this.#bytesLost(error);
  }

  #bytesLost(error: MuxError): void {
    if (this.#loss !== undefined) return;
    this.#loss = error;
    this.#error ??= error;
    this.#pumpSoon(); // we may be inside `send`
  }

  #tellLoss(): void {
    const loss = this.#loss;
    if (loss === undefined || this.#lossTold || this.#over) return;
    this.#lossTold = true;
    const { writeFailed } = this.#handler!;
    if (writeFailed !== undefined) this.#call(writeFailed, loss);
    else if (loss.resetCode !== WireCode.none) this.abort(loss, WireCode.cancelled);
  }

  onWritable(): void {
    if (this.#writeClosed || this.#over) return;
    this.#room.open();
    if (this.#handler !== undefined) this.#call(this.#handler.drain, undefined);
  }

  onGone(): void {
    this.#gone = true;
    this.#pump();
  }

  /** The session ended under the channel. What the peer had finished sending is still delivered first. */
  onSessionOver(error: MuxError): void {
    if (this.#over || this.#gone) return;
    if (!this.#mux.isComplete(this.id)) this.#error ??= error;
    this.#gone = true;
    if (!this.#ended) this.#finish();
    else this.#pump();
  }

  /** Ends both directions at once with this error. */
  abort(error: MuxError, code: number): void {
    if (this.#over) return;
    this.#error ??= error;
    this.#mux.reset(this.id, code);
    this.#mux.stop(this.id, code);
    this.#host.flushSoon();
    this.#finish();
  }

  #pumpSoon(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    this.#host.pumpSoon(this);
  }

  /** For the session, after `pumpSoon`. */
  pump(): void {
    this.#pumpScheduled = false;
    this.#pump();
  }

  /** Delivers what waits, in order: bytes, the end, the close. */
  #pump(): void {
    if (this.#handler === undefined) {
      if (this.#gone && (this.#closing || this.#failed !== undefined)) this.#finish(); // nothing to be told but that
      return;
    }
    this.#tellFailed();
    this.#tellLoss();
    const isEmpty = this.#deliverAll();
    if (this.#over) this.#tell();
    else if (isEmpty) this.#pumpEnd();
  }

  /** True when nothing is left to read. */
  #deliverAll(): boolean {
    while (!this.#over) {
      if (this.#paused) return !this.#mux.isReadable(this.id);
      const bytes = this.#mux.read(this.id);
      if (bytes === undefined) return true;
      this.#deliver(bytes);
    }
    return false;
  }

  #pumpEnd(): void {
    if (this.#ended && !this.#endTold) {
      this.#endTold = true;
      this.#call(this.#handler!.end, undefined);
    }
    if (this.#gone) this.#finish();
  }

  #deliver(bytes: Uint8Array): void {
    this.#call(this.#handler!.data, bytes);
    this.#host.flushSoon();
  }

  /** Calls a method of the handler; what it throws costs its channel. */
  #call<A>(method: (argument: A) => void, argument: A): void {
    try {
      method.call(this.#handler, argument);
    } catch (thrown) {
      const cause = toError(thrown);
      this.#host.handlerFailed(this, cause);
      this.abort(
        new MuxError('ERR_MUX_HANDLER', 'the handler of the channel threw', { cause }),
        WireCode.internal,
      );
    }
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#mux.stop(this.id, WireCode.none); // nobody will read what waits
    const error = this.#error;
    this.#room.close(error === undefined ? channelClosed : () => error);
    this.#accepted.reject(error === undefined ? neverAccepted : () => error);
    this.#closed.resolve();
    this.#host.channelOver(this);
    this.#pumpSoon();
  }

  #tell(): void {
    if (this.#told || this.#handler === undefined) return;
    this.#told = true;
    this.#call(this.#handler.closed, this.#error);
  }
}

const ignore = (): void => {};

const closed = (text: string) => (): MuxError => new MuxError('ERR_MUX_CLOSED', text);
const ownEnd = closed('our direction of the channel has ended');
const channelClosed = closed('channel is closed');
const neverAccepted = closed('channel closed before it was accepted');
