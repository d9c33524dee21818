/** `q2q listen`: answers a protocol, for those who are allowed, with stdout, a command or a TCP service. */
import { spawn } from 'node:child_process';
import { type Command, Option } from 'commander';
import { deferred } from '../../base/deferred.ts';
import { toError } from '../../base/errors.ts';
import { identityLabel, type PeerIdentity, parseProtocol } from '../../identity/index.ts';
import type { Channel } from '../../peer/channel.ts';
import { CLOSE_CODES } from '../../peer/codes.ts';
import type { Authorize } from '../../peer/types.ts';
import { processLink, processStdioLink } from '../../transport/stdio.node.ts';
import { connectTcp } from '../../transport/tcp.node.ts';
import { allowFile } from '../allowFile.ts';
import { type HostPort, parseHostPort, parseList } from '../arguments.ts';
import { ChannelReport } from '../channelReport.ts';
import type { Context, Run } from '../context.ts';
import { addEndpointOptions, type EndpointOptions, openEndpoint } from '../endpoint.ts';
import { usage } from '../errors.ts';
import type { ExitCode } from '../exitCodes.ts';
import { addExamples } from '../help.ts';
import { labelOf } from '../identities.ts';
import type { Meter } from '../meter.ts';
import { describe, errorRecord } from '../output.ts';
import { exitAfterStop, untilAborted, untilSettled } from '../signals.ts';
import { pour, splice } from '../splice.ts';

interface ListenOptions extends EndpointOptions {
  readonly description?: string;
  readonly allow?: string;
  readonly allowFile?: string;
  readonly allowAnyEnrolled?: boolean;
  readonly stdout?: boolean;
  readonly stdio?: boolean;
  readonly exec?: string;
  readonly tcp?: string;
  readonly once?: boolean;
  readonly json?: boolean;
}

/** Serves one channel to its end; resolves with what went wrong, if anything. */
type Service = (channel: Channel) => Promise<Error | undefined>;

export function addListen(program: Command, run: Run): void {
  const listen = program
    .command('listen')
    .description('answer a protocol for those who are allowed; nobody is unless you say who')
    .argument('<protocol>', 'what for, such as chat/1')
    .option('--allow <who,who>', 'names (user@domain) and keys (key:…) that may come in')
    .option('--allow-file <file>', 'the same from a file, one a line, # comments; changes hold at once')
    .option('--allow-any-enrolled', 'let in everybody who is enrolled in a domain we know')
    .option('--description <text>', 'shown to allowed callers who choose among several devices');
  addEndpointOptions(listen, '--as')
    .addOption(new Option('--stdout', 'write what comes to stdout').conflicts(['stdio', 'exec', 'tcp']))
    .addOption(
      new Option('--stdio', 'pipe stdin and stdout through the first channel, then end').conflicts([
        'exec',
        'tcp',
      ]),
    )
    .addOption(
      new Option(
        '--exec <command>',
        'run a shell command for each channel, on its stdin and stdout',
      ).conflicts('tcp'),
    )
    .option('--tcp <host:port>', 'connect each channel to a TCP service')
    .option('--once', 'end after the first channel')
    .option('--json', 'report as JSON, one object a line, on stdout (with --exec and --tcp)')
    .action((protocol: string, options: ListenOptions, command: Command) =>
      run(command, (context) => listenFor(protocol, options, context)),
    );
  addExamples(listen, [
    'q2q listen file/1 --allow alice@example.org --stdout --once > holiday.mp4',
    'q2q listen ssh/1 --allow alice@example.org --tcp 127.0.0.1:22',
    "q2q listen date/1 --allow-any-enrolled --exec 'date'",
  ]);
}

async function listenFor(
  text: string,
  options: ListenOptions,
  context: Context,
): Promise<ExitCode | undefined> {
  const { out, signal } = context;
  const protocol = parseProtocol(text);
  const authorize = await authorizer(options, context);
  const service = serviceOf(options, context);
  const endpoint = await openEndpoint(options, context);
  const once = options.once === true || options.stdio === true ? deferred<void>() : undefined;
  const running = new Set<Promise<unknown>>();
  try {
    const { description } = options;
    const listener = await endpoint.peer.listen(
      protocol,
      { authorize, ...(description !== undefined && { description }) },
      (channel) => {
        if (once !== undefined && running.size > 0) return channel.reset(CLOSE_CODES.busy);
        const served = serveOne(channel, service, endpoint.meter, options, context);
        running.add(served);
        return served.then((error) => {
          if (once !== undefined) {
            if (error === undefined) once.resolve();
            else once.reject(error);
            return;
          }
          running.delete(served);
          if (error !== undefined) tellFailure(channel, error, options, context);
        });
      },
    );
    if (options.json === true) out.json({ event: 'ready', address: listener.address });
    else out.say(`listening as ${listener.address}`);
    await Promise.race([untilAborted(signal), endpoint.withdrawn, ...(once ? [once.promise] : [])]);
    await listener.close();
    await untilSettled(running);
  } finally {
    await endpoint.peer.close();
  }
  return signal.aborted ? exitAfterStop(signal) : undefined;
}

/** One channel to its end; the error is for whoever serves only one. */
async function serveOne(
  channel: Channel,
  service: Service,
  meter: Meter,
  options: ListenOptions,
  { out }: Context,
): Promise<Error | undefined> {
  const report = new ChannelReport(channel, 'accepted', meter);
  report.opened(out);
  try {
    const error = await service(channel);
    report.ended(out, options.report, error);
    return error;
  } catch (error) {
    channel.reset(CLOSE_CODES.handlerFailed);
    return toError(error);
  }
}

/** One channel's failure is its own: the next one may well succeed. */
function tellFailure(channel: Channel, error: Error, options: ListenOptions, { out }: Context): void {
  if (options.json === true) out.json(errorRecord(error));
  out.say(`channel with ${identityLabel(channel.peer)} failed: ${describe(error).message}`);
}

/** Default deny: without a rule there is nothing to listen for. */
async function authorizer(options: ListenOptions, context: Context): Promise<Authorize> {
  const labels = options.allow === undefined ? [] : parseList(options.allow, '--allow').map(labelOf);
  const list = options.allowFile === undefined ? undefined : await allowFile(options.allowFile, context);
  if (labels.length === 0 && list === undefined && options.allowAnyEnrolled !== true) {
    throw usage(
      'nobody is allowed',
      'say who may come in: --allow alice@example.org,key:…, --allow-file FILE, or --allow-any-enrolled',
    );
  }
  const allowed = new Set(labels);
  const isAllowed = ({ name, keyId }: PeerIdentity): boolean =>
    (name !== undefined && (allowed.has(name) || options.allowAnyEnrolled === true)) ||
    allowed.has(`key:${keyId}`);
  return async ({ from }) => isAllowed(from) || (await list?.(from)) === true;
}

function serviceOf(options: ListenOptions, context: Context): Service {
  if (options.exec !== undefined) return commandService(options.exec);
  if (options.tcp !== undefined) return tcpService(parseHostPort(options.tcp, '--tcp'), context);
  if (options.json === true) throw usage('--json needs --exec or --tcp: without them stdout carries data');
  if (options.stdout === true) return stdoutService(context);
  if (options.stdio === true) return async (channel) => (await splice(processStdioLink(), channel)).error;
  throw usage(
    'nothing to do with a channel',
    'say what to do: --stdout, --stdio, --exec CMD or --tcp HOST:PORT',
  );
}

/** One at a time: two channels at once would mix their bytes. */
function stdoutService({ out }: Context): Service {
  let busy = false;
  return async (channel) => {
    if (busy) {
      channel.reset(CLOSE_CODES.busy);
      return undefined;
    }
    busy = true;
    try {
      return await pour(channel, out.stdout);
    } finally {
      busy = false;
    }
  };
}

/** The caller learns that the service failed, not how. */
const FAILED = { resetB: CLOSE_CODES.handlerFailed };

/** The command is the person's own; what the network says reaches it as environment variables only, never as words. */
function commandService(command: string): Service {
  return async (channel) => {
    const { peer, protocol } = channel;
    const child = spawn(command, {
      shell: true,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        Q2Q_PEER: peer.name ?? `key:${peer.keyId}`,
        Q2Q_PEER_KEY: peer.keyId,
        Q2Q_PROTOCOL: protocol,
      },
    });
    // A command that ends well has said what it wanted; that it did not read all its input is its own affair (`head`).
    const forgiveA = (): boolean => child.exitCode === 0;
    return (await splice(processLink(child, { name: 'command' }), channel, { ...FAILED, forgiveA })).error;
  };
}

function tcpService(address: HostPort, { signal }: Context): Service {
  return async (channel) => {
    try {
      const link = await connectTcp({ ...address, signal });
      return (await splice(link, channel, FAILED)).error;
    } catch (error) {
      channel.reset(CLOSE_CODES.handlerFailed);
      return error as Error;
    }
  };
}
