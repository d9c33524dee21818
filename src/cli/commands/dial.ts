/** `q2q dial`: stdin and stdout become a channel to whoever answers the address. */
import { fstatSync } from 'node:fs';
import type { Command } from 'commander';
import { parseAddress } from '../../identity/index.ts';
import { processStdioLink } from '../../transport/stdio.node.ts';
import { parseDuration } from '../arguments.ts';
import { ChannelReport } from '../channelReport.ts';
import type { Context, Run } from '../context.ts';
import {
  addEndpointOptions,
  type Endpoint,
  type EndpointOptions,
  openEndpoint,
  reasonOf,
  remember,
} from '../endpoint.ts';
import { CliError, usage } from '../errors.ts';
import { addExamples } from '../help.ts';
import { type SpliceEnd, splice } from '../splice.ts';
import { Progress } from '../terminal.ts';

interface DialOptions extends EndpointOptions {
  readonly timeout: string;
  readonly progress?: boolean;
}

export function addDial(program: Command, run: Run): void {
  const dial = program
    .command('dial')
    .description('pipe stdin and stdout through one channel to whoever answers the address')
    .argument('<address>', 'user@domain/protocol or key:…/protocol');
  addEndpointOptions(dial, '--from')
    .option('--timeout <time>', 'how long to wait for an answer', '15s')
    .option('--progress', 'show how much went through, on stderr')
    .action((address: string, options: DialOptions, command: Command) =>
      run(command, (context) => dialAndPipe(address, options, context)),
    );
  addExamples(dial, [
    'q2q dial bob@example.org/chat/1',
    'q2q dial bob@example.org/file/1 --progress < holiday.mp4',
    "ssh -o ProxyCommand='q2q dial bob@example.org/ssh/1' bob@home",
  ]);
}

async function dialAndPipe(address: string, options: DialOptions, context: Context): Promise<undefined> {
  const { out, signal, stdin } = context;
  checkDialled(address);
  const timeout = parseDuration(options.timeout, '--timeout');
  const endpoint = await openEndpoint(options, context);
  const { peer, meter } = endpoint;
  try {
    const channel = await peer.dial(address, { signal, timeout });
    const report = new ChannelReport(channel, 'dialled', meter);
    report.opened(out);
    const remembered = remember(channel, endpoint, context);
    const stop = (): void => channel.reset();
    signal.addEventListener('abort', stop, { once: true });
    const progress = startProgress(options, context);
    const count = (bytes: number): void => progress?.add(bytes);
    const end = await splice(processStdioLink(), channel, {
      onForward: count,
      onBackward: count,
      endWithB: stdin.isTTY === true,
    });
    progress?.finish();
    report.ended(out, options.report, end.error);
    await remembered;
    await throwUnlessClean(end, endpoint);
  } finally {
    await peer.close();
  }
  return undefined;
}

/** An address without a protocol reaches nobody: said before anything is tried. */
export function checkDialled(address: string): void {
  if (parseAddress(address).protocol !== undefined) return;
  throw usage(`address "${address}" has no protocol`, `say what for: ${address}/chat/1`);
}

function startProgress(options: DialOptions, { out }: Context): Progress | undefined {
  if (options.progress !== true) return undefined;
  const input = fstatSync(0);
  return new Progress(out, { label: 'moved', always: true, ...(input.isFile() && { total: input.size }) });
}

async function throwUnlessClean({ error, side }: SpliceEnd, endpoint: Endpoint): Promise<void> {
  if (error === undefined) return;
  // The reader of our stdout went away (`q2q dial … | head`): nothing to tell anybody.
  if (side === 'a') throw new CliError('ERR_CLI_OUTPUT_CLOSED', 'stdin or stdout failed', { cause: error });
  throw await reasonOf(error, endpoint);
}
