/**
 * OpenSSL, through node:tls, behind this library's contexts: for whoever wants its speed or its certification. The same
 * verifier decides who may be at the other end, asked after the handshake and before a byte is delivered either way.
 *
 * What it cannot do, compared with `secure`:
 * - The key must be in memory and exportable: no keys of WebCrypto, agents or security modules.
 * - The verifier is asked when OpenSSL is done. A client has shown its own certificate by then, and a refused peer sees
 *   the connection cut without an alert that says why.
 * - Nothing resumes: no tickets, no early data. No KeyUpdate on our own account (OpenSSL answers the peer's).
 * - No context chosen by SNI, no raw public keys, external keys, staples, padding or record size limit: a context that
 *   asks for one of them is refused with ERR_TLS_CONFIG. Compression, GREASE, `compatibility`, `certificateAuthorities`
 *   and `certificateSchemes` are left out, and so are a credential's staple and timestamps.
 * - `schemes` bounds what OpenSSL signs with, too. One certificate for each kind of key, chosen by that only.
 * - The peer's scheme is known only where its key has one. Nothing is known of single records.
 * - The link below ends with TLS: no `detach`.
 */
import { connect, TLSSocket } from 'node:tls';
import type { Bytes } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { type Q2qError, toError } from '../base/errors.ts';
import { ClientContext, type Negotiated, type ServerContext, TlsError } from '../tls/index.ts';
import { isDnsName } from '../tls/serverName.ts';
import { SEND_HIGH_WATER } from '../transport/limits.ts';
import type { Link, LinkHandler, LinkInfo } from '../transport/link.ts';
import { StreamLink } from '../transport/streamLink.node.ts';
import { toDuplex } from './duplex.node.ts';
import { CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT } from './limits.ts';
import { OpenSslCarrier } from './opensslCarrier.node.ts';
import { opensslContext } from './opensslConfig.node.ts';
import { fromOpenSsl, judge } from './opensslVerdict.node.ts';
import type { SecureOptions } from './secure.ts';
import { SecureError } from './secureErrors.ts';
import { type SecuredLink, type SecureStats, tlsInfo } from './secureTypes.ts';

/** As `secure`, with OpenSSL for an engine. */
export async function secureWithOpenSsl(
  link: Link,
  context: ClientContext | ServerContext,
  options: SecureOptions = {},
): Promise<OpenSslLink> {
  const { signal, timeout = HANDSHAKE_TIMEOUT, clock = systemClock, serverName } = options;
  try {
    signal?.throwIfAborted();
    if (options.detachable) throw new TypeError('detachable: OpenSSL does not give the link back');
    opensslContext(context);
  } catch (error) {
    link.reset();
    throw error;
  }
  const carrier = new OpenSslCarrier(link, context instanceof ClientContext ? 'client' : 'server');
  const socket = socketOf(carrier, context, serverName);
  const { promise, resolve, reject } = deferred<OpenSslLink>();
  let isSettled = false;
  const settle = (): boolean => {
    if (isSettled) return false;
    isSettled = true;
    cancelTimer();
    signal?.removeEventListener('abort', onAbort);
    socket.off('error', onError).off('_tlsError', onError).off('close', onGone);
    return true;
  };
  /** OpenSSL's alert, if it has one to send, is on its way; a refusal of ours is a cut. */
  const fail = (error: Error, cut: boolean): void => {
    if (!settle()) return;
    socket.on('error', () => {}).on('_tlsError', () => {});
    if (cut) link.reset();
    else clock.after(options.closeTimeout ?? CLOSE_TIMEOUT, () => link.reset());
    socket.destroy();
    reject(error);
  };
  const onError = (error: Error): void => fail(fromOpenSsl(error, false), false);
  const onGone = (): void => fail(carrier.error ?? endedEarly(), false);
  const onAbort = (): void => fail(toError(signal!.reason), true);
  const cancelTimer = clock.after(timeout, () =>
    fail(new SecureError('ERR_SECURE_TIMEOUT', `no TLS handshake within ${timeout} ms`), true),
  );
  signal?.addEventListener('abort', onAbort, { once: true });
  socket.on('error', onError).on('_tlsError', onError).on('close', onGone);
  carrier.onSilence = () => {
    if (!isSecure) fail(carrier.error ?? endedEarly(), true);
    else if (carrier.error !== undefined) fail(carrier.error, true);
  };
  let isSecure = false;
  socket.once('secure', () => {
    isSecure = true;
    judge(socket, carrier, context, serverName).then(
      (negotiated) => {
        if (settle()) resolve(new OpenSslLink(link, carrier, socket, negotiated, { ...options, clock }));
      },
      (error) => fail(toError(error), true),
    );
  });
  return promise;
}

function endedEarly(): TlsError {
  return new TlsError('ERR_TLS_TRUNCATED', 'the carrier ended without close_notify: data may be missing');
}

function socketOf(
  carrier: OpenSslCarrier,
  context: ClientContext | ServerContext,
  serverName: string | undefined,
): TLSSocket {
  const { alpn, clientCertificate, maxPlaintext, keyLog } = context.config;
  const common = {
    secureContext: opensslContext(context),
    rejectUnauthorized: false, // the verifier decides, and before anything is delivered
    highWaterMark: SEND_HIGH_WATER,
    ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
  };
  const below = toDuplex(carrier);
  carrier.duplex = below;
  const socket =
    context instanceof ClientContext
      ? connect({
          ...common,
          socket: below,
          checkServerIdentity: () => undefined,
          ...(isDnsName(serverName) && { servername: serverName }),
        })
      : new TLSSocket(below as never, {
          ...common,
          isServer: true,
          requestCert: clientCertificate !== 'none',
        });
  socket.setMaxSendFragment(maxPlaintext);
  if (keyLog !== undefined) socket.on('keylog', (line) => keyLog(line.toString('latin1').trimEnd()));
  return socket;
}

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
    this.#failure ??= error ?? endedEarly();
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
