/** `q2q tls` against node:tls and curl: mutual authentication, megabytes both ways, half-close, HTTP. */

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, type Server, Workspace } from '../cli/support/q2q.ts';
import { have } from '../support/counterpart.ts';
import { type Kind, makePki, type Pair, type Pki } from './support/pki.ts';

const MEGABYTES = randomBytes(8 << 20);
const folder = mkdtempSync(join(tmpdir(), 'q2q-pki-'));
const workspace = new Workspace();
const pkis = new Map<Kind, Pki>();

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const pem = ({ cert, key }: Pair): { cert: Buffer; key: Buffer } => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
});

describe.skipIf(!have('openssl'))('against node:tls', () => {
  beforeAll(() => {
    for (const kind of ['ed25519', 'p256'] as const) pkis.set(kind, makePki(join(folder, kind), kind));
  });
  afterAll(async () => {
    await workspace.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(['ed25519', 'p256'] as const)(
    'our client with a %s certificate moves 8 MiB through a node server',
    async (kind) => {
      const { ca, server, client } = pkis.get(kind)!;
      const options = {
        ...pem(server),
        ca: readFileSync(ca),
        requestCert: true,
        minVersion: 'TLSv1.3' as const,
      };
      const seen: string[] = [];
      const node = createServer({ ...options, ALPNProtocols: ['q2q/1'] }, (socket) => {
        seen.push(socket.getPeerCertificate().subjectaltname ?? '', String(socket.alpnProtocol));
        socket.pipe(socket);
      });
      const port = await listening(node);
      const pair = ['--cert', client.cert, '--key', client.key, '--alpn', 'q2q/1'];
      const args = ['tls', 'connect', `localhost:${port}`, '--ca', ca, ...pair];
      const ran = await workspace.run(args, { stdin: MEGABYTES, timeout: 30_000 });
      node.close();
      expect(ran.code).toBe(0);
      expect(sha256(ran.stdout)).toBe(sha256(MEGABYTES));
      expect(seen).toEqual(['email:alice@a.test', 'q2q/1']);
    },
  );

  test('our client is told that a node server has dropped it, and takes no truncation for an end', async () => {
    const { ca, server } = pkis.get('p256')!;
    const node = createServer({ ...pem(server), allowHalfOpen: true }, (socket) => {
      socket.write('half a sen');
      // No close_notify. All that we sent is read before: what a reset overtakes would be lost.
      socket.on('end', () => socket.destroy()).resume();
    });
    const port = await listening(node);
    const ran = await workspace.run(['tls', 'connect', `localhost:${port}`, '--ca', ca, '-q']);
    node.close();
    expect(ran.stdout.toString()).toBe('half a sen');
    expect(ran.code).toBe(4);
    expect(ran.stderr).toMatch(/^q2q: error: .*/);
  });

  test.each(['ed25519', 'p256'] as const)(
    'our server with a %s certificate echoes 8 MiB to a node client',
    async (kind) => {
      const { ca, client } = pkis.get(kind)!;
      const { port, server } = await serve(kind, [
        '--echo',
        '--require-client',
        '--ca',
        ca,
        '--alpn',
        'q2q/1',
        '--json',
      ]);
      const socket = connect({
        ...pem(client),
        ca: readFileSync(ca),
        port,
        host: 'localhost',
        servername: 'a.test',
        ALPNProtocols: ['q2q/1'],
      });
      expect(sha256(await exchange(socket, MEGABYTES))).toBe(sha256(MEGABYTES));
      expect(socket.authorized).toBe(true);
      expect(server.stdout).toContain('alice@a.test');
      await server.stop();
    },
  );

  test('our server pipes one connection to stdout and from stdin, and then ends', async () => {
    const { ca } = pkis.get('p256')!;
    const { port, server } = await serve('p256', [], MEGABYTES);
    const socket = connect({ ca: readFileSync(ca), port, host: 'localhost', servername: 'a.test' });
    expect(sha256(await exchange(socket, MEGABYTES))).toBe(sha256(MEGABYTES));
    const ran = await server.ended;
    expect(ran.code).toBe(0);
    expect(sha256(ran.stdout)).toBe(sha256(MEGABYTES));
  });

  test('our server answers HTTP to node:https, and to curl with a client certificate', async () => {
    const { ca, client } = pkis.get('p256')!;
    const { port, server } = await serve('p256', ['--http', '--ca', ca, '--alpn', 'http/1.1']);
    const url = `https://localhost:${port}/`;
    const body = await new Promise<string>((resolve, reject) => {
      get(url, { ca: readFileSync(ca) }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(text));
      }).on('error', reject);
    });
    expect(body).toContain('peer       showed no certificate');
    if (have('curl')) {
      const args = [
        '--silent',
        '--show-error',
        '--tlsv1.3',
        '--cacert',
        ca,
        '--cert',
        client.cert,
        '--key',
        client.key,
      ];
      const curl = await collect(spawn('curl', [...args, url, url]), 10_000, 'curl');
      expect(curl.code).toBe(0);
      expect(curl.stdout.toString().match(/alice@a\.test/g)).toHaveLength(2);
    }
    expect((await server.stop()).code).toBe(0);
  });

  async function serve(
    kind: Kind,
    args: readonly string[],
    stdin?: Buffer,
  ): Promise<{ port: number; server: Server }> {
    const { cert, key } = pkis.get(kind)!.server;
    const all = ['tls', 'serve', '--port', '0', '--cert', cert, '--key', key, ...args];
    const server = workspace.serve(all, stdin === undefined ? {} : { stdin });
    const [, port] = await server.until(/(?:listening on 127\.0\.0\.1:|"port":)(\d+)/);
    return { port: Number(port), server };
  }
});

async function listening(server: TlsServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Sends everything, ends its own direction, and takes what comes until the other end ends too. */
function exchange(socket: TLSSocket, bytes: Uint8Array): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(bytes);
  return new Promise((resolve, reject) => {
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
  });
}
