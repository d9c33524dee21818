/** A link whose TLS is OpenSSL's: node:tls above the carrier, and the contract of every link above that. */
import type { TLSSocket } from 'node:tls';
import type { Bytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { type Negotiated, TlsError } from '../tls/index.ts';
import type { Link, LinkHandler, LinkInfo } from '../transport/link.ts';
import { StreamLink } from '../transport/streamLink.node.ts';
import { CLOSE_TIMEOUT } from './limits.ts';
import type { OpenSslCarrier } from './opensslCarrier.node.ts';
import { fromOpenSsl, truncated } from './opensslVerdict.node.ts';
import type { SecureOptions } from './secure.ts';
import { SecureError } from './secureErrors.ts';
import { type SecuredLink, type SecureStats, tlsInfo } from './secureTypes.ts';

/** Made by `secureWithOpenSsl` only. */
export class OpenSslLink implements SecuredLink {
  readonly info: LinkInfo;
  readonly negotiated: Negotiated;
  readonly #carrier: OpenSslCarrier;
  readonly #socket: TLSSocket;
  readonly #stream: StreamLink;
  #handler: LinkHandler | undefined;
  #plaintextIn = 0;
  #plaintextOut = 0;
  #paused = false;
  #ended = false;
  #closing = false;
  #failure: Q2qError | undefined;

  constructor(
    link: Link,
    carrier: OpenSslCarrier,
    socket: TLSSocket,
    negotiated: Negotiated,
    options: SecureOptions & { readonly clock: Clock },
  ) {
    this.info = tlsInfo(link.info);
    this.negotiated = negotiated;
    this.#carrier = carrier;
    this.#socket = socket;
    socket.on('end', () => {
      this.#ended = true; // known here also while what arrives is dropped
    });
    let hasAlert = false;
    const onError = (error: Error): void => {
      hasAlert ||= fromOpenSsl(error, true) instanceof TlsError;
    };
    socket.on('error', onError);
    // A server's socket that no tls.Server made keeps its errors to itself.
    socket.on('_tlsError', (error: Error) => {
      onError(error);
      socket.destroy(error);
    });
    const { clock, closeTimeout = CLOSE_TIMEOUT } = options;
    this.#stream = new StreamLink(socket, socket, {
      info: this.info,
      abort: () => {
        if (!hasAlert) link.reset();
        else clock.after(closeTimeout, () => link.reset()); // until then OpenSSL's alert may leave
        socket.destroy();
      },
      clock,
      linger: closeTimeout,
    });
    carrier.onSilence = () => this.#onSilence();
  }

  /** Records are OpenSSL's affair: their numbers stay 0. */
  get stats(): SecureStats {
    const { wireIn, wireOut } = this.#carrier;
    const counted = { plaintextIn: this.#plaintextIn, plaintextOut: this.#plaintextOut, wireIn, wireOut };
    return { ...counted, recordsIn: 0, recordsOut: 0 };
  }

  get buffered(): number {
    return this.#stream.buffered;
  }

  exportKey(label: string, context: Uint8Array = new Uint8Array(0), length = 32): Bytes {
    return new Uint8Array(this.#socket.exportKeyingMaterial(length, label, Buffer.from(context)));
  }

  start(handler: LinkHandler): void {
    if (this.#handler !== undefined) throw new Error('link was started twice');
    this.#handler = handler;
    this.#stream.start({
      data: (chunk) => {
        this.#plaintextIn += chunk.length;
        handler.data(chunk);
      },
      drain: () => handler.drain(),
      end: () => handler.end(),
      closed: (error) => handler.closed(this.#verdict(error)),
    });
    this.#carrier.look();
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (bytes instanceof Uint8Array) this.#plaintextOut += bytes.length;
    else for (const part of bytes) this.#plaintextOut += part.length;
    return this.#stream.send(bytes);
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream.resume();
    this.#carrier.look();
  }

  closeWrite(): void {
    this.#stream.closeWrite();
  }

  close(): void {
    this.#closing = true;
    this.#stream.close();
    this.#carrier.look();
  }

  reset(code?: number): void {
    this.#closing = true;
    this.#stream.reset(code);
  }

  /** The carrier is over and OpenSSL has had all of it: what it did not take for an end is none. */
  #onSilence(): void {
    const { error } = this.#carrier;
    if (error === undefined && (this.#ended || this.#socket.readableLength > 0)) return;
    if (error === undefined && !this.#closing && (this.#paused || this.#handler === undefined)) return;
    this.#failure ??= error ?? truncated();
    this.#socket.destroy();
  }

  #verdict(error: Q2qError | undefined): Q2qError | undefined {
    if (this.#failure !== undefined) {
      const isHarmless = this.#closing && this.#failure.code === 'ERR_TLS_TRUNCATED';
      return isHarmless && this.#socket.writableFinished ? undefined : this.#failure;
    }
    if (error !== undefined) return fromOpenSsl(error.cause ?? error, true);
    if (this.#ended || !this.#closing) return undefined;
    return new SecureError('ERR_SECURE_CLOSE_TIMEOUT', 'other end did not close in time');
  }
}
