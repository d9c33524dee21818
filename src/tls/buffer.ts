/**
 * The buffer verbs of PEP 543 and PEP 748 over a connection: for callers that own a socket loop and think in "give me what
 * came", "here is what is to be sent". It adds nothing to the engine but two queues, bounded, and answers ops by itself;
 * where those PEPs raise WantRead and WantWrite, a result says what is needed.
 *
 * @example A turn of a loop over a non-blocking socket:
 *
 *     const taken = tls.receive(arrived);              // the rest is offered again after reading
 *     for (let got = tls.read(65_536); got.bytes; got = tls.read(65_536)) use(got.bytes);
 *     while (tls.outgoingBytes > 0) tls.consumeOutgoing(socket.send(tls.peekOutgoing()));
 */
import { EMPTY } from '../base/bytes.ts';
import { ChunkQueue } from '../base/chunks.ts';
import { toError } from '../base/errors.ts';
import type { AlertName } from './alert.ts';
import type { TlsConnection } from './connection.ts';
import { misuse } from './errors.ts';
import type { Negotiated, OpAnswer, OpEvent, TlsEvent } from './events.ts';
import { performOp } from './events.ts';
import { OUTPUT_HIGH_WATER } from './limits.ts';

/**
 * What has to happen before a call can go on: `write`: what is outgoing must be sent; `read`: the peer must say something;
 * `answer`: a signer, verifier or chooser is at work (see `answered`).
 */
export type Need = 'read' | 'write' | 'answer';

export interface Progress {
  /** Absent: done. */
  readonly need?: Need;
}

export type ReadResult =
  | { readonly bytes: Uint8Array; readonly need?: undefined; readonly end?: undefined }
  | Unread;

/** Why there is nothing to read. */
type Unread =
  | { readonly need: Need; readonly bytes?: undefined; readonly count?: undefined; readonly end?: undefined }
  /** `ragged`: without close_notify, so that data may be missing; only for callers that asked not to be thrown at. */
  | {
      readonly end: 'clean' | 'ragged';
      readonly bytes?: undefined;
      readonly count?: undefined;
      readonly need?: undefined;
    };

/** As a ReadResult, but for where the bytes are. */
export type ReadIntoResult =
  | { readonly count: number; readonly need?: undefined; readonly end?: undefined }
  | Unread;

export interface ReadOptions {
  /**
   * What a carrier that ends without close_notify is: a thrown `ERR_TLS_TRUNCATED`, or, for a protocol that knows by itself
   * where its messages end, an end. Said at each call, because only the caller's protocol knows it at that point.
   */
  readonly ragged?: 'throw' | 'end';
}

export interface TlsBufferOptions {
  /**
   * Plaintext kept for `read`: at this many bytes `receive` takes nothing more. 256 KiB unless told. A record counts as 100
   * bytes beside its own, which is what its array costs.
   */
  readonly maxUnread?: number;
}

/** What an engine spends on an array beside its bytes. */
const ARRAY_COST = 100;

export class TlsBuffer {
  /** For everything that is not a buffer verb: exporter, key update, phase. Its events are this object's to pull. */
  readonly connection: TlsConnection;
  readonly #maxUnread: number;
  readonly #unread = new ChunkQueue();
  readonly #unreadEarly = new ChunkQueue();
  readonly #outgoing = new ChunkQueue();
  /** What is left of the piece that is being sent: a record, or what its cipher made of one. */
  #front: Uint8Array = EMPTY;
  #answered: Promise<void> | undefined;
  #sawEnd = false;
  #readShut = false;

  constructor(connection: TlsConnection, { maxUnread = OUTPUT_HIGH_WATER }: TlsBufferOptions = {}) {
    if (!Number.isInteger(maxUnread) || maxUnread < 1)
      throw misuse(`maxUnread: ${maxUnread} is not a positive integer`);
    this.connection = connection;
    this.#maxUnread = maxUnread;
    this.#pump();
  }

  /** What was agreed, once the handshake is complete. */
  get negotiated(): Negotiated | undefined {
    return this.connection.negotiated;
  }

  /** Plaintext that waits to be read. */
  get incomingBytes(): number {
    return this.#unread.length + this.#unreadEarly.length;
  }

  /** Bytes that wait to be sent. */
  get outgoingBytes(): number {
    return this.#front.length + this.#outgoing.length + this.connection.outputSize;
  }

  /** While something is needed that is neither reading nor writing: settles when it is there, and never rejects. */
  get answered(): Promise<void> | undefined {
    return this.#answered;
  }

  // ---- the carrier's side ---------------------------------------------------------------------------------------

  /**
   * Takes bytes from the network and says how many: fewer than given, down to 0, while unread plaintext or an answer is in
   * the way, and none after the peer's close_notify (`connection.takeRest` has what came with it) or an error. What was
   * taken is the engine's, which decrypts in it. Never throws for what the peer sent: `handshake`, `read`, `write` do.
   */
  receive(bytes: Uint8Array): number {
    if (!this.connection.wantsInput) return 0;
    const taken = Math.min(bytes.length, this.#maxUnread - this.#held);
    if (taken <= 0) return 0;
    this.connection.feed(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    this.#pump();
    return taken;
  }

  /** The network has no more. */
  endOfInput(): void {
    this.connection.endOfInput();
    this.#pump();
  }

  /** Bytes to send, from the front, at most `max`: a view of the first piece that waits. Empty: there are none. */
  peekOutgoing(max: number = Number.POSITIVE_INFINITY): Uint8Array {
    this.#collect();
    return this.#front.subarray(0, max);
  }

  /** That many of them were sent, in the middle of a record or over several. */
  consumeOutgoing(count: number): void {
    if (!Number.isInteger(count) || count < 0 || count > this.outgoingBytes)
      throw misuse(`consumeOutgoing(${count}), and ${this.outgoingBytes} bytes are outgoing`);
    for (let left = count; left > 0; ) {
      this.#collect();
      const sent = Math.min(left, this.#front.length);
      this.#front = this.#front.subarray(sent);
      left -= sent;
    }
  }

  // ---- the application's side -----------------------------------------------------------------------------------

  /** Done when the peer is authenticated; what is outgoing then must still be sent. Throws what the handshake failed of. */
  handshake(): Progress {
    if (this.connection.negotiated !== undefined) return {};
    this.#rethrow();
    return { need: this.#need() };
  }

  /** At most `max` bytes of plaintext, a view. What came before an error is read before the error is thrown. */
  read(max: number, options?: ReadOptions): ReadResult {
    checkSize('read', max);
    if (this.#unread.length > 0) return { bytes: this.#unread.shiftUpTo(max) };
    return this.#nothingToRead(options);
  }

  /** As `read`, into the caller's own memory: what is there, over several records, as far as it fits. */
  readInto(target: Uint8Array, options?: ReadOptions): ReadIntoResult {
    checkSize('readInto', target.length);
    let count = 0;
    while (count < target.length && this.#unread.length > 0) {
      const part = this.#unread.shiftUpTo(target.length - count);
      target.set(part, count);
      count += part.length;
    }
    return count > 0 ? { count } : this.#nothingToRead(options);
  }

  /** Servers that allow it: data of the client from before the handshake, which somebody may be sending a second time. */
  readEarly(max: number): Uint8Array {
    checkSize('readEarly', max);
    return this.#unreadEarly.shiftUpTo(max);
  }

  /**
   * Encrypts from the front of `bytes` and says how many bytes it took: fewer, down to 0, while much is outgoing. What was
   * not taken is as if it had never been given: the next call may bring anything. Throws before the handshake is complete.
   */
  write(bytes: Uint8Array | readonly Uint8Array[]): number {
    const isFull = this.outgoingBytes >= OUTPUT_HIGH_WATER;
    return this.connection.write(isFull ? EMPTY : bytes);
  }

  /**
   * `write`: sends close_notify; done when it is sent, and reading goes on. `read`: nothing more is wanted: what is unread
   * and what comes is dropped. `both`: both, done when the peer has closed as well. In the handshake, whichever gives up.
   */
  shutdown(how: 'write' | 'read' | 'both'): Progress {
    const { error } = this.connection;
    const isHarmless = error?.code === 'ERR_TLS_ABORTED' || (how === 'both' && this.#isRagged());
    if (error !== undefined && !isHarmless) throw error;
    if (how !== 'write') {
      this.#readShut = true;
      this.#unread.clear();
      this.#unreadEarly.clear();
    }
    if (how === 'read' && this.negotiated !== undefined) return {};
    this.connection.closeWrite();
    this.#pump();
    if (this.outgoingBytes > 0) return { need: 'write' };
    if (how === 'write' || this.#isOver()) return {};
    return { need: this.#answerNeeded() ?? 'read' };
  }

  /** Ends both directions at once; the alert is outgoing. */
  abort(alert?: AlertName): void {
    this.connection.abort(alert);
    this.#pump();
  }

  // ---- inside ---------------------------------------------------------------------------------------------------

  /** Memory of what waits to be read. */
  get #held(): number {
    return this.incomingBytes + ARRAY_COST * (this.#unread.chunks + this.#unreadEarly.chunks);
  }

  #nothingToRead({ ragged = 'throw' }: ReadOptions = {}): Unread {
    if (this.#readShut || this.#sawEnd) return { end: 'clean' };
    if (ragged === 'end' && this.#isRagged()) return { end: 'ragged' };
    this.#rethrow();
    return {
      need: this.connection.negotiated === undefined ? this.#need() : (this.#answerNeeded() ?? 'read'),
    };
  }

  /** Takes every event the engine has. */
  #pump(): void {
    for (let event = this.connection.next(); event !== undefined; event = this.connection.next())
      this.#onEvent(event);
  }

  #onEvent(event: TlsEvent): void {
    switch (event.type) {
      case 'data':
        if (!this.#readShut) this.#unread.push(alone(event.bytes));
        break;
      case 'earlyData':
        if (!this.#readShut) this.#unreadEarly.push(alone(event.bytes));
        break;
      case 'end':
        this.#sawEnd = true;
        break;
      case 'ticket':
        event.store.put(event.key, event.ticket);
        break;
      case 'op':
        this.#perform(event);
    }
  }

  /** As every driver does: what throws, rejects or is nonsense fails the handshake; what hangs is the caller's to abort. */
  #perform({ id, op }: OpEvent): void {
    let answer: OpAnswer | Promise<OpAnswer> | Error;
    try {
      answer = performOp(op);
    } catch (error) {
      answer = toError(error);
    }
    if (!(answer instanceof Promise)) {
      this.connection.settle(id, answer);
      return;
    }
    const settled = answer.then(
      (value) => this.#settle(id, value),
      (error) => this.#settle(id, toError(error)),
    );
    if (op.kind === 'issueTicket') return; // nothing waits for a ticket
    const answered = settled.then(() => {
      if (this.#answered === answered) this.#answered = undefined;
    });
    this.#answered = answered;
  }

  #settle(id: number, answer: OpAnswer | Error): void {
    if (this.#isOver()) return;
    this.connection.settle(id, answer);
    this.#pump();
  }

  /** Moves records out of the engine only when the last ones are gone, so that its own bound on output counts. */
  #collect(): void {
    if (this.#front.length > 0) return;
    if (this.#outgoing.length === 0)
      for (const record of this.connection.takeOutput()) this.#outgoing.push(record);
    this.#front = this.#outgoing.shift();
  }

  #need(): Need {
    if (this.outgoingBytes > 0) return 'write';
    return this.#answerNeeded() ?? 'read';
  }

  #answerNeeded(): 'answer' | undefined {
    return this.#answered && 'answer';
  }

  /** Nothing that comes matters any more. */
  #isOver(): boolean {
    return this.#sawEnd || this.connection.error !== undefined;
  }

  #isRagged(): boolean {
    return this.negotiated !== undefined && this.connection.error?.code === 'ERR_TLS_TRUNCATED';
  }

  #rethrow(): void {
    if (this.connection.error !== undefined) throw this.connection.error;
  }
}

/** What waits for its reader does not hold on to a chunk of which it is the smaller part. */
function alone(bytes: Uint8Array): Uint8Array {
  return 2 * bytes.length < bytes.buffer.byteLength ? bytes.slice() : bytes;
}

function checkSize(verb: string, max: number): void {
  if (!(max >= 1)) throw misuse(`${verb}(${max}): wanted at least 1 byte`);
}
