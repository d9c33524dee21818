/**
 * Our program under BoringSSL's runner: started once per test, one TLS connection or several that resume, exit code 0, 1
 * or 89.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { toError } from '../../../src/base/errors.ts';
import { connect } from './contexts.ts';
import { Exchange, LINGER_MS } from './exchange.ts';
import type { Options, Plan } from './options.ts';
import { parseOptions } from './options.ts';
import { Sessions } from './sessions.ts';
import { UNIMPLEMENTED, Unimplemented } from './unimplemented.ts';
import { verifierFor } from './verifier.ts';
import { Watch } from './watch.ts';

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('-is-handshaker-supported')) {
    process.stdout.write('No\n');
    return;
  }
  const plan = parseOptions(args);
  const sessions = new Sessions(plan);
  for (let i = 0; i <= plan.initial.resumeCount; i++)
    await exchange(i === 0 ? plan.initial : plan.resume, plan, sessions);
}

async function exchange(options: Options, { retry }: Plan, sessions: Sessions): Promise<void> {
  const watch = new Watch();
  // BoringSSL verifies when it knows of the rejection; our verifier does not, and takes the word of the runner.
  const isRetried = !options.server && options.expect.earlyData === 'rejected';
  const verifier = verifierFor(isRetried ? retry : options, watch);
  const connection = connect({ options, watch, sessions, verifier });
  const socket = await dial(options);
  await new Exchange({ options, retry, watch, sessions, connection, socket }).done;
  sessions.clock.advance(options.resumptionDelay * 1000);
}

/** Runners before 2022-07 listen on ::1 where there is one and do not say so. */
async function dial({ port, ipv6, shimId }: Options): Promise<Socket> {
  const socket = await tcp('::1', port).catch((error) => {
    if (ipv6) throw error;
    return tcp('127.0.0.1', port);
  });
  if (shimId !== undefined) {
    const id = Buffer.alloc(8);
    id.writeBigUInt64LE(shimId);
    socket.write(id);
  }
  return socket;
}

function tcp(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, allowHalfOpen: true, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
  });
}

/** Code, alert and text, which the runner's ErrorMap looks into. */
function describe(error: unknown): string {
  const { code, alert, alertFrom, message } = toError(error) as Error & Record<string, unknown>;
  const told = alert === undefined ? '' : ` [${String(alert)} ${String(alertFrom)}]`;
  return `${typeof code === 'string' ? code : 'SHIM'}${told} ${message}`;
}

function quit(error: unknown): void {
  process.stderr.write(`${describe(error)}\n`);
  process.exit(error instanceof Unimplemented ? UNIMPLEMENTED : 1);
}

// A runner that does not close its last connection is not waited for.
main(process.argv.slice(2)).then(() => setTimeout(() => process.exit(), LINGER_MS).unref(), quit);
