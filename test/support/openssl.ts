/** `openssl s_server` and `s_client` as real processes, and the TCP around our engine that reaches them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from '../../src/identity/index.ts';
import { formatPem } from '../../src/identity/index.ts';
import type { Credential, TlsConnection } from '../../src/tls/index.ts';
import { have, missing } from './counterpart.ts';
import { Driver, pemOf } from './nodeTls.ts';
import { Program } from './program.ts';

/** True when OpenSSL 3 is there; in CI its absence is a failure. */
export function haveOpenssl(): boolean {
  if (!have('openssl')) return false;
  const version = execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim();
  if (version.startsWith('OpenSSL 3.')) return true;
  return missing(`wanted OpenSSL 3, got ${version}`);
}

/** A folder of PEM files that goes away with the tests. */
export class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'q2q-openssl-'));

  certificate(name: string, certificate: Certificate): string {
    return this.#write(`${name}.crt`, formatPem('CERTIFICATE', certificate.der));
  }

  /** `-cert F -key F` */
  credential(name: string, credential: Credential): string[] {
    const { cert, key } = pemOf(credential);
    return ['-cert', this.#write(`${name}.crt`, cert), '-key', this.#write(`${name}.key`, key)];
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }

  #write(name: string, text: string): string {
    const file = join(this.path, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }
}

/** A process of openssl with everything it says. */
export class Openssl extends Program {
  constructor(args: readonly string[]) {
    super('openssl', args);
  }
}

/** A server on a port of its own, ready to be dialled. */
export async function startServer(args: readonly string[]): Promise<{ openssl: Openssl; port: number }> {
  const openssl = new Openssl(['s_server', '-accept', '127.0.0.1:0', '-tls1_3', ...args]);
  const [, port] = await openssl.until(/ACCEPT 127\.0\.0\.1:(\d+)/);
  return { openssl, port: Number(port) };
}

/** Our engine on a TCP connection to `port`. */
export async function dial(port: number, connection: TlsConnection): Promise<Driver> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve());
    socket.once('error', reject);
  });
  return new Driver(connection, socket);
}

/** s_client dials our engine; `accept` makes the connection. */
export async function startClient(
  args: readonly string[],
  connection: TlsConnection,
): Promise<{ openssl: Openssl; us: Driver }> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const openssl = new Openssl(['s_client', '-connect', `127.0.0.1:${port}`, ...args]);
  const socket = await accepted;
  server.close();
  return { openssl, us: new Driver(connection, socket) };
}
