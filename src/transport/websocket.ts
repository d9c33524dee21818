/**
 * A link over any WHATWG WebSocket: browsers, workers, Deno, Node's own. One send is one binary message.
 *
 * Two things such a socket cannot do. It cannot be paused: what arrives for a paused reader is held here, which the
 * multiplexer's credit keeps small, and beyond `MAX_HELD` the link is cut. And it does not say when it has room: only
 * `bufferedAmount` tells, by asking (see `sendGauge.ts`).
 */
import { concat } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { LinkError, resetHere } from './errors.ts';
import { Inbox } from './inbox.ts';
import { CONNECT_TIMEOUT, FLUSH_TIMEOUT, MAX_HELD } from './limits.ts';
import type { Link, LinkHandler, LinkInfo } from './link.ts';
import { SendGauge } from './sendGauge.ts';
import { WebSocketWire } from './webSocketWire.ts';

/** What both ends must agree on in the upgrade: a server of something else refuses us, and we it. */
export const SUBPROTOCOL = 'q2q.v1';

/** Close codes (RFC 6455 §7.4): done; the private use range says a link was reset. */
export const CLOSE_NORMAL = 1000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_UNSUPPORTED = 1003;
export const CLOSE_ABNORMAL = 1006;
export const CLOSE_RESET = 4001;

/** The part of a WHATWG WebSocket that a link needs. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  readonly url: string;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: never) => void): void;
  removeEventListener(type: string, listener: (event: never) => void): void;
}

const OPEN = 1;

/**
 * Dials any address this platform can: `ws://` and `wss://` everywhere. (`connectAny` of `q2q/node` adds TCP and unix
 * sockets.)
 */
export function connectLink(url: string, options: ConnectWebSocketOptions = {}): Promise<Link> {
  if (/^wss?:/.test(url)) return connectWebSocket(url, options);
  const hint = "tcp:// and unix: addresses need 'q2q/node'";
  const wrong = new LinkError('ERR_LINK_ADDRESS', `got '${url}', wanted a ws:// or wss:// address`, { hint });
  return Promise.reject(wrong);
}

export interface ConnectWebSocketOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds; 20,000 unless told. */
  readonly timeout?: number;
  readonly clock?: Clock;
  /** Where the platform has no global one, or to use another. */
  readonly WebSocket?: new (
    url: string,
    protocols: string,
  ) => WebSocketLike;
}

/** Dials `ws://` or `wss://` with the platform's WebSocket. Rejects with a LinkError, or with the signal's reason. */
export function connectWebSocket(url: string, options: ConnectWebSocketOptions = {}): Promise<Link> {
  const { signal, timeout = CONNECT_TIMEOUT, clock = systemClock } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = construct(url, options.WebSocket);
    const settled = (): void => {
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
      socket.removeEventListener('open', onOpen);
      socket.removeEventListener('close', onClose);
    };
    const fail = (reason: unknown): void => {
      settled();
      socket.close();
      reject(reason);
    };
    const onOpen = (): void => {
      if (socket.protocol !== SUBPROTOCOL) fail(wrongProtocol(url, socket.protocol));
      else {
        settled();
        resolve(webSocketLink(socket, { clock }));
      }
    };
    let cause: unknown; // browsers hide it, by design; elsewhere the error event may carry it
    const onError = (event: { readonly error?: unknown }): void => void (cause = event.error);
    const onClose = (): void =>
      fail(new LinkError('ERR_LINK_REFUSED', `${url}: no WebSocket connection`, { cause }));
    const onAbort = (): void => fail(signal!.reason);
    const cancelTimer = clock.after(timeout, () =>
      fail(new LinkError('ERR_LINK_TIMEOUT', `${url}: no WebSocket connection within ${timeout} ms`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.addEventListener('open', onOpen);
    socket.addEventListener('close', onClose);
    socket.addEventListener('error', onError); // stays: `ws` throws what nobody listens to
  });
}

function construct(url: string, given: ConnectWebSocketOptions['WebSocket']): WebSocketLike {
  const Constructor = given ?? (globalThis as { WebSocket?: ConnectWebSocketOptions['WebSocket'] }).WebSocket;
  if (Constructor === undefined)
    throw new LinkError('ERR_LINK_ADDRESS', 'this platform has no WebSocket', { hint: "use 'q2q/node'" });
  try {
    return new Constructor(url, SUBPROTOCOL);
  } catch (cause) {
    throw new LinkError('ERR_LINK_ADDRESS', `got '${url}', wanted a ws:// or wss:// address`, { cause });
  }
}

export function wrongProtocol(url: string, got: string): LinkError {
  return new LinkError('ERR_LINK_UPGRADE', `${url}: got subprotocol '${got}', wanted '${SUBPROTOCOL}'`);
}

/** A link over an open WebSocket, which it takes over. */
export function webSocketLink(socket: WebSocketLike, options: { readonly clock?: Clock } = {}): Link {
  if (socket.readyState !== OPEN) throw new Error('WebSocket is not open');
  return new WebSocketLink(socket, options.clock ?? systemClock);
}

class WebSocketLink implements Link {
  readonly info: LinkInfo;
  readonly wire: WebSocketWire = new WebSocketWire(true);
  readonly #socket: WebSocketLike;
  readonly #clock: Clock;
  readonly #inbox = new Inbox();
  readonly #gauge: SendGauge;
  #writeClosed = false;
  #closing = false;
  #failure: Q2qError | undefined;
  #done = false;
  #cancelTimer: () => void = () => {};

  constructor(socket: WebSocketLike, clock: Clock) {
    this.info = { kind: 'websocket', messages: true, halfClose: false, remote: socket.url };
    this.#socket = socket;
    this.#clock = clock;
    this.#gauge = new SendGauge(
      () => socket.bufferedAmount,
      () => this.#inbox.drain(),
      clock,
    );
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', (event: { readonly data: unknown }) => this.#onMessage(event.data));
    socket.addEventListener('close', (event: { readonly code: number }) => this.#onClose(event.code));
    socket.addEventListener('error', () => {});
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  start(handler: LinkHandler): void {
    this.#inbox.start(handler);
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed) return false;
    const message = bytes instanceof Uint8Array ? bytes : bytes.length === 1 ? bytes[0]! : concat(bytes);
    if (message.length > 0) {
      this.wire.send(message.length);
      this.#socket.send(message as Uint8Array<ArrayBuffer>);
    }
    return this.#gauge.hasRoom();
  }

  pause(): void {
    if (!this.#closing) this.#inbox.pause();
  }

  resume(): void {
    this.#inbox.resume();
  }

  closeWrite(): void {
    this.#writeClosed = true;
    this.#gauge.stop();
  }

  /** The platform sends what is queued, then its close frame, and waits for the other end's. */
  close(): void {
    if (this.#closing || this.#done) return;
    this.#closing = true;
    this.closeWrite();
    this.#inbox.discard();
    this.#socket.close(CLOSE_NORMAL);
    this.#cancelTimer = this.#clock.after(FLUSH_TIMEOUT, () =>
      this.#settle(
        new LinkError('ERR_LINK_TIMEOUT', `no close from the other end in ${FLUSH_TIMEOUT / 1000} s`),
      ),
    );
  }

  /** Such a socket cannot drop what it queued; the close code tells the other end that it was a reset. */
  reset(_code?: number): void {
    if (this.#done) return;
    this.#socket.close(CLOSE_RESET);
    this.#settle(resetHere());
  }

  #onMessage(data: unknown): void {
    if (this.#closing || this.#done) return;
    if (data instanceof ArrayBuffer) {
      this.wire.receive(data.byteLength);
      this.#inbox.data(new Uint8Array(data));
      this.#gauge.check(); // timers of a tab in the background run once a second; messages do not wait
      if (this.#inbox.held > MAX_HELD) this.#cut(CLOSE_RESET, overflow(this.#inbox.held));
    } else this.#cut(CLOSE_RESET, notBinary()); // pages may give 1000 and 3000 to 4999 only, not 1003
  }

  #cut(code: number, error: LinkError): void {
    this.#socket.close(code);
    this.#settle(error);
  }

  #onClose(code: number): void {
    this.#settle(this.#closing ? undefined : closedWith(code, this.#socket.bufferedAmount));
  }

  #settle(error: Q2qError | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#failure = error;
    this.#writeClosed = true;
    this.#gauge.stop();
    this.#cancelTimer();
    if (error === undefined) this.#inbox.end();
    this.#inbox.closed(this.#failure);
  }
}

/** What the other end's close means, with so many bytes of ours not sent. */
export function closedWith(code: number, unsent: number): LinkError | undefined {
  switch (code) {
    case CLOSE_NORMAL:
      if (unsent === 0) return undefined;
      return new LinkError(
        'ERR_LINK_RESET',
        `the other end closed with ${unsent} bytes of ours on their way`,
      );
    case CLOSE_RESET:
      return new LinkError('ERR_LINK_RESET', 'the other end reset the link');
    case CLOSE_ABNORMAL:
      return new LinkError('ERR_LINK_RESET', 'connection was cut without a close');
    case CLOSE_GOING_AWAY:
      return new LinkError('ERR_LINK_CLOSED', 'the other end goes away');
    default:
      return new LinkError('ERR_LINK_CLOSED', `the other end closed with WebSocket code ${code}`);
  }
}

export function notBinary(): LinkError {
  return new LinkError('ERR_LINK_PROTOCOL', 'got a text message, wanted binary ones');
}

function overflow(held: number): LinkError {
  return new LinkError('ERR_LINK_OVERFLOW', `${held} bytes wait for a paused reader, ${MAX_HELD} may`);
}
