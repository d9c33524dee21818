/** `q2q relay`: a domain and its relay in one process, all its state in one folder. */

import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { hex } from '../../base/bytes.ts';
import type { Logger } from '../../base/log.ts';
import { parseDomain } from '../../identity/index.ts';
import { RelayError, type RelayServer, startRelay } from '../../relay/index.node.ts';
import { fromNodeError } from '../../transport/nodeErrors.node.ts';
import {
  formatHostPort,
  type HostPort,
  parseCount,
  parseDuration,
  parseHostPort,
  parseList,
  parseOutlive,
  parseRelayUrl,
} from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { withPassphrase } from '../domainFolder.ts';
import { CliError } from '../errors.ts';
import type { ExitCode } from '../exitCodes.ts';
import { addExamples } from '../help.ts';
import { describe, type Output, oneLine } from '../output.ts';
import { recordTo } from '../recorder.ts';
import { exitAfterStop, untilAborted } from '../signals.ts';

interface RelayOptions {
  readonly domain?: string;
  readonly data: string;
  readonly listen: string;
  readonly tcp?: string;
  readonly url?: string;
  readonly admitKeys?: boolean;
  readonly serveExample?: boolean;
  readonly passphraseFile?: string;
  readonly userLifetime?: string;
  readonly linksPerAddress?: string;
  readonly outlive?: string;
  readonly record?: string;
  readonly json?: boolean;
}

export function addRelay(program: Command, run: Run): void {
  const relay = program
    .command('relay')
    .description('serve a domain and its relay; the relay forwards what it cannot read')
    .requiredOption('--data <dir>', 'folder of everything it must remember; made the first time')
    .option('--domain <name>', 'the domain; needed the first time only')
    .option(
      '--listen <[host:]port>',
      'where to serve WebSocket and HTTP; port 0 takes a free one',
      '127.0.0.1:8788',
    )
    .option('--tcp <[host:]port>', 'serve raw TCP, too')
    .option('--url <urls>', 'how peers reach it from outside, best first; goes into invites')
    .option('--admit-keys', 'let in key peers, not only the domain’s users')
    .option('--passphrase-file <file>', 'its first line opens an encrypted root key; default: ask')
    .option('--user-lifetime <time>', 'how long users’ certificates last; at most and by default 7d')
    .option('--links-per-address <count>', 'links from one address; 2048 by default, more behind a proxy')
    .option('--outlive <time>', 'how long a peer whose link died may take to come back; 45s by default')
    .option('--serve-example', 'serve the browser example under /')
    .option('--record <dir>', 'write every byte that passes between peers, to see what a relay sees')
    .option('--json', 'report as JSON, one object a line, on stdout')
    .action((options: RelayOptions, command: Command) => run(command, (context) => serve(options, context)));
  addExamples(relay, [
    'q2q relay --domain example.org --data /var/lib/q2q --listen 8788',
    'q2q relay --data /var/lib/q2q --listen 127.0.0.1:8788 --url wss://relay.example.org/',
  ]);
}

async function serve(options: RelayOptions, context: Context): Promise<ExitCode> {
  const { out, provider, signal } = context;
  const address = parseHostPort(options.listen, '--listen', '127.0.0.1', 0);
  const tcp = options.tcp === undefined ? undefined : parseHostPort(options.tcp, '--tcp', '127.0.0.1', 0);
  const domain = options.domain === undefined ? undefined : parseDomain(options.domain);
  const urls = options.url === undefined ? undefined : parseUrls(options.url);
  const userLifetime =
    options.userLifetime === undefined ? undefined : parseDuration(options.userLifetime, '--user-lifetime');
  const outlive = parseOutlive(options.outlive);
  const linksPerAddress =
    options.linksPerAddress === undefined
      ? undefined
      : parseCount(options.linksPerAddress, '--links-per-address');
  const web = options.serveExample === true ? exampleFolder() : undefined;
  // Whatever is wrong is told before a folder is made: a domain should not be born of a failed start.
  if (domain === undefined && !existsSync(join(options.data, 'domain.json'))) {
    throw new RelayError(
      'ERR_RELAY_NO_DOMAIN',
      `data folder ${options.data} holds no domain yet, and none was named`,
    );
  }
  for (const wanted of [address, tcp]) if (wanted !== undefined) await checkFree(wanted);
  const recorder = options.record === undefined ? undefined : recordTo(options.record);
  const start = (passphrase?: string): Promise<RelayServer> =>
    startRelay({
      ...address,
      ...(passphrase !== undefined && { passphrase }),
      dataDir: options.data,
      provider,
      logger: talkLogger(out),
      admitKeyPeers: options.admitKeys === true,
      ...(domain !== undefined && { domain }),
      ...(tcp && { tcp }),
      ...(urls && { urls }),
      ...(userLifetime !== undefined && { userLifetime }),
      ...(linksPerAddress !== undefined && { linksPerAddress }),
      ...(outlive !== undefined && { limits: { resumeTtl: outlive } }),
      ...(web !== undefined && { web }),
      ...(recorder && { record: recorder.record }),
    });
  const server = await withPassphrase(options.passphraseFile, options.data, context, start);
  tellReady(server, address, options, context);
  await untilAborted(signal);
  await server.close();
  recorder?.close();
  return exitAfterStop(signal);
}

function tellReady(
  server: RelayServer,
  { host }: HostPort,
  options: RelayOptions,
  { out, provider }: Context,
): void {
  const { domain, urls, port, tcpPort, anchors } = server;
  if (options.json === true) {
    const root = hex(provider.hash('sha256').update(anchors.roots[0]!.der).digest());
    out.json({ event: 'ready', domain, urls, port, tcpPort: tcpPort ?? null, rootSha256: root });
    return;
  }
  out.say(`serving ${domain} at ${urls.join(' and ')}`);
  if (options.serveExample === true) out.say(`browser example: http://${formatHostPort({ host, port })}/`);
}

function parseUrls(text: string): readonly string[] {
  return parseList(text, '--url').map((url) => parseRelayUrl(url, '--url'));
}

/** The page that the build puts beside the command line. */
function exampleFolder(): string {
  const folder = fileURLToPath(new URL('../web', import.meta.url));
  if (existsSync(folder)) return folder;
  throw new CliError('ERR_CLI_FILE', `the browser example is not at ${folder}`, {
    hint: 'npm run build makes it',
  });
}

function checkFree({ host, port }: HostPort): Promise<void> {
  if (port === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => reject(fromNodeError(error, formatHostPort({ host, port }))));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()));
  });
}

/** The relay's log as talk: warnings always, the rest with -v. Its fields may come from the network. */
function talkLogger(out: Output): Logger {
  return {
    log(level, message, fields = {}) {
      const details = Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(
          ([name, value]) => `${name}=${value instanceof Error ? describe(value).message : String(value)}`,
        );
      const line = oneLine([message, ...details].join(' '));
      if (level === 'warn' || level === 'error') out.warn(line);
      else out.detail(line);
    },
  };
}
