/** The time between a socket of node:tls and a link: the handshake, and what the verifier says of it. */
import type { TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { toError } from '../base/errors.ts';
import type { ClientContext, Negotiated, ServerContext } from '../tls/index.ts';
import type { Link } from '../transport/link.ts';
import { CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT } from './limits.ts';
import type { OpenSslCarrier } from './opensslCarrier.node.ts';
import { OpenSslLink } from './opensslLink.node.ts';
import { fromOpenSsl, judge, truncated } from './opensslVerdict.node.ts';
import type { SecureOptions } from './secure.ts';
import { SecureError } from './secureErrors.ts';

export class OpenSslHandshake {
  readonly #link: Link;
  readonly #carrier: OpenSslCarrier;
  readonly #socket: TLSSocket;
  readonly #options: SecureOptions;
  readonly #clock: Clock;
  readonly #done: Deferred<OpenSslLink> = deferred<OpenSslLink>();
  readonly #cancelTimer: () => void;
  #isSecure = false; // OpenSSL is done; the verifier may not be
  #isSettled = false;

  constructor(
    link: Link,
    carrier: OpenSslCarrier,
    socket: TLSSocket,
    context: ClientContext | ServerContext,
    options: SecureOptions,
  ) {
    const { clock = systemClock, timeout = HANDSHAKE_TIMEOUT } = options;
    this.#link = link;
    this.#carrier = carrier;
    this.#socket = socket;
    this.#options = options;
    this.#clock = clock;
    this.#cancelTimer = clock.after(timeout, () =>
      this.#cut(new SecureError('ERR_SECURE_TIMEOUT', `no TLS handshake within ${timeout} ms`)),
    );
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    carrier.onSilence = () => this.#onSilence();
    socket.on('error', this.#onError).on('_tlsError', this.#onError).on('close', this.#onGone);
    socket.once('secure', () => {
      this.#isSecure = true;
      judge(socket, carrier, context, options.serverName).then(
        (negotiated) => this.#open(negotiated),
        (error) => this.#cut(toError(error)),
      );
    });
  }

  get opened(): Promise<OpenSslLink> {
    return this.#done.promise;
  }

  readonly #onError = (error: Error): void => this.#fail(fromOpenSsl(error, false));

  readonly #onGone = (): void => this.#fail(this.#carrier.error ?? truncated());

  readonly #onAbort = (): void => this.#cut(toError(this.#options.signal!.reason));

  /** A carrier that ended in good order behind the handshake is for the link to judge: data may be waiting. */
  #onSilence(): void {
    const { error } = this.#carrier;
    if (!this.#isSecure || error !== undefined) this.#cut(error ?? truncated());
  }

  #open(negotiated: Negotiated): void {
    if (!this.#settle()) return;
    const options = { ...this.#options, clock: this.#clock };
    this.#done.resolve(new OpenSslLink(this.#link, this.#carrier, this.#socket, negotiated, options));
  }

  /** Our own refusal: nothing more passes, either way. */
  #cut(error: Error): void {
    if (!this.#settle()) return;
    this.#link.reset();
    this.#end(error);
  }

  /** OpenSSL's failure: its alert, if it has one to send, is on its way. */
  #fail(error: Error): void {
    if (!this.#settle()) return;
    if (!this.#carrier.isOver)
      this.#clock.after(this.#options.closeTimeout ?? CLOSE_TIMEOUT, () => this.#link.reset());
    this.#end(error);
  }

  #end(error: Error): void {
    this.#socket.on('error', () => {}).on('_tlsError', () => {});
    this.#socket.destroy();
    this.#done.reject(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#cancelTimer();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#socket.off('error', this.#onError).off('_tlsError', this.#onError).off('close', this.#onGone);
    return true;
  }
}
