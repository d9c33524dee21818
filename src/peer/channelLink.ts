/**
 * One channel of a session as a link: TLS, another session or an application stands on it like on TCP.
 *
 * Credit is given for delivered bytes only. What comes while the reader is paused or not there yet waits in the engine, at
 * most the channel's credit; when the peer had finished, it is delivered even after the session has gone. A handler that
 * throws loses its own channel and nothing else.
 */
import { toError } from '../base/errors.ts';
import { type ControlValue, describeCode, MuxError, type MuxSession, WireCode } from '../mux/index.ts';
import type { Link, LinkHandler, LinkInfo } from '../transport/link.ts';

/** What a channel needs of its session. */
export interface ChannelHost {
  readonly mux: MuxSession;
  /** What all its channels say of themselves; addresses are the link's. */
  readonly channelInfo: LinkInfo;
  /** Sends what the engine owes, and hands its events on, soon. */
  flushSoon(): void;
  /** The channel is over: nothing comes for it any more. Called once. */
  channelOver(channel: ChannelLink): void;
  /** A handler threw. */
  handlerFailed(channel: ChannelLink, error: Error): void;
}

export class ChannelLink implements Link {
  readonly info: LinkInfo;
  readonly name: string;
  /** The session's number for it: even = opened here, odd = opened by the peer. */
  readonly id: number;
  readonly #host: ChannelHost;
  readonly #mux: MuxSession;
  #handler: LinkHandler | undefined;
  #paused = false;
  #pumpScheduled = false;
  #writeClosed = false;
  #closing = false; // what comes is discarded
  #ended = false; // the peer finished
  #endTold = false;
  #stopped: MuxError | undefined; // the peer reads no more
  #gone = false; // the engine has let go of it
  #error: MuxError | undefined;
  #over = false;
  #told = false;
  #accepted: { resolve(meta: ControlValue): void; reject(error: MuxError): void }[] = [];
  #acceptedWith: { readonly meta: ControlValue } | undefined;

  constructor(host: ChannelHost, id: number, name: string) {
    this.#host = host;
    this.#mux = host.mux;
    this.id = id;
    this.name = name;
    this.info = host.channelInfo;
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
      this.#error ??= this.#stopped;
      return false;
    }
    const room = this.#mux.write(this.id, bytes);
    this.#host.flushSoon();
    return room;
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
    this.#writeClosed = true;
    this.#mux.finish(this.id);
    this.#host.flushSoon();
  }

  close(): void {
    if (this.#closing || this.#over) return;
    this.closeWrite();
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
  whenAccepted(): Promise<ControlValue> {
    if (this.#acceptedWith !== undefined) return Promise.resolve(this.#acceptedWith.meta);
    if (this.#over) return Promise.reject(this.#error ?? neverAccepted());
    return new Promise((resolve, reject) => this.#accepted.push({ resolve, reject }));
  }

  // What the session tells.

  onAccepted(meta: ControlValue): void {
    this.#acceptedWith = { meta };
    for (const waiter of this.#accepted.splice(0)) waiter.resolve(meta);
  }

  onReadable(): void {
    if (this.#handler !== undefined && !this.#paused && !this.#over) this.#pump();
  }

  onEnd(): void {
    this.#ended = true;
    this.#pump();
  }

  onReset(error: MuxError): void {
    this.abort(error, WireCode.cancelled);
  }

  /** Code 0 says that the peer closed in good order: only if bytes were or will be lost it is a failure. */
  onStopped(error: MuxError, lost: boolean): void {
    if (error.resetCode !== WireCode.none) {
      this.abort(error, WireCode.cancelled);
      return;
    }
    this.#stopped = error;
    if (lost) this.#error ??= error;
  }

  onWritable(): void {
    if (this.#handler === undefined || this.#writeClosed || this.#over) return;
    this.#guard(() => this.#handler!.drain());
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
    queueMicrotask(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  /** Delivers what waits, in order: bytes, the end, the close. */
  #pump(): void {
    if (this.#handler !== undefined)
      while (!this.#paused && !this.#over) {
        const bytes = this.#mux.read(this.id);
        if (bytes === undefined) break;
        this.#deliver(bytes);
      }
    if (this.#over) this.#tell();
    else if (this.#handler !== undefined && this.#mux.unread(this.id) === 0) this.#pumpEnd();
  }

  #pumpEnd(): void {
    if (this.#ended && !this.#endTold) {
      this.#endTold = true;
      this.#guard(() => this.#handler!.end());
    }
    if (this.#gone) this.#finish();
  }

  #deliver(bytes: Uint8Array): void {
    this.#guard(() => this.#handler!.data(bytes));
    this.#host.flushSoon();
  }

  /** Runs a call into the application; what it throws costs its channel. */
  #guard(call: () => void): void {
    try {
      call();
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
    for (const waiter of this.#accepted.splice(0)) waiter.reject(this.#error ?? neverAccepted());
    this.#host.channelOver(this);
    this.#pumpSoon();
  }

  #tell(): void {
    if (this.#told || this.#handler === undefined) return;
    this.#told = true;
    this.#guard(() => this.#handler!.closed(this.#error));
  }
}

function neverAccepted(): MuxError {
  return new MuxError('ERR_MUX_CLOSED', 'channel closed before it was accepted');
}
