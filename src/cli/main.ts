/** `q2q`: reads the command line, runs one command, exits with a code that means something. */

import { type Command, CommanderError } from 'commander';
import { provider } from '#provider';
import { type Context, contextHome, type GlobalOptions, type Run } from './context.ts';
import { CliError, usage } from './errors.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exitCodes.ts';
import { errorRecord, Output } from './output.ts';
import { buildProgram } from './program.ts';
import { onInterrupt } from './signals.ts';

let exitCode: ExitCode = EXIT.ok;
let out = plainOutput({ color: true });

const run: Run = async (command, work) => {
  const flags: GlobalOptions & { readonly json?: boolean } = command.optsWithGlobals();
  out = plainOutput(flags);
  const interruption = onInterrupt();
  const awake = setInterval(() => {}, 2 ** 30); // the library's timers keep no process alive; this one does
  try {
    exitCode = (await work(makeContext(flags, interruption.signal))) ?? EXIT.ok;
  } catch (error) {
    const shown = interruption.signal.aborted ? interruption.signal.reason : error;
    if (flags.json === true) out.json(errorRecord(shown));
    exitCode = report(shown);
  } finally {
    clearInterval(awake);
    interruption.dispose();
  }
};

function makeContext(flags: GlobalOptions, signal: AbortSignal): Context {
  const { env, stdin } = process;
  return { out, stdin, env, provider, signal, ...contextHome(flags, env) };
}

function plainOutput(flags: GlobalOptions): Output {
  const noColor = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb';
  return new Output(process.stdout, process.stderr, {
    quiet: flags.quiet === true,
    verbose: flags.verbose === true,
    color: flags.color && !noColor && process.stderr.isTTY === true,
  });
}

function report(error: unknown): ExitCode {
  const quiet = error instanceof CliError && error.code === 'ERR_CLI_OUTPUT_CLOSED';
  if (!quiet) out.error(error);
  return exitCodeOf(error);
}

/** The grammar's own errors (commander's), in our voice. */
function reportGrammar(error: CommanderError): ExitCode {
  if (error.exitCode === 0) return EXIT.ok; // --help, --version
  if (error.code === 'commander.help') return EXIT.usage; // a command group without a command: its help was printed
  const [first = '', ...rest] = error.message.split('\n');
  const suggestion = /\((.*)\)/.exec(rest.join(' '))?.[1]?.toLowerCase();
  const hint = suggestion ?? `see q2q ${commandPath(program)}--help`;
  return report(usage(first.replace(/^error: /, ''), hint));
}

/** The verbs given, as far as they exist: `tls connect `. */
function commandPath(from: Command): string {
  let path = '';
  let command = from;
  for (const word of process.argv.slice(2)) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) continue;
    path += `${word} `;
    command = next;
  }
  return path;
}

// A reader that went away (`q2q … | head`) ends us quietly; any other failure of stdout is told.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`q2q: error: stdout failed: ${error.message}\n`);
  process.exit(EXIT.other);
});
process.stderr.on('error', () => {});

const program = buildProgram(run, {
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
});
try {
  await program.parseAsync();
} catch (error) {
  exitCode = error instanceof CommanderError ? reportGrammar(error) : report(error);
}
await out.flush();
process.exit(exitCode);
