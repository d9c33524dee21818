/**
 * How the command line speaks. Data goes to stdout, talk to stderr, so that pipes work. Talk is lower case, one line a
 * thought, `q2q: ` in front; an error is one `q2q: error: …` line and perhaps one `q2q: hint: …`. With `--json` a
 * report is one JSON object a line on stdout. Colour only for a person: a terminal, no NO_COLOR, no --no-color.
 */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { isQ2qError, toError } from '../base/errors.ts';
import { exitCodeOf } from './exitCodes.ts';

export interface OutputOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}

type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan';

export class Output {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly options: OutputOptions;
  /** Set while a progress line stands on the terminal: whoever writes talk clears it first. */
  beforeTalk: (() => void) | undefined;

  constructor(stdout: Writable, stderr: Writable, options: OutputOptions) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.options = options;
  }

  /** A line of data for whoever reads our stdout. */
  print(line: string): void {
    this.stdout.write(`${line}\n`);
  }

  json(record: object): void {
    this.print(JSON.stringify(record));
  }

  /** A line for the person, unless --quiet. */
  say(line: string): void {
    if (!this.options.quiet) this.#talk(`q2q: ${oneLine(line)}`);
  }

  /** A line of a longer report for the person: no prefix. */
  tell(line: string): void {
    if (!this.options.quiet) this.#talk(oneLine(line));
  }

  /** Only with --verbose. */
  detail(line: string): void {
    if (this.options.verbose) this.say(line);
  }

  warn(line: string): void {
    this.#talk(`q2q: ${this.style('yellow', 'warning:')} ${oneLine(line)}`);
  }

  error(error: unknown): void {
    const { message, hint } = describe(error);
    this.#talk(`q2q: ${this.style('red', 'error:')} ${message}`);
    if (hint !== undefined) this.#talk(`q2q: ${this.style('cyan', 'hint:')} ${hint}`);
    if (this.options.verbose) for (const line of causes(error)) this.#talk(`q2q: cause: ${line}`);
  }

  style(style: Style, text: string): string {
    return this.options.color ? styleText(style, text) : text;
  }

  /** Resolves when everything written has left the process: only then may it exit. */
  async flush(): Promise<void> {
    await Promise.all([flushed(this.stdout), flushed(this.stderr)]);
  }

  #talk(line: string): void {
    this.beforeTalk?.();
    this.stderr.write(`${line}\n`);
  }
}

export interface Described {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** One line for any thrown thing, without the stack: `-v` shows the causes. */
export function describe(error: unknown): Described {
  const { message } = toError(error);
  const known = isQ2qError(error);
  const text = oneLine(message === '' ? 'unknown error' : message);
  return { code: known ? error.code : 'ERR_UNKNOWN', message: text, hint: known ? error.hint : undefined };
}

/** The same for `--json`: the last line on stdout. */
export function errorRecord(error: unknown): object {
  const { code, message, hint } = describe(error);
  return {
    event: 'error',
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    exitCode: exitCodeOf(error),
  };
}

function causes(error: unknown): string[] {
  const lines: string[] = [];
  for (let cause = toError(error).cause; cause instanceof Error && lines.length < 8; cause = cause.cause) {
    lines.push(oneLine(cause.message));
  }
  return lines;
}

/** Text from the network may hold line ends or terminal escapes: neither may reach the terminal. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/\s*\n\s*/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

function flushed(stream: Writable): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
