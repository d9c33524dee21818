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
import type { Link, LinkHandler } from '../transport/link.ts';
import { ThroughLink } from '../transport/throughLink.ts';
import { type SecureOptions, secure } from './secure.ts';
import { SecureError } from './secureErrors.ts';
import type { SecureLink } from './secureLink.ts';

/** Plaintext held before anybody asked for it: pauses the link, as a line may be far shorter than a packet. */
const MAX_UNREAD: number = 64 * 1024;

/** Longest line of the plaintext part; SMTP's limit is 512, others allow more. */
const MAX_LINE = 4096;

/** The conversation before TLS on a link that nobody has started. */
export class Plaintext {
  readonly #link: Link;
  readonly #unread = new ChunkQueue();
  #waiting: { readonly take: () => boolean; readonly done: Deferred<never> } | undefined;
  #handler: LinkHandler | undefined; // TLS, once it began
  #ended = false;
  #gone: { readonly error: Q2qError | undefined } | undefined;

  constructor(link: Link) {
    this.#link = link;
    link.start({
      data: (chunk) => this.#onData(chunk),
      drain: () => this.#handler?.drain(),
      end: () => this.#onEnd(),
      closed: (error) => this.#onClosed(error),
    });
  }

  /** Bytes received that no `readLine` or `read` has taken. */
  get unread(): number {
    return this.#unread.length;
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    return this.#link.send(bytes);
  }

  /** The next line without its line end (LF or CRLF), as UTF-8 text. */
  readLine(maxLength: number = MAX_LINE): Promise<string> {
    let scanned = 0;
    return this.#wait((resolve) => {
      while (scanned < this.#unread.length && this.#unread.at(scanned) !== 0x0a) scanned++;
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

  /** The link for TLS. Refuses when there is plaintext beyond what was read. */
  detach(): Link {
    if (this.#waiting !== undefined) throw new Error('somebody still waits for plaintext');
    if (this.#unread.length > 0) {
      const text = `got ${this.#unread.length} bytes of plaintext behind the signal for TLS, wanted none`;
      this.#unread.clear();
      this.#link.reset();
      throw new SecureError('ERR_SECURE_INJECTION', text);
    }
    return new Detached(this.#link, (handler) => this.#handOver(handler));
  }

  #handOver(handler: LinkHandler): void {
    this.#handler = handler;
    queueMicrotask(() => {
      if (this.#ended) handler.end();
      if (this.#gone !== undefined) handler.closed(this.#gone.error);
    });
  }

  #wait<T>(take: (resolve: (value: T) => void) => boolean): Promise<T> {
    if (this.#handler !== undefined || this.#waiting !== undefined)
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
    if (this.#handler !== undefined) this.#handler.data(chunk);
    else {
      this.#unread.push(chunk);
      this.#serve();
      if (this.#unread.length >= MAX_UNREAD) this.#link.pause();
    }
  }

  #onEnd(): void {
    this.#ended = true;
    if (this.#handler !== undefined) this.#handler.end();
    else this.#serve();
  }

  #onClosed(error: Q2qError | undefined): void {
    this.#gone = { error };
    if (this.#handler !== undefined) this.#handler.closed(error);
    else this.#serve();
  }
}

/** The same link with a new reader. */
class Detached extends ThroughLink {
  readonly #handOver: (handler: LinkHandler) => void;

  constructor(link: Link, handOver: (handler: LinkHandler) => void) {
    super(link);
    this.#handOver = handOver;
  }

  override start(handler: LinkHandler): void {
    this.#handOver(handler);
    this.below.resume();
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
  const below = link instanceof Plaintext ? link.detach() : link;
  if (announce !== undefined) below.send(announce);
  return secure(below, context, rest);
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
