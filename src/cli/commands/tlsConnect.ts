/** `q2q tls connect`: our TLS 1.3 client against any server, like `openssl s_client`. */
import type { Command } from 'commander';
import { type Certificate, verifyServer } from '../../identity/index.ts';
import { secure } from '../../peer/secure.ts';
import type { SecureLink } from '../../peer/secureLink.ts';
import { ClientContext } from '../../tls/index.ts';
import { processStdioLink } from '../../transport/stdio.node.ts';
import { connectTcp } from '../../transport/tcp.node.ts';
import { formatHostPort, parseHostPort } from '../arguments.ts';
import { expectedServer, platformRoots, readCertificates } from '../certificates.ts';
import type { Context, Run } from '../context.ts';
import type { ExitCode } from '../exitCodes.ts';
import { addExamples } from '../help.ts';
import { splice } from '../splice.ts';
import {
  addTlsOptions,
  handshakeLines,
  handshakeRecord,
  handshakeTimeout,
  type TlsOptions,
  tlsConfigOf,
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
    .argument('<host:port>', 'where to connect to')
    .option('--servername <name>', 'the name to ask for and to verify; default: the host');
  addTlsOptions(connect).action((where: string, options: ConnectOptions, command: Command) =>
    run(command, (context) => tlsConnect(where, options, context)),
  );
  addExamples(connect, [
    'q2q tls connect example.org:443',
    'q2q tls connect localhost:4433 --ca ca.crt --cert me.crt --key me.key --alpn q2q/1 --json',
    "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | q2q tls connect example.org:443 --alpn http/1.1",
  ]);
}

async function tlsConnect(
  where: string,
  options: ConnectOptions,
  context: Context,
): Promise<ExitCode | undefined> {
  const { out, provider, signal, stdin } = context;
  const address = parseHostPort(where, 'address', undefined);
  const timeout = handshakeTimeout(options);
  const name = options.servername ?? address.host;
  const expected = expectedServer(name);
  const roots = options.ca === undefined ? platformRoots() : await readCertificates(options.ca, stdin);
  const config = {
    ...(await tlsConfigOf(options, context)),
    verifier: serverVerifier(expected, roots, context),
  };
  const link = await connectTcp({ ...address, signal, timeout });
  const serverName = expected.dns;
  const secureLink = await secure(link, new ClientContext(config, provider), {
    ...(serverName === undefined ? {} : { serverName }),
    signal,
    timeout,
  });
  const stop = (): void => secureLink.reset();
  signal.addEventListener('abort', stop, { once: true });
  if (options.json === true || stdin.isTTY === true) {
    await lastWord(secureLink, signal);
    if (options.json === true) {
      const handshake = handshakeRecord(secureLink.negotiated, provider);
      out.json({ event: 'handshake', remote: formatHostPort(address), ...handshake });
    } else for (const line of handshakeLines(secureLink.negotiated)) out.print(line);
    return undefined;
  }
  for (const line of handshakeLines(secureLink.negotiated)) out.tell(line);
  const end = await splice(processStdioLink(), secureLink);
  if (end.error !== undefined) throw end.error;
  return undefined;
}

function serverVerifier(
  expected: { readonly dns?: string; readonly ip?: string },
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
