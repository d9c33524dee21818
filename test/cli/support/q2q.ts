/** Runs the command line as people do: the built file, in a process of its own, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What ships (`npm run build` makes it; `npm test` does so by itself). $Q2Q_CLI names another one. */
export function commandLine(): string {
  const path = process.env['Q2Q_CLI'] ?? fileURLToPath(new URL('../../../dist/cli/q2q.js', import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: npm run build`);
  return path;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** Another file than `commandLine()`. */
  readonly cli?: string;
  /** Milliseconds until the process is killed and the run fails. */
  readonly timeout?: number;
}

export interface Ran {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly code: number | null;
}

/** Only what a command line needs of our own environment: a test must not depend on who runs it. */
export function environment(
  cwd: string,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: cwd, Q2Q_HOME: join(cwd, 'home'), ...extra };
}

export async function q2q(args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = spawn(process.execPath, [options.cli ?? commandLine(), ...args], {
    cwd: options.cwd,
    env: environment(options.cwd, options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {}); // it may exit before it has read everything
  child.stdin.end(options.stdin ?? '');
  return collect(child, options.timeout ?? 30_000, args.join(' '));
}

export function collect(child: ChildProcess, timeout: number, what: string): Promise<Ran> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`"${what}" still ran after ${timeout} ms\n${Buffer.concat(stderr).toString()}`));
    }, timeout);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString(), code });
    });
  });
}

/** A q2q process that serves until it is stopped. */
export class Server {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  #stderr = '';
  #stdout = '';

  constructor(args: readonly string[], options: RunOptions) {
    this.child = spawn(process.execPath, [commandLine(), ...args], {
      cwd: options.cwd,
      env: environment(options.cwd, options.env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdin?.on('error', () => {});
    if (options.stdin !== undefined) this.child.stdin?.end(options.stdin);
    this.child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.ended = collect(this.child, options.timeout ?? 60_000, args.join(' '));
    this.ended.catch(() => {});
  }

  get stderr(): string {
    return this.#stderr;
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Waits for output that matches; fails when the process ends or `timeout` passes first. */
  async until(pattern: RegExp, timeout = 10_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const match = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr);
      if (match !== null) return match;
      if (this.child.exitCode !== null || this.child.signalCode !== null || performance.now() > deadline) {
        throw new Error(
          `no ${pattern} in the output of ${this.child.spawnargs.slice(2).join(' ')}:\n${this.#stdout}${this.#stderr}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ran> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** A folder that is gone after the test, and every server started in it. */
export class Workspace {
  readonly path: string = mkdtempSync(join(tmpdir(), 'q2q-test-'));
  readonly #servers: Server[] = [];

  run(args: readonly string[], options: Partial<RunOptions> = {}): Promise<Ran> {
    return q2q(args, { cwd: this.path, ...options });
  }

  serve(args: readonly string[], options: Partial<RunOptions> = {}): Server {
    const server = new Server(args, { cwd: this.path, ...options });
    this.#servers.push(server);
    return server;
  }

  async dispose(): Promise<void> {
    for (const server of this.#servers) server.child.kill('SIGKILL');
    await Promise.allSettled(this.#servers.map((server) => server.ended));
    rmSync(this.path, { recursive: true, force: true });
  }
}
