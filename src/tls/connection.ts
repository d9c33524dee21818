/**
 * One TLS connection without IO: bytes in by `feed`, events out by `next`, bytes out by `takeOutput`. It owns the state,
 * the record layer and the event queue, and knows neither sockets nor clocks nor promises. Nothing it calls can call
 * back into it; slow or foreign work is an op that the driver answers with `settle`.
 */
import type { Bytes } from '../base/bytes.ts';
import { EMPTY } from '../base/bytes.ts';
import { Fifo } from '../base/fifo.ts';
import { ShortInput } from '../base/reader.ts';
import type { AlertName } from './alert.ts';
import type { TlsConfig } from './config.ts';
import { decodeError, misuse, TlsError, unexpectedMessage } from './errors.ts';
import type { Negotiated, OpAnswer, TlsEvent } from './events.ts';
import { MAX_EXPORT, MAX_PENDING_INPUT, OUTPUT_HIGH_WATER } from './limits.ts';
import { Ops } from './ops.ts';
import { ConnectionOutput } from './output.ts';
import { Fragmenter } from './record/fragmenter.ts';
import type { Incoming } from './record/reader.ts';
import { RecordReader } from './record/reader.ts';
import { RecordWriter } from './record/writer.ts';
import type { Seam } from './seam.ts';
import type { Output, State } from './state.ts';
import { advance, POISONED, Suspended } from './state.ts';
import { Traffic } from './traffic.ts';

export type Phase = 'handshake' | 'open' | 'closed' | 'failed';

/**
 * @example A driver's turn, after bytes came or something was written:
 *
 *     connection.feed(chunk);
 *     for (let event = connection.next(); event; event = connection.next()) {
 *       if (event.type === 'op') connection.settle(event.id, await performOp(event.op));
 *       else if (event.type === 'data') consume(event.bytes);
 *     }
 *     for (const record of connection.takeOutput()) carrier.send(record);
 */

export class TlsConnection {
  readonly role: 'client' | 'server';
  readonly #reader: RecordReader;
  readonly #writer: RecordWriter;
  readonly #out: ConnectionOutput;
  readonly #observe: Seam['observe'];
  #state: State = POISONED;
  #traffic: Traffic | undefined;
  readonly #events = new Fifo<TlsEvent>();
  /** Bytes fed since the last time that no event was left: what those that wait may hold on to. */
  #held = 0;
  readonly #ops = new Ops(this.#events);
  #isBusy = false;
  #inputEnded = false;
  #readClosed = false;
  #rest: Uint8Array[] | undefined;
  #error: TlsError | undefined;

  /** @internal Made by `ClientContext.connect` and `ServerContext.accept`. */
  constructor(role: 'client' | 'server', config: TlsConfig, seam: Seam, start: (out: Output) => State) {
    this.role = role;
    this.#reader = new RecordReader(role);
    this.#writer = new RecordWriter(config.maxPlaintext, role === 'client');
    const parts = { reader: this.#reader, writer: this.#writer, ops: this.#ops, events: this.#events };
    this.#out = new ConnectionOutput(parts, config, seam);
    this.#observe = seam.observe;
    this.#guarded(() => {
      this.#state = start(this.#out);
      this.#observe?.(undefined, undefined, this.#state);
    });
  }

  /** `open` until both directions are closed; one of them may be. */
  get phase(): Phase {
    if (this.#error !== undefined) return 'failed';
    if (this.#readClosed && this.#out.isClosed) return 'closed';
    return this.#traffic === undefined ? 'handshake' : 'open';
  }

  /** False: stop granting window below. An op is pending, events wait to be pulled, or nothing more is expected. */
  get wantsInput(): boolean {
    return (
      this.#error === undefined &&
      !this.#readClosed &&
      !(this.#state instanceof Suspended) &&
      this.#held < OUTPUT_HIGH_WATER
    );
  }

  /** What was agreed, once the phase is `open`. */
  get negotiated(): Negotiated | undefined {
    return this.#traffic?.negotiated;
  }

  get error(): TlsError | undefined {
    return this.#error;
  }

  /**
   * Bytes from below. Takes the array over and decrypts in it. While an op is pending they are kept, not processed. After
   * the peer's close_notify or an error they are dropped: what follows an end is not TLS (lesson 18).
   */
  feed(chunk: Uint8Array): void {
    if (this.#error !== undefined || this.#readClosed) return;
    this.#guarded(() => {
      if (this.#state instanceof Suspended && this.#reader.waiting + chunk.length > MAX_PENDING_INPUT)
        throw new TlsError(
          'ERR_TLS_INPUT_LIMIT',
          `more than ${MAX_PENDING_INPUT} bytes fed while an op is pending`,
        );
      this.#held += chunk.length;
      this.#reader.push(chunk);
      this.#process();
    });
  }

  /**
   * What was fed behind the peer's close_notify, as it came: not TLS's, so nothing here looked at it. Empty when taken
   * before; undefined while the peer has not closed. Chunks that come later are not to be fed: they are the driver's.
   */
  takeRest(): Uint8Array[] | undefined {
    const rest = this.#rest;
    if (rest !== undefined) this.#rest = [];
    return rest;
  }

  /** The carrier ended. Without close_notify before it that is `ERR_TLS_TRUNCATED`, never an end (lesson 17). */
  endOfInput(): void {
    if (this.#error !== undefined || this.#readClosed) return;
    this.#inputEnded = true;
    this.#guarded(() => this.#process());
  }

  /** Pull until undefined. */
  next(): TlsEvent | undefined {
    const event = this.#events.shift();
    if (this.#events.length === 0) this.#held = 0;
    return event;
  }

  /**
   * Encrypts the concatenation of `parts` into as few records as they need, nothing joined, and returns how many bytes
   * it took: fewer than given, down to 0, while `outputSize` is high. Throws outside `open` and after `closeWrite`.
   */
  write(parts: Uint8Array | readonly Uint8Array[]): number {
    this.#demandOpen('write');
    if (this.#out.isClosed) throw misuse('write after closeWrite');
    const data = new Fragmenter(parts instanceof Uint8Array ? [parts] : parts);
    const total = data.left;
    this.#guarded(() => {
      this.#answerKeyUpdate();
      while (data.left > 0 && this.#writer.size < OUTPUT_HIGH_WATER) {
        if (this.#writer.keyIsSpent) this.#traffic!.updateKeys(false, this.#out);
        const before = data.left;
        const slice = data.take(this.#writer.maxPlaintext);
        this.#writer.data(slice, before - data.left);
      }
    });
    this.#rethrow();
    return total - data.left;
  }

  /**
   * Clients: early data (0-RTT), right behind the ClientHello, if a ticket allows it; what the server makes of it is
   * `negotiated.earlyData`, and what it rejected has to be sent again. Servers that accepted such data: an answer before
   * the handshake is complete. Returns the bytes it took, 0 where none may be written. Throws once the phase is `open`.
   */
  writeEarly(parts: Uint8Array | readonly Uint8Array[]): number {
    this.#rethrow();
    if (this.phase !== 'handshake') throw misuse('writeEarly after the handshake');
    const data = new Fragmenter(parts instanceof Uint8Array ? [parts] : parts);
    const total = data.left;
    this.#guarded(() => {
      while (data.left > 0 && this.#out.earlyWriteLeft > 0 && this.#writer.size < OUTPUT_HIGH_WATER) {
        if (this.#writer.keyIsSpent) break; // there is no KeyUpdate before the handshake is complete (lesson 9)
        const before = data.left;
        const slice = data.take(Math.min(this.#writer.maxPlaintext, this.#out.earlyWriteLeft));
        this.#writer.data(slice, before - data.left);
        this.#out.earlyWriteLeft -= before - data.left;
      }
    });
    this.#rethrow();
    return total - data.left;
  }

  /**
   * Whole records, at most `max` bytes but at least one record if there is any: a small one as one array, a large one in
   * the pieces that its cipher made. The arrays are the caller's.
   */
  takeOutput(max: number = Number.POSITIVE_INFINITY): Uint8Array[] {
    return this.#writer.take(max);
  }

  /** Bytes that `takeOutput` would return. */
  get outputSize(): number {
    return this.#writer.size;
  }

  /** Records that `takeOutput` has handed out. */
  get recordsOut(): number {
    return this.#writer.recordsTaken;
  }

  /** Largest plaintext of one record: the configuration's, the carrier's or the peer's limit, whichever is least. */
  get maxPlaintext(): number {
    return this.#writer.maxPlaintext;
  }

  /** For a carrier that moves bytes in frames: no record is to hold more plaintext than this. */
  limitRecords(maxPlaintext: number): void {
    this.#writer.limitPlaintext(maxPlaintext + 1);
  }

  /** Answers an op. A late or second answer, and one to an op that was never asked, throws. */
  settle(op: number, answer: OpAnswer | Error): void {
    const beside = this.#ops.takeBeside(op);
    if (beside !== undefined) {
      if (this.#error === undefined) this.#guarded(() => beside(answer));
      return;
    }
    this.#rethrow();
    const suspended = this.#state;
    if (!(suspended instanceof Suspended) || !this.#ops.isAwaited(op))
      throw misuse(`op ${op} is not pending: it was answered before, or never asked`);
    this.#guarded(() => {
      this.#state = POISONED;
      const next = suspended.settle(answer, this.#out);
      this.#observe?.(suspended, suspended.op, next);
      this.#enter(next);
      this.#process();
    });
  }

  /**
   * New keys for our direction; `requestPeer` asks for the other too: one request at a time, and a peer answers it when
   * it next sends data (RFC 9846 §4.7.3).
   */
  updateKeys(requestPeer = false): void {
    const traffic = this.#demandOpen('updateKeys');
    if (this.#out.isClosed) throw misuse('updateKeys after closeWrite');
    if (requestPeer && traffic.awaitsAnswer)
      throw misuse('the peer has not answered the last key update yet');
    this.#guarded(() => {
      this.#out.keyUpdateDue = false; // this update is an answer as well
      traffic.updateKeys(requestPeer, this.#out);
    });
    this.#rethrow();
  }

  /** Sends close_notify; reading goes on. In the handshake there is nothing to close: it is an abort. */
  closeWrite(): void {
    if (this.#error !== undefined || this.#out.isClosed) return;
    if (this.#traffic === undefined) {
      this.abort('user_canceled');
      return;
    }
    this.#guarded(() => {
      this.#out.keyUpdateDue = false;
      this.#writer.alert('close_notify', 1);
      this.#out.isClosed = true;
    });
    this.#destroyWhenClosed();
  }

  /** Ends both directions at once with a fatal alert; an `error` event with `ERR_TLS_ABORTED` follows. */
  abort(alert: AlertName = 'internal_error'): void {
    if (this.#error !== undefined || this.phase === 'closed') return;
    this.#guarded(() => {
      throw new TlsError('ERR_TLS_ABORTED', 'the connection was aborted here', { alert });
    });
  }

  /** Keying material bound to this connection (RFC 9846 §7.5); both ends get the same. */
  exportKey(label: string, context: Uint8Array = EMPTY, length = 32): Bytes {
    const traffic = this.#demandOpen('exportKey');
    // Empty as well: other stacks export under it, though HkdfLabel's syntax (§7.1) wants a character.
    if (!/^([\x21-\x7e][\x20-\x7e]{0,248})?$/.test(label))
      throw new TlsError('ERR_TLS_CONFIG', 'label: is not at most 249 printable ASCII characters');
    if (!Number.isInteger(length) || length < 1 || length > MAX_EXPORT)
      throw new TlsError('ERR_TLS_CONFIG', `length: ${length} is not an integer from 1 to ${MAX_EXPORT}`);
    return traffic.exportKey(label, context, length);
  }

  /**
   * `tls-exporter` (RFC 9266): 32 bytes that name this connection and no other, for authentication above it to include, so
   * that whoever sits in the middle of two connections cannot pass it on.
   */
  channelBinding(): Bytes {
    return this.exportKey('EXPORTER-Channel-Binding', EMPTY, 32);
  }

  /** Runs until input runs out, an op is asked, or the peer closes. */
  #process(): void {
    while (!this.#readClosed && !(this.#state instanceof Suspended)) {
      const incoming = this.#reader.next();
      if (incoming === undefined) break;
      this.#receive(incoming);
    }
    if (this.#inputEnded && !this.#readClosed && !(this.#state instanceof Suspended))
      throw new TlsError('ERR_TLS_TRUNCATED', 'the carrier ended without close_notify: data may be missing');
  }

  #receive(incoming: Incoming): void {
    switch (incoming.kind) {
      case 'message': {
        const state = this.#state;
        this.#state = POISONED;
        const next = advance(state, incoming.message, this.#out);
        this.#observe?.(state, incoming.message, next);
        this.#enter(next);
        return;
      }
      case 'data':
        if (this.#traffic === undefined) {
          this.#earlyData(incoming.bytes);
          return;
        }
        this.#traffic.sawData();
        this.#events.push({ type: 'data', bytes: incoming.bytes });
        return;
      case 'closeNotify':
        if (this.#traffic === undefined)
          throw new TlsError('ERR_TLS_ALERT', 'peer closed during the handshake', {
            alert: 'close_notify',
            alertFrom: 'peer',
          });
        this.#readClosed = true;
        this.#rest = this.#reader.close();
        this.#events.push({ type: 'end' });
        this.#destroyWhenClosed();
    }
  }

  /** Only while the server takes early data, and never more of it than it said (§4.3.10). */
  #earlyData(bytes: Uint8Array): void {
    if (this.#out.earlyReadLeft === 0)
      throw unexpectedMessage(`application data in ${this.#state.name}, before the handshake is complete`);
    if (bytes.length > this.#out.earlyReadLeft)
      throw new TlsError('ERR_TLS_FLOOD', 'more early data than the ticket allows');
    this.#out.earlyReadLeft -= bytes.length;
    this.#events.push({ type: 'earlyData', bytes });
  }

  #enter(state: State): void {
    this.#state = state;
    if (state instanceof Suspended) {
      this.#ops.ask(state.op);
    } else if (state instanceof Traffic && this.#traffic === undefined) {
      this.#traffic = state;
      this.#out.disown(); // what is left of the handshake's secrets is the open state's now
      this.#events.push({ type: 'handshake', negotiated: state.negotiated });
    }
  }

  /** One answer however often the peer asked while we were silent (lesson 8). */
  #answerKeyUpdate(): void {
    if (!this.#out.keyUpdateDue || this.#error !== undefined) return;
    this.#out.keyUpdateDue = false;
    this.#traffic!.updateKeys(false, this.#out);
  }

  #demandOpen(call: string): Traffic {
    this.#rethrow();
    if (this.#traffic === undefined) throw misuse(`${call} before the handshake is complete`);
    if (this.phase === 'closed') throw misuse(`${call} after both directions were closed`);
    return this.#traffic;
  }

  #rethrow(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Everything that can go wrong inside ends in `#fail`, once. */
  #guarded(action: () => void): void {
    if (this.#isBusy) throw misuse('the connection was called from inside its own call');
    this.#isBusy = true;
    try {
      action();
    } catch (error) {
      this.#fail(toTlsError(error));
    } finally {
      this.#isBusy = false;
    }
  }

  /** Queues at most one alert, destroys every secret, keeps the error for all later calls. */
  #fail(error: TlsError): void {
    this.#error = error;
    this.#state = POISONED;
    this.#out.keyUpdateDue = false;
    this.#reader.close();
    if (error.alert !== undefined && error.alertFrom === 'local' && !this.#out.isClosed)
      this.#alert(error.alert);
    this.#destroy();
    this.#events.push({ type: 'error', error });
  }

  #alert(name: AlertName): void {
    try {
      this.#writer.alert(name, name === 'user_canceled' ? 1 : 2);
      if (name === 'user_canceled') this.#writer.alert('close_notify', 1); // §6.1: it announces the end, and is none
    } catch {
      // The key is used up: the peer sees the carrier end, which is an error to it as well.
    }
  }

  #destroyWhenClosed(): void {
    if (this.#readClosed && this.#out.isClosed) this.#destroy();
  }

  #destroy(): void {
    this.#writer.destroy();
    this.#reader.destroy();
    this.#traffic?.destroy();
    this.#out.destroyOwned();
  }
}

function toTlsError(error: unknown): TlsError {
  if (error instanceof TlsError) return error;
  if (error instanceof ShortInput) return decodeError(error.message, error);
  const text = error instanceof Error ? error.message : String(error);
  return new TlsError('ERR_TLS_INTERNAL', `internal failure: ${text}`, { cause: error });
}
