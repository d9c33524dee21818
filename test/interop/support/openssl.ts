/** OpenSSL's own test server and client, driven as processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { collect, type Ran } from '../../cli/support/q2q.ts';

export interface OpensslServer {
  readonly port: number;
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

/** `openssl s_server` on a free loopback port. With `-rev` it sends back each line reversed. */
export async function sServer(args: readonly string[]): Promise<OpensslServer> {
  const child = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-tls1_3', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const port = await portOf(child, () => output);
  return { port, output: () => output, stop: () => stopped(child) };
}

async function portOf(child: ChildProcess, output: () => string): Promise<number> {
  for (let tries = 0; tries < 250; tries++) {
    const match = /ACCEPT \S*:(\d+)/.exec(output());
    if (match !== null) return Number(match[1]);
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`openssl s_server did not start: ${output()}`);
}

async function stopped(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
}

/**
 * `openssl s_client`: sends `input`, keeps its side open until what it has got matches `until` (or it ends), then closes.
 * stdout and stderr come together in `stderr`.
 */
export async function sClient(
  port: number,
  args: readonly string[],
  input: string,
  until: RegExp,
): Promise<Ran> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-nocommands', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  const seen = (chunk: Buffer): void => {
    output += chunk.toString();
    if (until.test(output)) child.stdin.end();
  };
  child.stdout.on('data', seen);
  child.stderr.on('data', seen);
  child.stdin.on('error', () => {});
  child.stdin.write(input);
  const ran = await collect(child, 15_000, `s_client ${args.join(' ')}`);
  return { ...ran, stderr: output };
}
