/** A program nobody here wrote, as a process with everything it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Its standard input and output carry TLS: only what it says on standard error is kept. */
  readonly carries?: boolean;
  /** Descriptor 3 is a stream to it, too. */
  readonly extra?: boolean;
}

export class Program {
  /** Both of its outputs. */
  output = '';
  /** Standard output alone. */
  printed = '';
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly #name: string;
  #isOver = false;
  #changed: (() => void)[] = [];

  constructor(file: string, args: readonly string[], options: ProgramOptions = {}) {
    this.#name = file;
    const stdio: 'pipe'[] = Array.from({ length: options.extra ? 4 : 3 }, () => 'pipe');
    const env = { ...process.env, ...options.env };
    this.child = spawn(file, args, { stdio, env, ...(options.cwd && { cwd: options.cwd }) });
    const note = (chunk: Buffer): void => {
      this.output += chunk.toString('latin1');
      this.#wake();
    };
    if (options.carries !== true) {
      this.child.stdout!.on('data', (chunk: Buffer) => {
        this.printed += chunk.toString('latin1');
        note(chunk);
      });
    }
    this.child.stderr!.on('data', note);
    this.child.stdin!.on('error', () => {});
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', resolve);
    });
    this.exited
      .catch((error: Error) => (this.output += error.message))
      .then(() => {
        this.#isOver = true;
        this.#wake();
      });
  }

  say(text: string): void {
    this.child.stdin!.write(text);
  }

  endInput(): void {
    this.child.stdin!.end();
  }

  /** Resolves when the output matches; rejects when the process ends first. */
  async until(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.output.match(pattern);
      if (match) return match;
      if (this.#isOver) throw new Error(`${this.#name} ended without saying ${pattern}:\n${this.output}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited.catch(() => {});
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }
}

/** A server that cannot pick a port itself. Somebody else may take the one we found: then it ends, and gets another. */
export async function onFreePort(
  start: (port: number) => Program,
  ready: RegExp,
): Promise<{ far: Program; port: number }> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const far = start(port);
    const said = await far.until(new RegExp(`${ready.source}|in use`)).catch((error: Error) => error);
    if (!(said instanceof Error) && ready.test(far.output)) return { far, port };
    await far.stop();
    if (tries === 3) throw said instanceof Error ? said : new Error(far.output);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
