/** `q2q forward`: a local TCP port whose every connection becomes a channel to a peer's service. */
import type { Command } from 'commander';
import { toError } from '../../base/errors.ts';
import type { Link } from '../../transport/link.ts';
import { listenTcp } from '../../transport/tcp.node.ts';
import { formatHostPort, parseDuration, parseHostPort } from '../arguments.ts';
import { ChannelReport } from '../channelReport.ts';
import type { Context, Run } from '../context.ts';
import {
  addEndpointOptions,
  type Endpoint,
  type EndpointOptions,
  openEndpoint,
  remember,
} from '../endpoint.ts';
import type { ExitCode } from '../exitCodes.ts';
import { addExamples } from '../help.ts';
import { describe, errorRecord } from '../output.ts';
import { exitAfterStop, untilAborted, untilSettled } from '../signals.ts';
import { splice } from '../splice.ts';
import { checkDialled } from './dial.ts';

interface ForwardOptions extends EndpointOptions {
  readonly timeout: string;
  readonly json?: boolean;
}

export function addForward(program: Command, run: Run): void {
  const forward = program
    .command('forward')
    .description('listen on a local TCP port; every connection becomes a channel to the address')
    .argument('<[host:]port>', 'where to listen; port 0 takes a free one; default host 127.0.0.1')
    .argument('<address>', 'user@domain/protocol or key:…/protocol');
  addEndpointOptions(forward, '--from')
    .option('--timeout <time>', 'how long a connection waits for an answer', '15s')
    .option('--json', 'report as JSON, one object a line, on stdout')
    .action((where: string, address: string, options: ForwardOptions, command: Command) =>
      run(command, (context) => forwardPort(where, address, options, context)),
    );
  addExamples(forward, [
    'q2q forward 8080 bob@example.org/http/1     then open http://127.0.0.1:8080/',
    'q2q forward 5433 bob@example.org/postgres',
  ]);
}

async function forwardPort(
  where: string,
  address: string,
  options: ForwardOptions,
  context: Context,
): Promise<ExitCode> {
  const { out, signal } = context;
  const local = parseHostPort(where, 'address to listen on', '127.0.0.1', 0);
  checkDialled(address);
  const timeout = parseDuration(options.timeout, '--timeout');
  const endpoint = await openEndpoint(options, context);
  const running = new Set<Promise<void>>();
  try {
    const listener = await listenTcp(local, (link) => {
      const done = forwardOne(link, endpoint, address, timeout, options, context);
      running.add(done);
      void done.then(() => running.delete(done));
    });
    const at = formatHostPort({ host: local.host, port: listener.port });
    if (options.json === true) out.json({ event: 'ready', address: at, port: listener.port, to: address });
    else out.say(`forwarding ${at} to ${address}`);
    await Promise.race([untilAborted(signal), endpoint.withdrawn]);
    await listener.close();
    await untilSettled(running);
  } finally {
    await endpoint.peer.close();
    await Promise.all(running);
  }
  return exitAfterStop(signal);
}

/** One connection. Its failure is its own: the next one may well succeed. */
async function forwardOne(
  link: Link,
  endpoint: Endpoint,
  address: string,
  timeout: number,
  options: ForwardOptions,
  context: Context,
): Promise<void> {
  const { out, signal } = context;
  try {
    link.pause(); // until somebody answers
    const channel = await endpoint.peer.dial(address, { signal, timeout });
    const report = new ChannelReport(channel, 'dialled', endpoint.meter);
    report.opened(out);
    link.resume();
    const remembered = remember(channel, endpoint, context);
    const { error } = await splice(link, channel);
    await remembered;
    report.ended(out, options.report, error);
  } catch (error) {
    link.reset();
    if (options.json === true) out.json(errorRecord(error));
    out.say(`connection from ${link.info.remote ?? 'unknown'}: ${describe(toError(error)).message}`);
  }
}
