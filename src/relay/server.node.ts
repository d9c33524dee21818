/** The relay as a server process: HTTP with WebSocket upgrade, optionally raw TCP, a data folder, a graceful end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { base64 } from '../base/base64.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Logger, silent } from '../base/log.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type DomainAnchors, formatPem } from '../identity/index.ts';
import { formatInvite } from '../peer/invite.ts';
import { fromNodeError } from '../transport/nodeErrors.node.ts';
import { listenTcp } from '../transport/tcp.node.ts';
import { listenWebSocket } from '../transport/ws.node.ts';
import { performAdmin } from './admin.ts';
import { serveAdmin } from './adminSocket.node.ts';
import { DomainService } from './domain.ts';
import { RELAY_LIMITS, type RelayLimits } from './limits.ts';
import { LinkCounts } from './links.ts';
import type { RecordPath } from './paths.ts';
import { Relay } from './relay.ts';
import { hashByOpenSsl } from './scrypt.node.ts';
import { serveStatic } from './static.node.ts';
import { DirectoryDomainStore } from './store.node.ts';

export interface RelayServerOptions {
  /** Everything the domain must remember; made when it is missing. */
  readonly dataDir: string;
  /** Needed the first time. */
  readonly domain?: string;
  readonly provider: CryptoProvider;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Raw TCP beside WebSocket. */
  readonly tcp?: { readonly host?: string; readonly port: number };
  /** How peers reach us from outside, best first; goes into invites. Default: the address we listen on. */
  readonly urls?: readonly string[];
  readonly admitKeyPeers?: boolean;
  /** A folder of files to serve to browsers under `/`. */
  readonly web?: string;
  readonly record?: RecordPath;
  readonly limits?: Partial<RelayLimits>;
  /**
   * Links from one address; by default 2,048 (`limits.ts`). Behind a reverse proxy every link comes from the proxy: give
   * `Infinity` there, and let the proxy count.
   */
  readonly linksPerAddress?: number;
  /** Milliseconds that users' certificates last; at most and by default 7 days. */
  readonly userLifetime?: number;
  /** Of the root keys, where they are stored encrypted. */
  readonly passphrase?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface RelayServer extends AsyncDisposable {
  readonly domain: string;
  readonly anchors: DomainAnchors;
  readonly urls: readonly string[];
  readonly port: number;
  readonly tcpPort: number | undefined;
  readonly relay: Relay;
  readonly service: DomainService;
  /** One line that enrols one device of `user`. */
  invite(user: string, options?: { readonly lifetime?: number; readonly url?: string }): Promise<string>;
  /** Tells the peers, lets them go, frees the data folder. */
  close(): Promise<void>;
}

/** Rejects with `ERR_RELAY_LOCKED`, `ERR_RELAY_NO_DOMAIN`, `ERR_LINK_ADDRESS_IN_USE`, … and leaves nothing open. */
export async function startRelay(options: RelayServerOptions): Promise<RelayServer> {
  const { clock = systemClock, logger = silent, provider } = options;
  const store = await DirectoryDomainStore.open(options.dataDir, { exclusive: true });
  const undo: (() => Promise<void>)[] = [() => store.close()];
  try {
    const limits: RelayLimits = {
      ...RELAY_LIMITS,
      ...options.limits,
      ...(options.linksPerAddress !== undefined && { linksPerAddress: options.linksPerAddress }),
    };
    const service = await DomainService.open({
      ...{ store, provider, clock, logger, limits, hashPassword: hashByOpenSsl },
      ...(options.domain !== undefined && { domain: options.domain }),
      ...(options.userLifetime !== undefined && { userLifetime: options.userLifetime }),
      ...(options.passphrase !== undefined && { passphrase: options.passphrase }),
    });
    const relay = new Relay({
      ...{ domain: service, provider, clock, logger },
      ...(options.admitKeyPeers !== undefined && { admitKeyPeers: options.admitKeyPeers }),
      ...(options.record && { record: options.record }),
      limits,
    });
    undo.unshift(() => service.settled());
    undo.unshift(() => relay.close());

    const admin = await serveAdmin(options.dataDir, (request) => performAdmin(service, request));
    if (admin !== undefined) undo.unshift(() => admin.close());

    const { host = '127.0.0.1', port = 0, tcp, web } = options;
    let urls: readonly string[] = [];
    const files = web === undefined ? undefined : serveStatic(web);
    const http = createServer((request, response) => {
      const document = wellKnown(service, urls);
      answer(request, response, document, files);
    });
    limitConnections(http, limits);
    await listen(http, host, port);
    undo.unshift(() => closeServer(http));
    await listenWebSocket({ server: http }, (link) => relay.accept(link), { path: ['/', '/q2q'], clock });
    const tcpListener = tcp && (await listenTcp(tcp, (link) => relay.accept(link)));
    if (tcpListener !== undefined) undo.unshift(() => tcpListener.close());

    const bound = (http.address() as AddressInfo).port;
    const tcpPort = tcpListener?.port;
    urls = options.urls ?? defaultUrls(host, bound, tcp?.host, tcpPort);
    await service.setUrls(urls);
    await service.bundle();
    logger.log('info', 'relay runs', { domain: service.domain, urls });

    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => (closing ??= runAll(undo));
    return {
      ...{
        domain: service.domain,
        urls,
        port: bound,
        tcpPort,
        relay,
        service,
        close,
      },
      get anchors() {
        return service.anchors;
      },
      invite: async (user, wishes) => formatInvite(await service.invite(user, wishes)),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await runAll(undo);
    throw error;
  }
}

/** The newest first: nobody new comes in, then the peers go, then the data is let go. */
async function runAll(undo: readonly (() => Promise<void>)[]): Promise<void> {
  for (const step of undo) await step();
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(fromNodeError(error, `http://${host}:${port}`)));
    server.listen({ host, port }, () => resolve());
  });
}

/** What is no link yet, or never will be, counts too: a request that dribbles holds as much as a silent link. */
function limitConnections(server: Server, { links, linksPerAddress, httpSpare }: RelayLimits): void {
  const counts = new LinkCounts({ links: links + httpSpare, linksPerAddress: linksPerAddress + httpSpare });
  server.on('connection', (socket) => {
    const remote = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
    if (!counts.enter(remote)) socket.destroy();
    else socket.once('close', () => counts.leave(remote));
  });
}

/** Connections that were upgraded are the relay's; what is left is HTTP. */
function closeServer(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  return Promise.resolve();
}

function defaultUrls(
  host: string,
  port: number,
  tcpHost: string | undefined,
  tcpPort: number | undefined,
): readonly string[] {
  const urls = [`ws://${reachable(host)}:${port}/`];
  if (tcpPort !== undefined) urls.push(`tcp://${reachable(tcpHost ?? host)}:${tcpPort}`);
  return urls;
}

/** An address to listen on everywhere is none to connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function wellKnown(service: DomainService, urls: readonly string[]): string {
  const { domain, authority } = service;
  const [root, ...older] = authority.roots.map(({ der }) => formatPem('CERTIFICATE', der));
  const bundle = service.signedBundle === undefined ? undefined : base64(service.signedBundle);
  return `${JSON.stringify({ version: 1, domain, root, older, bundle, relays: urls })}\n`;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  document: string,
  files: ReturnType<typeof serveStatic> | undefined,
): void {
  const path = (request.url ?? '/').split('?', 1)[0]!;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end();
  } else if (path === '/healthz') {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' }).end('ok\n');
  } else if (path === '/.well-known/q2q') {
    // Public, and fetched by pages of other origins.
    const headers = { 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' };
    response.writeHead(200, headers).end(document);
  } else if (files !== undefined) files(path, request, response);
  else response.writeHead(404).end();
}
