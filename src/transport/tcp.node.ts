/** TCP and unix sockets. A socket ends each direction by itself, so half-close passes. */
import { unlink } from 'node:fs/promises';
import { createServer, type ListenOptions, type Server, Socket, type SocketConnectOpts } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import { LinkError } from './errors.ts';
import { CONNECT_TIMEOUT, SEND_HIGH_WATER } from './limits.ts';
import type { Link } from './link.ts';
import { fromNodeError } from './nodeErrors.node.ts';
import { StreamLink } from './streamLink.node.ts';

/** A host and port, or the path of a unix socket. */
export type SocketAddress = { readonly host?: string; readonly port: number } | { readonly path: string };

/** Half-close passes, and `write` says stop at our mark. Node takes the marks; its types do not know them. */
const SOCKET_OPTIONS = { allowHalfOpen: true, writableHighWaterMark: SEND_HIGH_WATER };

export type ConnectTcpOptions = SocketAddress & {
  readonly signal?: AbortSignal;
  /** Milliseconds; 20,000 unless told. */
  readonly timeout?: number;
  /** Dials from this local address: hole punching needs it. */
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly clock?: Clock;
};

export interface Listener extends AsyncDisposable {
  /** 0 on a unix socket. */
  readonly port: number;
  /** Where it listens, as text: `tcp://127.0.0.1:4433` or `unix:/run/q2q.sock`. */
  readonly address: string;
  /** Stops listening; the links that were made go on. */
  close(): Promise<void>;
}

/** Resolves once connected. Rejects with a LinkError, or with the signal's reason. */
export function connectTcp(options: ConnectTcpOptions): Promise<Link> {
  const { signal, timeout = CONNECT_TIMEOUT, clock = systemClock } = options;
  const name = addressText(options);
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = new Socket(SOCKET_OPTIONS);
    const stopWaiting = (): void => {
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
    };
    const fail = (reason: unknown): void => {
      stopWaiting();
      socket.destroy();
      reject(reason);
    };
    const onAbort = (): void => fail(signal!.reason);
    const cancelTimer = clock.after(timeout, () =>
      fail(new LinkError('ERR_LINK_TIMEOUT', `${name}: no connection within ${timeout} ms`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (error) => fail(fromNodeError(error, name)));
    socket.once('connect', () => {
      stopWaiting();
      resolve(socketLink(socket, 'path' in options ? { clock, remote: options.path } : { clock }));
    });
    socket.connect(targetOf(options));
  });
}

export interface ConnectUnixOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds; 20,000 unless told. */
  readonly timeout?: number;
  readonly clock?: Clock;
}

/** As `connectTcp`, to the path of a unix socket. */
export function connectUnix(path: string, options: ConnectUnixOptions = {}): Promise<Link> {
  return connectTcp({ path, ...options });
}

function targetOf(options: ConnectTcpOptions): SocketConnectOpts {
  if ('path' in options) return { path: options.path };
  const { host = 'localhost', port, localAddress, localPort } = options;
  return { host, port, ...(localAddress && { localAddress }), ...(localPort && { localPort }) };
}

export interface SocketLinkOptions {
  readonly clock?: Clock;
  /** The path of a unix socket, at the end that dialled or the one that listens: the socket does not know it. */
  readonly remote?: string;
  readonly local?: string;
}

/** A link over a connected socket, which it takes over. Create sockets with `allowHalfOpen: true`. */
export function socketLink(socket: Socket, options: SocketLinkOptions = {}): Link {
  socket.setNoDelay(true);
  const isUnix = socket.remoteAddress === undefined;
  const remote = options.remote ?? endText(socket.remoteAddress, socket.remotePort);
  const local = options.local ?? endText(socket.localAddress, socket.localPort);
  return new StreamLink(socket, socket, {
    info: {
      kind: isUnix ? 'unix' : 'tcp',
      messages: false,
      halfClose: true,
      ...(remote && { remote }),
      ...(local && { local }),
    },
    // A unix socket has no reset; there the other end sees it in what is missing.
    abort: () => (isUnix ? socket.destroy() : socket.resetAndDestroy()),
    ...(options.clock && { clock: options.clock }),
  });
}

/** Calls `onLink` for each connection taken. Rejects with a LinkError when the address cannot be had. */
export async function listenTcp(
  address: SocketAddress,
  onLink: (link: Link) => void,
  options: { readonly clock?: Clock } = {},
): Promise<Listener> {
  const linkOptions = 'path' in address ? { ...options, local: address.path } : options;
  const server = createServer({ allowHalfOpen: true, highWaterMark: SEND_HIGH_WATER }, (socket) =>
    onLink(socketLink(socket, linkOptions)),
  );
  try {
    await bind(server, address);
  } catch (error) {
    if (!(await isStale(address, error))) throw fromNodeError(error, addressText(address));
    await unlink((address as { path: string }).path);
    await bind(server, address).catch((again) => Promise.reject(fromNodeError(again, addressText(address))));
  }
  server.on('error', () => {}); // a failed accept (out of descriptors) loses that connection, not the listener
  return listenerOf(server);
}

/** As `listenTcp`, on a unix socket. A socket file that a killed process left behind is replaced. */
export function listenUnix(
  path: string,
  onLink: (link: Link) => void,
  options: { readonly clock?: Clock } = {},
): Promise<Listener> {
  return listenTcp({ path }, onLink, options);
}

function bind(server: Server, address: SocketAddress): Promise<void> {
  const where: ListenOptions = 'path' in address ? { path: address.path } : { ...address };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A unix socket file outlives a killed process: in use, but nobody answers. */
async function isStale(address: SocketAddress, error: unknown): Promise<boolean> {
  if (!('path' in address) || (error as { code?: unknown }).code !== 'EADDRINUSE') return false;
  try {
    (await connectTcp({ path: address.path, timeout: 1000 })).reset();
    return false;
  } catch (refused) {
    return refused instanceof LinkError && refused.code === 'ERR_LINK_REFUSED';
  }
}

function listenerOf(server: Server): Listener {
  const bound = server.address();
  const path = typeof bound === 'string' ? bound : undefined;
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const address =
    path === undefined ? `tcp://${endText((bound as { address: string }).address, port)}` : `unix:${path}`;
  return listening(port, address, () => {
    server.close();
    return Promise.resolve(); // the callback of `close` would wait for every live link
  });
}

export function listening(port: number, address: string, close: () => Promise<void>): Listener {
  return { port, address, close, [Symbol.asyncDispose]: close };
}

function addressText(address: SocketAddress): string {
  if ('path' in address) return `unix:${address.path}`;
  return `tcp://${endText(address.host ?? 'localhost', address.port)}`;
}

/** '' where the socket has no address (unix sockets). */
function endText(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return '';
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
