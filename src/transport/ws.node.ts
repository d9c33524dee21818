/**
 * WebSocket links in Node over the `ws` package, both sides. Unlike the portable one (`websocket.ts`) such a link can
 * pause the socket, and knows by callback when its queue has left.
 *
 * permessage-deflate stays off: what we carry is ciphertext, which does not shrink, and contexts cost memory per link.
 */
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { concat } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { LinkError, resetHere } from './errors.ts';
import { Inbox } from './inbox.ts';
import { CONNECT_TIMEOUT, FLUSH_TIMEOUT, LINGER_TIMEOUT, MAX_MESSAGE, SEND_HIGH_WATER } from './limits.ts';
import type { Link, LinkHandler, LinkInfo } from './link.ts';
import { fromNodeError } from './nodeErrors.node.ts';
import { type Listener, listening } from './tcp.node.ts';
import { WebSocketWire } from './webSocketWire.ts';
import {
  CLOSE_NORMAL,
  CLOSE_UNSUPPORTED,
  closedWith,
  notBinary,
  SUBPROTOCOL,
  wrongProtocol,
} from './websocket.ts';

export interface ConnectWsOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds; 20,000 unless told. */
  readonly timeout?: number;
  /** `wss://`: PEM roots instead of the platform's. */
  readonly ca?: string;
  readonly clock?: Clock;
}

/** Dials `ws://` or `wss://`. Rejects with a LinkError, or with the signal's reason. */
export function connectWs(url: string, options: ConnectWsOptions = {}): Promise<Link> {
  const { signal, timeout = CONNECT_TIMEOUT, clock = systemClock, ca } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = construct(url, ca);
    const settled = (): void => {
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
    };
    const fail = (reason: unknown): void => {
      settled();
      socket.on('error', () => {}); // what `terminate` of an unfinished dial reports
      socket.terminate();
      reject(reason);
    };
    const onAbort = (): void => fail(signal!.reason);
    const cancelTimer = clock.after(timeout, () =>
      fail(new LinkError('ERR_LINK_TIMEOUT', `${url}: no WebSocket connection within ${timeout} ms`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (error) => fail(dialError(error, url)));
    socket.on('unexpected-response', (_request, response) =>
      fail(notUpgraded(url, response.statusCode ?? 0)),
    );
    let stream: Duplex | undefined;
    socket.on('upgrade', (response) => {
      stream = response.socket;
    });
    socket.on('open', () => {
      settled();
      resolve(new WsLink(socket, stream!, { remote: url, clock, isClient: true }));
    });
  });
}

function construct(url: string, ca: string | undefined): WebSocket {
  try {
    return new WebSocket(url, SUBPROTOCOL, {
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE,
      ...(ca !== undefined && { ca }),
    });
  } catch (cause) {
    throw new LinkError('ERR_LINK_ADDRESS', `got '${url}', wanted a ws:// or wss:// address`, { cause });
  }
}

function notUpgraded(url: string, status: number): LinkError {
  return new LinkError('ERR_LINK_UPGRADE', `${url}: got HTTP status ${status}, wanted 101`);
}

/** The codes of OpenSSL's chain verification and of Node's host name check. */
const CERTIFICATE_PROBLEM: RegExp =
  /^(?:ERR_TLS_CERT|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME)/;

/** `ws` reports a bad answer to the upgrade as a plain Error without a code. */
function dialError(error: Error & { code?: unknown }, url: string): LinkError {
  if (typeof error.code === 'string' && CERTIFICATE_PROBLEM.test(error.code))
    return new LinkError('ERR_LINK_CERTIFICATE', `${url}: ${error.message}`, { cause: error });
  if (error.message.includes('subprotocol')) return wrongProtocol(url, '');
  if (typeof error.code === 'string' || error instanceof AggregateError) return fromNodeError(error, url);
  return new LinkError('ERR_LINK_UPGRADE', `${url}: ${error.message}`, { cause: error });
}

export interface ListenWebSocketOptions {
  /** The path that upgrades, or several; `/` unless told. */
  readonly path?: string | readonly string[];
  readonly clock?: Clock;
}

/** Listens on a port of its own, or on the given HTTP(S) server beside whatever else that serves. */
export async function listenWebSocket(
  where: { readonly host?: string; readonly port: number } | { readonly server: Server | HttpsServer },
  onLink: (link: Link) => void,
  options: ListenWebSocketOptions = {},
): Promise<Listener> {
  const { path = '/', clock = systemClock } = options;
  const paths: readonly string[] = typeof path === 'string' ? [path] : path;
  const own = 'server' in where ? undefined : createServer(upgradeRequired);
  const server = 'server' in where ? where.server : own!;
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE,
    handleProtocols: () => SUBPROTOCOL,
  });
  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    if (!paths.includes(pathOf(request))) {
      if (server.listenerCount('upgrade') === 1) refuse(stream, 404); // else another listener must see to it
    } else if (!offersUs(request)) refuse(stream, 400);
    else
      upgrader.handleUpgrade(request, stream, head, (socket) =>
        onLink(new WsLink(socket, stream, { remote: remoteOf(request), clock, isClient: false })),
      );
  };
  server.on('upgrade', onUpgrade);
  if (own !== undefined && !('server' in where)) await bind(own, where);
  const { address, port } = addressOf(server);
  const host = address.includes(':') ? `[${address}]` : address;
  const scheme = server instanceof HttpsServer ? 'wss' : 'ws';
  return listening(port, `${scheme}://${host}:${port}${paths[0]}`, () => {
    server.off('upgrade', onUpgrade);
    own?.close();
    own?.closeIdleConnections();
    return Promise.resolve(); // links that were made go on
  });
}

function bind(server: Server, { host, port }: { host?: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(fromNodeError(error, `ws://${host ?? ''}:${port}`));
    server.once('error', onError);
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function addressOf(server: Server | HttpsServer): { address: string; port: number } {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null
    ? (bound as AddressInfo)
    : { address: bound ?? '', port: 0 };
}

function upgradeRequired(_request: IncomingMessage, response: import('node:http').ServerResponse): void {
  response.writeHead(426, { Upgrade: 'websocket', Connection: 'close' }).end();
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0]!;
}

function offersUs(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((protocol) => protocol.trim() === SUBPROTOCOL);
}

/** Ends both directions: an upgraded stream has no timeout, and its client may never end its own. */
function refuse(stream: Duplex, status: number): void {
  stream.on('error', () => {});
  stream.once('finish', () => stream.destroy());
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function remoteOf({ socket }: IncomingMessage): string {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

class WsLink implements Link {
  readonly info: LinkInfo;
  readonly wire: WebSocketWire;
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #inbox = new Inbox();
  #corked = false;
  #wantsDrain = false;
  #writeClosed = false;
  #closing = false;
  #done = false;
  #cancelTimer: () => void = () => {};

  /** `socket` is open, `stream` is the connection below it, and nothing was read from them. */
  constructor(
    socket: WebSocket,
    stream: Duplex,
    options: { readonly remote: string; readonly clock: Clock; readonly isClient: boolean },
  ) {
    this.wire = new WebSocketWire(options.isClient);
    this.info = { kind: 'websocket', messages: true, halfClose: false, remote: options.remote };
    this.#socket = socket;
    this.#stream = stream;
    this.#clock = options.clock;
    socket.pause(); // until `start`
    socket.on('message', (data: Buffer, isBinary) => this.#onMessage(data, isBinary));
    socket.on('close', (code) => this.#onClose(code));
    socket.on('error', (error) => this.#onError(error));
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  start(handler: LinkHandler): void {
    this.#inbox.start(handler);
    if (this.#inbox.open) this.#socket.resume();
  }

  /** A vector is copied once into one message. (As fragments, the receiver would copy it together, and count more.) */
  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed) return false;
    const message = bytes instanceof Uint8Array ? bytes : bytes.length === 1 ? bytes[0]! : concat(bytes);
    if (message.length === 0) return true;
    this.wire.send(message.length);
    this.#corkForThisTurn();
    if (this.#socket.bufferedAmount + message.length < SEND_HIGH_WATER) {
      this.#socket.send(message);
      return true;
    }
    this.#wantsDrain = true;
    this.#socket.send(message, this.#onSent);
    return false;
  }

  /** Messages of one turn of the event loop leave in one `writev`: small ones cost a system call each otherwise. */
  #corkForThisTurn(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#stream.cork();
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#stream.uncork();
  };

  /** A message that met a full queue has left. Messages leave in order, so only the last of them finds room. */
  readonly #onSent = (): void => {
    if (!this.#wantsDrain || this.#writeClosed || this.#socket.bufferedAmount * 2 > SEND_HIGH_WATER) return;
    this.#wantsDrain = false;
    this.#inbox.drain();
  };

  pause(): void {
    if (this.#closing) return;
    this.#inbox.pause();
    this.#socket.pause();
  }

  resume(): void {
    this.#inbox.resume();
    if (this.#inbox.open) this.#socket.resume();
  }

  closeWrite(): void {
    this.#writeClosed = true;
  }

  close(): void {
    if (this.#closing || this.#done) return;
    this.#closing = true;
    this.closeWrite();
    this.#inbox.discard();
    this.#socket.resume(); // to see the other end's close
    this.#socket.close(CLOSE_NORMAL);
    this.#linger(this.#clock.monotonic() + FLUSH_TIMEOUT);
  }

  /** Waits for the other end's close frame: as long as our data moves, then a little. */
  #linger(deadline: number): void {
    this.#cancelTimer = this.#clock.after(LINGER_TIMEOUT, () => {
      if (this.#socket.bufferedAmount === 0) this.#settle(undefined);
      else if (this.#clock.monotonic() < deadline) this.#linger(deadline);
      else this.#settle(new LinkError('ERR_LINK_TIMEOUT', 'other end took nothing after close'));
    });
  }

  /** Cuts the connection without a close frame, which the other end sees as a reset. */
  reset(_code?: number): void {
    this.#settle(resetHere());
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#closing || this.#done) return;
    if (isBinary) {
      this.wire.receive(data.length);
      this.#inbox.data(new Uint8Array(data.buffer, data.byteOffset, data.length));
    } else {
      this.#socket.close(CLOSE_UNSUPPORTED);
      this.#settle(notBinary());
    }
  }

  /** Too large a message, a broken frame, or the socket's own error: `ws` closes after it. */
  #onError(error: Error & { code?: unknown }): void {
    const protocol = typeof error.code === 'string' && error.code.startsWith('WS_ERR_');
    if (protocol) this.#settle(new LinkError('ERR_LINK_PROTOCOL', error.message, { cause: error }));
    else this.#settle(fromNodeError(error, this.info.remote!));
  }

  #onClose(code: number): void {
    this.#settle(this.#closing ? undefined : closedWith(code, this.#socket.bufferedAmount));
  }

  #settle(error: Q2qError | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#writeClosed = true;
    this.#cancelTimer();
    if (error?.code !== 'ERR_LINK_PROTOCOL') this.#socket.terminate(); // there its close frame is on its way
    if (error === undefined) this.#inbox.end();
    this.#inbox.closed(error);
  }
}
