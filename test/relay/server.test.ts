/** The relay as a server: real sockets, real files. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { concat, hex, utf8 } from '../../src/base/bytes.ts';
import { connectWs, enroll, Peer, parseCertificate, parsePemAs, provider, Trust } from '../../src/node.ts';
import { type RelayServer, type RelayServerOptions, startRelay } from '../../src/relay/index.node.ts';
import { ask, echo, introduce, readAll } from '../support/echo.ts';

let folder: string;
let relay: RelayServer;
const peers: Peer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2q-server-'));
});
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await relay.close();
  await rm(folder, { recursive: true });
});

async function start(options: Partial<RelayServerOptions> = {}): Promise<void> {
  relay = await startRelay({ dataDir: join(folder, 'data'), domain: 'example.org', provider, ...options });
}

async function enrolled(user: string, url = relay.urls[0]!): Promise<Peer> {
  const joined = await enroll(await relay.invite(user, { url }), { key: provider.generateKey('ed25519') });
  const trust = Trust.of([joined.anchors]);
  const peer = await Peer.create({ identity: joined.identity, trust, relays: [joined.relay] });
  peers.push(peer);
  return peer;
}

const http = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${relay.port}${path}`, init);

describe('a relay', () => {
  test('joins a peer on WebSocket with one on TCP', async () => {
    await start({ tcp: { port: 0 } });
    expect(relay.urls).toEqual([`ws://127.0.0.1:${relay.port}/`, `tcp://127.0.0.1:${relay.tcpPort}`]);
    const [alice, bob] = [await enrolled('alice'), await enrolled('bob', relay.urls[1]!)];
    await bob.listen('echo/1', { authorize: () => true }, echo);
    expect(await ask(await alice.dial('bob@example.org/echo/1'), 'both ways')).toBe('both ways');
  });

  test('refuses a WebSocket on another path, or of another protocol', async () => {
    await start();
    const elsewhere = connectWs(`ws://127.0.0.1:${relay.port}/other`);
    await expect(elsewhere).rejects.toMatchObject({ code: 'ERR_LINK_UPGRADE' });
  });

  test('records ciphertext only, and hands a megabyte through unchanged', async () => {
    const tape: Uint8Array[] = [];
    let closed = 0;
    const note = (chunk: Uint8Array) => void tape.push(chunk.slice());
    await start({ record: () => ({ toListener: note, toCaller: note, closed: () => void closed++ }) });
    const [alice, bob] = [await enrolled('alice'), await enrolled('bob')];
    await bob.listen('echo/1', { authorize: () => true }, echo);
    const text = 'the quick brown fox jumps over the lazy dog. '.repeat(24_000);
    expect(await ask(await alice.dial('bob@example.org/echo/1'), text)).toBe(text);
    const seen = concat(tape);
    expect(seen.length).toBeGreaterThan(2 * text.length);
    for (const secret of ['quick brown', 'alice', 'bob@', 'echo/1'])
      expect(Buffer.from(seen).includes(secret), secret).toBe(secret === 'echo/1'); // ALPN is in the ClientHello
    await Promise.all(peers.splice(0).map((peer) => peer.close()));
    await expect.poll(() => closed).toBe(1);
  });

  test('restarted on its data knows everybody, and old invites still work', async () => {
    await start();
    const alice = await enrolled('alice');
    const invite = await relay.invite('bob');
    const { port } = relay;
    await relay.close();
    await start({ port });
    expect(relay.port).toBe(port);
    const { identity } = await enroll(invite, { key: provider.generateKey('ed25519') });
    expect(identity.name).toBe('bob@example.org');
    await alice.listen('here/1', { authorize: () => true }, introduce);
    const bob = await Peer.create({ identity, trust: Trust.of([relay.anchors]), relays: relay.urls });
    peers.push(bob);
    expect(await readAll(await bob.dial('alice@example.org/here/1'))).toContain('hears bob');
  });

  test('that cannot have its port says so, and leaves the data folder free', async () => {
    const squatter: Server = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const address = squatter.address();
    const port = typeof address === 'object' ? address!.port : 0;
    await expect(start({ port })).rejects.toMatchObject({ code: 'ERR_LINK_ADDRESS_IN_USE' });
    squatter.close();
    await start({ port: 0 });
  });

  test('is one per data folder', async () => {
    await start();
    const second = startRelay({ dataDir: join(folder, 'data'), provider });
    await expect(second).rejects.toMatchObject({ code: 'ERR_RELAY_LOCKED' });
  });
});

describe('over HTTP', () => {
  test('it says that it lives and whose relay it is', async () => {
    await start();
    expect(await (await http('/healthz')).text()).toBe('ok\n');
    const known = await http('/.well-known/q2q');
    expect(known.headers.get('access-control-allow-origin')).toBe('*');
    const document = (await known.json()) as { domain: string; root: string; relays: string[] };
    expect(document).toMatchObject({ version: 1, domain: 'example.org', relays: relay.urls });
    const root = parseCertificate(parsePemAs('CERTIFICATE', document.root)[0]!);
    expect(hex(root.der)).toBe(hex(relay.anchors.roots[0]!.der));
    expect((await http('/')).status).toBe(404);
    expect((await http('/healthz', { method: 'POST' })).status).toBe(405);
  });

  test('it serves files of its folder only, under a strict policy', async () => {
    const web = join(folder, 'web');
    await mkdir(join(web, 'sub'), { recursive: true });
    await writeFile(join(web, 'index.html'), '<!doctype html>');
    await writeFile(join(web, 'sub', 'app.js'), 'export {};');
    await writeFile(join(folder, 'secret.html'), 'no');
    await writeFile(join(web, '.env'), 'no');
    await start({ web });
    const page = await http('/');
    expect(await page.text()).toBe('<!doctype html>');
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; .*connect-src 'self' ws: wss:/,
    );
    expect((await http('/sub/app.js')).headers.get('content-type')).toMatch(/^text\/javascript/);
    for (const path of ['/../secret.html', '/%2e%2e/secret.html', '/.env', '/sub', '/sub/', '/none.html'])
      expect((await http(path)).status, path).toBe(404);
    expect((await http('/healthz')).status).toBe(200);
  });
});

test('a relay that stops tells its peers, who come back when it does', async () => {
  await start();
  const bob = await enrolled('bob');
  const states: string[] = [];
  bob.on('relay', ({ state }) => states.push(state));
  await bob.listen('chat/1', { authorize: () => true }, introduce);
  const { port } = relay;
  await relay.close();
  await expect.poll(() => states).toEqual(['up', 'down']);
  await start({ port });
  await expect.poll(() => states, { timeout: 5_000 }).toEqual(['up', 'down', 'up']);
});

test('garbage on the socket costs its own link only', async () => {
  await start();
  const [alice, bob] = [await enrolled('alice'), await enrolled('bob')];
  await bob.listen('echo/1', { authorize: () => true }, echo);
  for (let i = 0; i < 5; i++) {
    const link = await connectWs(relay.urls[0]!);
    link.start({ data() {}, drain() {}, end() {}, closed() {} });
    link.send(provider.random(3_000));
    link.send(utf8('GET / HTTP/1.1\r\n\r\n'));
  }
  expect(await ask(await alice.dial('bob@example.org/echo/1'), 'undisturbed')).toBe('undisturbed');
});
