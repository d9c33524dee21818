/** Our program under BoringSSL's runner: started once per test, one TLS connection, exit code 0, 1 or 89. */
import { connect as connectTcp, type Socket } from 'node:net';
import type { TlsConnection } from '../../../src/tls/index.ts';
import type { Watch } from './contexts.ts';
import { connect } from './contexts.ts';
import { describe, Exchange } from './exchange.ts';
import type { Options } from './options.ts';
import { parseOptions, UNIMPLEMENTED, Unimplemented } from './options.ts';

function main(args: readonly string[]): void {
  if (args.includes('-is-handshaker-supported')) {
    process.stdout.write('No\n');
    return;
  }
  const watch: Watch = { keyLog: [] };
  const options = parseOptions(args);
  const connection = connect(options, watch);
  // Runners before 2022-07 listen on ::1 where there is one and do not say so.
  dial(options, connection, watch, options.ipv6 ? ['::1'] : ['::1', '127.0.0.1']);
}

function dial(options: Options, connection: TlsConnection, watch: Watch, [host, ...others]: string[]): void {
  const socket: Socket = connectTcp({ host: host!, port: options.port, allowHalfOpen: true, noDelay: true });
  socket.once('error', (error) => {
    if (others.length > 0) dial(options, connection, watch, others);
    else quit(error);
  });
  socket.once('connect', () => {
    socket.removeAllListeners('error');
    if (options.shimId !== undefined) {
      const id = Buffer.alloc(8);
      id.writeBigUInt64LE(options.shimId);
      socket.write(id);
    }
    new Exchange(options, watch, connection, socket);
  });
}

function quit(error: unknown): void {
  process.stderr.write(`${describe(error)}\n`);
  process.exit(error instanceof Unimplemented ? UNIMPLEMENTED : 1);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  quit(error);
}
