/** `q2q tls serve`: our TLS 1.3 server for any client, like `openssl s_server`. */
import { createServer, type Server } from 'node:http';
import { type Command, Option } from 'commander';
import { utf8 } from '../../base/bytes.ts';
import { deferred } from '../../base/deferred.ts';
import { verifyClient } from '../../identity/index.ts';
import { toDuplex } from '../../peer/duplex.node.ts';
import { secure } from '../../peer/secure.ts';
import type { SecureLink } from '../../peer/secureLink.ts';
import { type PeerVerifier, ServerContext, type TlsConfigInit } from '../../tls/index.ts';
import { TicketKeys } from '../../tls/resumption.ts';
import type { Link } from '../../transport/link.ts';
import { processStdioLink } from '../../transport/stdio.node.ts';
import { type Carrier, isSingle, listenOnCarrier, parseCarrier, showCarrier } from '../carriers.ts';
import { readCertificates } from '../certificates.ts';
import type { Context, Run } from '../context.ts';
import { usage } from '../errors.ts';
import type { ExitCode } from '../exitCodes.ts';
import { addExamples } from '../help.ts';
import { describe, errorRecord } from '../output.ts';
import { exitAfterStop } from '../signals.ts';
import { echo, splice } from '../splice.ts';
import {
  addTlsOptions,
  handshakeLines,
  handshakeRecord,
  handshakeTimeout,
  refuseStdio,
  type TlsOptions,
  tlsConfigOf,
  tlsProvider,
} from '../tlsOptions.ts';

interface ServeOptions extends TlsOptions {
  readonly port?: string;
  readonly requireClient?: boolean;
  readonly http?: boolean;
  readonly echo?: boolean;
}

/** What is done with a connection once its handshake is complete; the promise is its end. */
type Service = (link: SecureLink) => Promise<void>;

export function addTlsServe(tls: Command, run: Run): void {
  const serve = tls
    .command('serve')
    .description('serve TLS 1.3: pages, an echo, or stdin and stdout to the first connection')
    .argument(
      '[where]',
      '[host:]port, tcp://host:port, unix:path, ws://host:port/path, exec:command, or stdio: for our own stdin and stdout; ' +
        'port 0 takes a free one; default host 127.0.0.1',
    )
    .option('--port <[host:]port>', 'the same for TCP');
  addTlsOptions(serve)
    .option('--require-client', 'refuse clients without a certificate under --ca')
    .addOption(new Option('--http', 'answer HTTP requests with a small page').conflicts('echo'))
    .option('--echo', 'send back what comes')
    .action((where: string | undefined, options: ServeOptions, command: Command) =>
      run(command, (context) => tlsServe(where, options, context)),
    );
  addExamples(serve, [
    'q2q tls serve 4433 --cert server.crt --key server.key --http',
    'q2q tls serve unix:/run/service.sock --cert server.crt --key server.key --echo',
    'q2q tls serve 4433 --cert server.crt --key server.key --ca ca.crt --require-client --echo --alpn q2q/1',
  ]);
}

async function tlsServe(
  where: string | undefined,
  options: ServeOptions,
  context: Context,
): Promise<ExitCode | undefined> {
  const { out, signal } = context;
  const carrier = servedCarrier(where, options);
  const { service, isPipe } = chooseService(options, carrier);
  const once = isPipe || isSingle(carrier);
  const tls = new ServerContext(
    await serverConfig(options, context),
    await tlsProvider(options, context.provider),
  );
  const timeout = handshakeTimeout(options);
  const live = new Set<Link>();
  const finished = deferred<void>();

  const serve = async (link: Link): Promise<void> => {
    live.add(link);
    try {
      const secured = await secure(link, tls, { signal, timeout });
      reportHandshake(secured, options, context);
      await service(secured);
      if (once) finished.resolve();
    } catch (error) {
      if (once || signal.aborted) finished.reject(error);
      else reportFailure(link, error, options, context);
    } finally {
      live.delete(link);
    }
  };
  const listener = await listenOnCarrier(carrier, (link) => {
    if (once) void listener.close();
    void serve(link);
  });
  signal.addEventListener('abort', () => finished.resolve(), { once: true });
  const { address, port } = listener;
  if (options.json === true) out.json({ event: 'ready', address, port: port ?? null });
  else out.say(isSingle(carrier) ? `serving ${address}` : `listening on ${address}`);

  try {
    await finished.promise;
  } finally {
    await listener.close();
    for (const link of live) link.reset();
  }
  return signal.aborted ? exitAfterStop(signal) : undefined;
}

function servedCarrier(where: string | undefined, options: ServeOptions): Carrier {
  if ((where === undefined) === (options.port === undefined)) {
    throw usage('where to serve is not said, or said twice', 'q2q tls serve 4433 …, or --port 4433');
  }
  const rules = { what: where === undefined ? '--port' : 'address', defaultHost: '127.0.0.1', lowestPort: 0 };
  const carrier = parseCarrier(where ?? options.port ?? '', rules);
  if (where === undefined && carrier.kind !== 'tcp') {
    throw usage(`--port is "${options.port}", wanted [HOST:]PORT`, 'other carriers are named without --port');
  }
  if (carrier.kind === 'websocket' && carrier.url.startsWith('wss:')) {
    throw usage(`address is "${where}", wanted ws://`, 'TLS below the WebSocket is a front end’s');
  }
  if (carrier.kind === 'stdio') refuseStdio(options);
  return carrier;
}

function chooseService(options: ServeOptions, carrier: Carrier): { service: Service; isPipe: boolean } {
  if (options.http === true) return { service: httpService(), isPipe: false };
  if (options.echo === true) return { service: echoService, isPipe: false };
  if (carrier.kind === 'stdio') {
    throw usage(`${showCarrier(carrier)} carries the TLS itself`, 'say what to answer: --echo or --http');
  }
  if (options.json === true) throw usage('--json needs --http or --echo: without them stdout carries data');
  return { service: pipeService, isPipe: true };
}

async function serverConfig(options: ServeOptions, context: Context): Promise<TlsConfigInit> {
  const { ca, requireClient } = options;
  if (options.cert === undefined) throw usage('a server needs --cert and --key');
  if (requireClient === true && ca === undefined) {
    throw usage('--require-client needs --ca', 'name the file of the roots that sign your clients');
  }
  const config = await tlsConfigOf(options, context);
  const clientCertificate = ca === undefined ? 'none' : requireClient === true ? 'require' : 'request';
  const roots = ca === undefined ? [] : await readCertificates(ca, context.stdin);
  const verifier: PeerVerifier = {
    verify: ({ chain }) => verifyClient(chain, roots, Date.now(), context.provider),
  };
  return { ...config, clientCertificate, verifier, resumption: new TicketKeys(context.provider) };
}

const echoService: Service = async (link) => {
  const error = await echo(link);
  if (error !== undefined) throw error;
};

const pipeService: Service = async (link) => {
  const { error } = await splice(processStdioLink(), link);
  if (error !== undefined) throw error;
};

/** A real HTTP server on top of our TLS: one small page that says what was negotiated. */
function httpService(): Service {
  const links = new WeakMap<object, SecureLink>();
  const server: Server = createServer((request, response) => {
    const link = links.get(request.socket);
    const lines = link === undefined ? [] : handshakeLines(link.negotiated);
    const body = `q2q tls serve\n\n${lines.join('\n')}\n`;
    response.writeHead(200, {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': utf8(body).length,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  return (link) => {
    const duplex = toDuplex(link);
    links.set(duplex, link);
    server.emit('connection', duplex);
    return new Promise((resolve, reject) => {
      duplex.once('error', reject);
      duplex.once('close', () => resolve());
    });
  };
}

function reportHandshake(link: SecureLink, options: ServeOptions, { out, provider }: Context): void {
  const remote = link.info.remote ?? 'unknown';
  if (options.json === true) {
    out.json({ event: 'handshake', remote, ...handshakeRecord(link.negotiated, provider) });
    return;
  }
  out.say(`connection from ${remote}`);
  for (const line of handshakeLines(link.negotiated)) out.tell(line);
}

function reportFailure(link: Link, error: unknown, options: ServeOptions, { out }: Context): void {
  const remote = link.info.remote ?? 'unknown';
  if (options.json === true) out.json({ ...errorRecord(error), remote });
  out.say(`connection from ${remote} failed: ${describe(error).message}`);
}
