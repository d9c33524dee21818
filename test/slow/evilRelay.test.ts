/** Servers that are no relay, or one that lies about being one: the command line says so, by its exit code, in bounded time. */
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exitCodes.ts';
import { Overlay } from '../cli/support/overlay.ts';

let overlay: Overlay;
const servers: Server[] = [];

beforeAll(async () => {
  overlay = await Overlay.start();
}, 30_000);
afterAll(async () => {
  for (const server of servers) server.close();
  await overlay?.dispose();
});

function gush(socket: Socket, what: Buffer | string): void {
  const pump = (): void => {
    while (socket.writable && socket.write(what));
  };
  socket.on('drain', pump);
  pump();
}

const UPGRADED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
const SERVERS: Record<string, (socket: Socket) => unknown> = {
  'says nothing': () => {},
  'closes at once': (socket) => socket.destroy(),
  'sends garbage': (socket) => socket.write(randomBytes(5_000)),
  'sends without end': (socket) => gush(socket, Buffer.alloc(65_536, 0x41)),
  'sends headers without end': (socket) => {
    socket.write(UPGRADED);
    gush(socket, `X: ${'a'.repeat(1_000)}\r\n`);
  },
  'is a web server': (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  'upgrades without a proof': (socket) => socket.write(`${UPGRADED}\r\n`),
  'sends back what it gets': (socket) => socket.pipe(socket),
  'speaks TLS': (socket) => socket.write(Buffer.from('16030100', 'hex')),
};

const cases = Object.keys(SERVERS).flatMap((what) => [
  [what, 'ws'],
  [what, 'tcp'],
]) as [string, string][];

test.each(cases)(
  'a server that %s, over %s, is reported within the time limit',
  async (what, scheme) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      SERVERS[what]!(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const args = ['dial', 'bob@example.org/echo/1', '--relay', url, '--timeout', '1s'];
    const begun = performance.now();
    const ran = await overlay.workspace.run(args, { ...overlay.as('alice'), timeout: 20_000 });
    expect(performance.now() - begun).toBeLessThan(10_000); // on a busy machine: usually below 4 s
    expect(ran.stderr).toMatch(/^q2q: error: [^\n]+\nq2q: hint: [^\n]+\n$/);
    expect(ran.stdout.toString()).toBe('');
    expect(ran.code).toBe(what === 'says nothing' ? EXIT.timeout : EXIT.unreachable);
  },
  30_000,
);
