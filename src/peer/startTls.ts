/**
 * TLS in the middle of a conversation. The plaintext before it is read through a `Plaintext`, which knows what was
 * received and not asked for: were such bytes kept, whoever sits on the wire could put words into the protected
 * conversation (RFC 3207 §6; the STARTTLS injection of CVE-2011-0411). So they end the upgrade.
 */
import { fromUtf8 } from '../base/bytes.ts';
import { ChunkQueue } from '../base/chunks.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Q2qError } from '../base/errors.ts';
import type { ClientContext, ServerContext } from '../tls/index.ts';
import { LinkError } from '../transport/errors.ts';
import { HandedOver } from '../transport/handedOver.ts';
import type { Link } from '../transport/link.ts';
import { MAX_LINE, MAX_UNREAD } from './limits.ts';
import { beginHandshake, type Handshake, type SecureOptions } from './secure.ts';
import { SecureError } from './secureErrors.ts';
import type { SecureLink } from './secureLink.ts';
import type { PendingWriter } from './secureTypes.ts';

/**
 * The conversation before TLS on a link that nobody has started. Whoever writes here when TLS begins may go on doing so:
 * what was sent before leaves in the clear, what is sent from then on leaves inside TLS, once the other end is proved.
 */
export class Plaintext {
  readonly #link: Link;
  readonly #unread = new ChunkQueue();
  #waiting: { readonly take: () => boolean; readonly done: Deferred<never> } | undefined;
  #next: HandedOver | undefined; // TLS reads, once it began
  #writesTo: Link;
  #full = false;
  #writers: Deferred<void>[] = [];
  #ended = false;
  #gone: { readonly error: Error | undefined } | undefined;

  constructor(link: Link) {
    this.#link = link;
    this.#writesTo = link;
    link.start({
      data: (chunk) => this.#onData(chunk),
      drain: () => this.#onDrain(),
      end: () => this.#onEnd(),
      closed: (error) => this.#onClosed(error),
    });
  }

  /** Bytes received that no `readLine` or `read` has taken. */
  get unread(): number {
    return this.#unread.length;
  }

  /** False: stop, and wait for `drained`. */
  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    const room = this.#writesTo.send(bytes);
    this.#full = !room;
    return room;
  }

  /** Resolves when there is room for more; rejects when nothing more can be sent. */
  drained(): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone.error ?? endedEarly());
    if (!this.#full) return Promise.resolve();
    const writer = deferred<void>();
    this.#writers.push(writer);
    return writer.promise;
  }

  /** The next line without its line end (LF or CRLF), as UTF-8 text. */
  readLine(maxLength: number = MAX_LINE): Promise<string> {
    let scanned = 0;
    return this.#wait((resolve) => {
      // No further than a line may be: where one byte came at a time, each step costs what it is from the front.
      const last = Math.min(this.#unread.length, maxLength + 1);
      while (scanned < last && this.#unread.at(scanned) !== 0x0a) scanned++;
      if (scanned > maxLength)
        throw new SecureError('ERR_SECURE_LINE', `line is longer than ${maxLength} bytes`);
      if (scanned === this.#unread.length) return false;
      resolve(textOf(this.#unread.take(scanned + 1)));
      return true;
    });
  }

  /** Exactly `count` bytes. */
  read(count: number): Promise<Uint8Array> {
    if (count > MAX_UNREAD)
      throw new RangeError(`cannot hold ${count} bytes of plaintext, ${MAX_UNREAD} at most`);
    return this.#wait((resolve) => {
      if (this.#unread.length < count) return false;
      resolve(this.#unread.take(count));
      return true;
    });
  }

  /** @internal The handshake on this link. Refuses when there is plaintext beyond what was read. */
  upgrade(begin: (link: Link, writer: PendingWriter) => Handshake): Promise<SecureLink> {
    if (this.#next !== undefined) throw new Error('TLS began before');
    if (this.#waiting !== undefined) throw new Error('somebody still waits for plaintext');
    if (this.#unread.length > 0) {
      const text = `got ${this.#unread.length} bytes of plaintext behind the signal for TLS, wanted none`;
      this.#unread.clear();
      this.#link.reset();
      throw new SecureError('ERR_SECURE_INJECTION', text);
    }
    const next = new HandedOver(this.#link);
    this.#next = next;
    if (this.#ended) next.end();
    if (this.#gone !== undefined) next.closed(this.#gone.error as Q2qError | undefined);
    const { link, opened } = begin(next, {
      room: () => this.#roomAgain(),
      gone: (error) => this.#writingIsOver(error),
    });
    this.#writesTo = link;
    return opened;
  }

  #onDrain(): void {
    if (this.#next !== undefined) this.#next.drain();
    else this.#roomAgain();
  }

  #roomAgain(): void {
    this.#full = false;
    for (const writer of this.#writers.splice(0)) writer.resolve();
  }

  #writingIsOver(error: Error | undefined): void {
    this.#gone ??= { error };
    for (const writer of this.#writers.splice(0)) writer.reject(error ?? endedEarly());
  }

  #wait<T>(take: (resolve: (value: T) => void) => boolean): Promise<T> {
    if (this.#next !== undefined || this.#waiting !== undefined)
      throw new Error('one reader at a time, and none after TLS began');
    const done = deferred<T>();
    this.#waiting = { take: () => take(done.resolve), done: done as unknown as Deferred<never> };
    this.#serve();
    return done.promise;
  }

  #serve(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    try {
      if (waiting.take()) this.#waiting = undefined;
      else if (this.#gone !== undefined || this.#ended) throw this.#gone?.error ?? endedEarly();
      else this.#link.resume();
    } catch (error) {
      this.#waiting = undefined;
      waiting.done.reject(error);
    }
  }

  #onData(chunk: Uint8Array): void {
    if (this.#next !== undefined) this.#next.data(chunk);
    else {
      this.#unread.push(chunk);
      this.#serve();
      if (this.#unread.length >= MAX_UNREAD) this.#link.pause();
    }
  }

  #onEnd(): void {
    this.#ended = true;
    if (this.#next !== undefined) this.#next.end();
    else this.#serve();
  }

  #onClosed(error: Q2qError | undefined): void {
    if (this.#next !== undefined) this.#next.closed(error);
    else {
      this.#writingIsOver(error);
      this.#serve();
    }
  }
}

/** Who speaks first in TLS is said outright: the side that dialled may well be the server. */
export type StartTlsOptions = SecureOptions & {
  /**
   * The last plaintext, sent just before TLS begins: `220 ready`. Give it here rather than to `send` when the other end
   * answers it with TLS at once.
   */
  readonly announce?: Uint8Array;
} & (
    | { readonly role: 'client'; readonly context: ClientContext }
    | { readonly role: 'server'; readonly context: ServerContext }
  );

/**
 * Goes over to TLS. What was sent before leaves first, in order. Rejects with `ERR_SECURE_INJECTION`, and cuts the
 * link, when plaintext beyond the agreed signal was received.
 */
export async function startTls(link: Link | Plaintext, options: StartTlsOptions): Promise<SecureLink> {
  const { role, context, announce, ...rest } = options;
  const expected = role === 'client' ? 'connect' : 'accept';
  if (!(expected in context)) throw new TypeError(`context is not one of a TLS ${role}`);
  const begin = (below: Link, writer?: PendingWriter): Handshake => {
    if (announce !== undefined) below.send(announce);
    return beginHandshake(below, context, rest, writer);
  };
  return link instanceof Plaintext ? link.upgrade(begin) : begin(link).opened;
}

function textOf(line: Uint8Array): string {
  const end = line.at(-2) === 0x0d ? -2 : -1;
  try {
    return fromUtf8(line.subarray(0, line.length + end));
  } catch (cause) {
    throw new SecureError('ERR_SECURE_LINE', 'line is not UTF-8 text', { cause });
  }
}

function endedEarly(): LinkError {
  return new LinkError('ERR_LINK_CLOSED', 'link ended in the middle of the plaintext part');
}
