/** `q2q tls connect`: our TLS 1.3 client against any server, like `openssl s_client`. */
import type { Command } from 'commander';
import { type Certificate, type ExpectedName, verifyServer } from '../../identity/index.ts';
import { secure } from '../../peer/secure.ts';
import type { SecureLink } from '../../peer/secureLink.ts';
import { ClientContext } from '../../tls/index.ts';
import { platformTrust } from '../../tls/options/index.node.ts';
import { processStdioLink } from '../../transport/stdio.node.ts';
import { type Carrier, carrierHost, dialCarrier, parseCarrier, showCarrier } from '../carriers.ts';
import { expectedServer, readCertificates } from '../certificates.ts';
import type { Context, Run } from '../context.ts';
import { usage } from '../errors.ts';
import type { ExitCode } from '../exitCodes.ts';
import { addExamples } from '../help.ts';
import { splice } from '../splice.ts';
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

/**
 * How long a report waits for the server's last word. In TLS 1.3 a server judges the client's certificate after the
 * client has finished: only its alert, or its silence, tells.
 */
const LAST_WORD_MS = 1_000;

interface ConnectOptions extends TlsOptions {
  readonly servername?: string;
}

export function addTlsConnect(tls: Command, run: Run): void {
  const connect = tls
    .command('connect')
    .description(
      'connect to a TLS 1.3 server: print its verified chain and what was negotiated, and pipe stdin and stdout ' +
        'unless stdin is a terminal or --json is given',
    )
    .argument(
      '<where>',
      'host:port, tcp://host:port, unix:path, ws://…, wss://…, exec:command, or stdio: for our own stdin and stdout',
    )
    .option(
      '--servername <name>',
      'the name to ask for and to verify; default: the host, where there is one',
    );
  addTlsOptions(connect).action((where: string, options: ConnectOptions, command: Command) =>
    run(command, (context) => tlsConnect(where, options, context)),
  );
  addExamples(connect, [
    'q2q tls connect example.org:443',
    'q2q tls connect localhost:4433 --ca ca.crt --cert me.crt --key me.key --alpn q2q/1 --json',
    "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | q2q tls connect example.org:443 --alpn http/1.1",
    'q2q tls connect unix:/run/service.sock --servername service.test --ca ca.crt',
    "q2q tls connect 'exec:ssh host q2q tls serve stdio: --echo --cert s.crt --key s.key' --servername s.test --ca ca.crt",
  ]);
}

async function tlsConnect(
  where: string,
  options: ConnectOptions,
  context: Context,
): Promise<ExitCode | undefined> {
  const { out, provider, signal, stdin, env } = context;
  const carrier = parseCarrier(where, { what: 'address' });
  if (carrier.kind === 'stdio') refuseStdio(options);
  const timeout = handshakeTimeout(options);
  const expected = expectedServer(options.servername ?? nameOf(carrier));
  const config = await tlsConfigOf(options, context);
  const roots =
    options.ca === undefined ? platformTrust(env).certificates : await readCertificates(options.ca, stdin);
  const tls = new ClientContext(
    { ...config, verifier: serverVerifier(expected, roots, context) },
    await tlsProvider(options, provider),
  );
  const link = await dialCarrier(carrier, { signal, timeout });
  const serverName = expected.dns;
  const secureLink = await secure(link, tls, {
    ...(serverName === undefined ? {} : { serverName }),
    signal,
    timeout,
  });
  const stop = (): void => secureLink.reset();
  signal.addEventListener('abort', stop, { once: true });
  const isPipe = carrier.kind !== 'stdio' && options.json !== true && stdin.isTTY !== true;
  if (!isPipe) await lastWord(secureLink, signal);
  const { negotiated } = secureLink;
  if (options.json === true) {
    const handshake = handshakeRecord(negotiated, provider);
    out.json({ event: 'handshake', remote: showCarrier(carrier), ...handshake });
  } else {
    const stdoutCarries = isPipe || carrier.kind === 'stdio';
    for (const line of handshakeLines(negotiated)) stdoutCarries ? out.tell(line) : out.print(line);
  }
  if (!isPipe) return undefined;
  const end = await splice(processStdioLink(), secureLink);
  if (end.error !== undefined) throw end.error;
  return undefined;
}

/** Who is expected follows from where we connect to; a carrier that leads to no host says nothing of it. */
function nameOf(carrier: Carrier): string {
  const host = carrierHost(carrier);
  if (host !== undefined) return host;
  throw usage(
    `${showCarrier(carrier)} names no host`,
    'say whom you expect there: --servername NAME, a name in its certificate',
  );
}

function serverVerifier(
  expected: ExpectedName,
  roots: readonly Certificate[],
  { provider }: Context,
): ConstructorParameters<typeof ClientContext>[0]['verifier'] {
  return { verify: ({ chain }) => verifyServer(chain, expected, roots, Date.now(), provider) };
}

/** Closes our direction and waits for the server's end or alert; an alert is thrown, silence is consent. */
function lastWord(link: SecureLink, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      link.reset();
      resolve();
    }, LAST_WORD_MS);
    link.start({
      data: () => {},
      drain: () => {},
      end: () => link.close(),
      closed: (error) => {
        clearTimeout(timer);
        if (signal.aborted) reject(signal.reason);
        else if (error !== undefined && isAlert(error)) reject(error);
        else resolve();
      },
    });
    link.closeWrite();
  });
}

/** A server that just drops the connection has nothing against us. */
function isAlert(error: { readonly code: string }): boolean {
  return error.code === 'ERR_TLS_ALERT';
}
