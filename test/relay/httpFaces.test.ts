/** The relay's HTTP side in hostile hands: raw sockets, so that nothing is tidied up before it leaves. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { type RelayServer, startRelay } from '../../src/relay/index.node.ts';

const SECRET = 'the root key of the domain';
const folder = mkdtempSync(join(tmpdir(), 'q2q-http-'));
let relay: RelayServer;

beforeAll(async () => {
  mkdirSync(join(folder, 'web', 'sub'), { recursive: true });
  writeFileSync(join(folder, 'web', 'index.html'), 'the page');
  writeFileSync(join(folder, 'web', 'sub', 'app.js'), 'the script');
  writeFileSync(join(folder, 'web', '.env'), SECRET);
  writeFileSync(join(folder, 'secret.html'), SECRET);
  symlinkSync(join(folder, 'secret.html'), join(folder, 'web', 'link.html'));
  const options = { dataDir: join(folder, 'data'), domain: 'example.org', web: join(folder, 'web') };
  relay = await startRelay({ ...options, provider });
});
afterAll(async () => {
  await relay?.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(): Socket {
  const socket = connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  return socket;
}

/** Sends the bytes and returns everything until the server ends the connection; we never end our own direction. */
function exchange(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = open();
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('end', () => {
      socket.destroy();
      resolve(answer);
    });
    socket.on('close', () => resolve(answer));
    socket.write(bytes);
  });
}

const request = (method: string, path: string, headers = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: example.org\r\n${headers}Connection: close\r\n\r\n`;

const upgrade = (path: string, protocol = 'q2q.v1'): string =>
  `GET ${path} HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;

const status = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
const connections = (): Promise<number> =>
  new Promise((resolve) => setTimeout(() => resolve(relay.relay.stats().links), 20));

describe('static files', () => {
  test('are served by their names', async () => {
    expect(await exchange(request('GET', '/'))).toContain('the page');
    expect(await exchange(request('GET', '/sub/app.js?v=1'))).toContain('the script');
    const head = await exchange(request('HEAD', '/'));
    expect(status(head)).toBe(200);
    expect(head).not.toContain('the page');
  });

  test.each([
    '/../secret.html',
    '/sub/../../secret.html',
    '/%2e%2e/secret.html',
    '/..%2fsecret.html',
    '/..\\secret.html',
    '/sub/%2e%2e/%2e%2e/secret.html',
    '//secret.html',
    '/link.html',
    '/.env',
    '/__proto__',
    '/constructor',
    '/index.html%00.js',
    '/../data/root.key',
    'file:///etc/passwd',
    `/${'a/'.repeat(30)}`,
  ])('%s is nothing', async (path) => {
    const answer = await exchange(request('GET', path));
    expect(status(answer)).toBe(404);
    expect(answer).not.toContain(SECRET);
    expect(answer).not.toContain('PRIVATE KEY');
  });
});

describe('requests', () => {
  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'])(
    '%s is no method here',
    async (method) => {
      const answer = await exchange(request(method, '/healthz', 'Content-Length: 0\r\n'));
      expect(status(answer)).toBe(405);
      expect(answer).toContain('Allow: GET, HEAD');
    },
  );

  test.each([
    ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n', ''],
    ['an unknown method', request('HACK', '/'), 'HTTP/1.1 400'],
    ['headers of 64 KiB', request('GET', '/', `X: ${'x'.repeat(65_536)}\r\n`), 'HTTP/1.1 431'],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'HTTP/1.1 400'],
    ['two lengths', request('GET', '/', 'Content-Length: 1\r\nContent-Length: 2\r\n'), 'HTTP/1.1 400'],
    [
      'a length and chunks',
      request('POST', '/', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'),
      'HTTP/1.1 400',
    ],
  ])('%s is refused and the connection ends', async (_what, bytes, wanted) => {
    const answer = await exchange(bytes);
    expect(answer.slice(0, 12)).toBe(wanted);
  });
});

describe('upgrades', () => {
  test.each([
    ['of another path', upgrade('/other'), 404],
    ['of a path that has a page', upgrade('/healthz'), 404],
    ['to another protocol', upgrade('/', 'chat'), 400],
    ['without a key', upgrade('/').replace(/Sec-WebSocket-Key:.*\r\n/, ''), 400],
    ['of another version', upgrade('/').replace('Version: 13', 'Version: 7'), 400],
    ['by POST', upgrade('/').replace('GET', 'POST'), 405],
    ['to something that is no WebSocket', upgrade('/').replace('websocket', 'h2c'), 400],
  ])('%s are refused and the connection ends', async (_what, bytes, wanted) => {
    expect(status(await exchange(bytes))).toBe(wanted);
    expect(await connections()).toBe(0);
  });

  test('a connection that is reset in the middle of a refused or unfinished upgrade harms nobody', async () => {
    for (const bytes of [
      upgrade('/other'),
      upgrade('/', 'chat'),
      upgrade('/'),
      upgrade('/q2q').slice(0, -2),
    ]) {
      const socket = open();
      await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.resetAndDestroy();
    }
    expect(await connections()).toBe(0);
    expect(await exchange(request('GET', '/healthz'))).toContain('ok');
  });
});
