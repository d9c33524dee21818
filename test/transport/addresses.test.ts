import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Link, LinkError } from '../../src/transport/index.ts';
import {
  connectAny,
  connectLink,
  connectUnix,
  type Listener,
  listenAny,
  listenTcp,
  listenUnix,
  listenWebSocket,
  parseSocketAddress,
} from '../../src/transport/node.node.ts';
import { pause, Recorder } from './recorder.ts';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    expect(error.message).toMatch(/^[^A-Z]/);
    return error.code;
  }
  throw new Error('did not fail');
}

async function silentServer(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  opened.push(server, { close });
  return (server.address() as { port: number }).port;
}

async function listen(onLink: (link: Link) => void = () => {}): Promise<Listener> {
  const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, onLink);
  opened.push(listener);
  return listener;
}

describe('addresses', () => {
  test('are read strictly', () => {
    expect(parseSocketAddress('tcp://example.org:443')).toEqual({ host: 'example.org', port: 443 });
    expect(parseSocketAddress('tcp://[::1]:7')).toEqual({ host: '::1', port: 7 });
    expect(parseSocketAddress('unix:/run/q2q.sock')).toEqual({ path: '/run/q2q.sock' });
    expect(parseSocketAddress('wss://example.org/')).toBe(undefined);
    for (const wrong of [
      'tcp://example.org',
      'tcp://a:99999',
      'tcp://a b:1',
      'http://a/',
      'unix:',
      '',
      'a:1',
    ])
      expect(() => parseSocketAddress(wrong), wrong).toThrow(LinkError);
  });

  test('every kind of address connects', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'q2q-address-'));
    const listeners = [
      await listen(),
      await listenTcp({ path: join(folder, 's') }, () => {}),
      await listenWebSocket({ host: '127.0.0.1', port: 0 }, () => {}),
    ];
    for (const { address } of listeners) (await connectAny(address)).reset();
    for (const listener of listeners) await listener.close();
    await rm(folder, { recursive: true });
  });

  test('the portable dialler names what it lacks', async () => {
    await expect(connectLink('tcp://127.0.0.1:1')).rejects.toMatchObject({
      code: 'ERR_LINK_ADDRESS',
      hint: expect.stringContaining('q2q/node'),
    });
  });
});

describe('what can go wrong while connecting', () => {
  test('nobody listens', async () => {
    const { port, close } = await listenTcp({ host: '127.0.0.1', port: 0 }, () => {});
    await close();
    expect(await codeOf(connectAny(`tcp://127.0.0.1:${port}`))).toBe('ERR_LINK_REFUSED');
    expect(await codeOf(connectAny(`tcp://localhost:${port}`))).toBe('ERR_LINK_REFUSED');
    expect(await codeOf(connectAny(`ws://127.0.0.1:${port}/`))).toBe('ERR_LINK_REFUSED');
    expect(await codeOf(connectAny('unix:/nonexistent/socket'))).toBe('ERR_LINK_REFUSED');
  });

  test('the host name does not exist', async () => {
    expect(await codeOf(connectAny('tcp://nothing.invalid:1'))).toBe('ERR_LINK_NAME');
    expect(await codeOf(connectAny('ws://nothing.invalid:1/'))).toBe('ERR_LINK_NAME');
  });

  test('the address is no address', async () => {
    expect(await codeOf(connectAny('gopher://example.org'))).toBe('ERR_LINK_ADDRESS');
    expect(await codeOf(connectAny('ws://'))).toBe('ERR_LINK_ADDRESS');
  });

  test('the port is in use', async () => {
    const { port } = await listen();
    expect(await codeOf(listenTcp({ host: '127.0.0.1', port }, () => {}))).toBe('ERR_LINK_ADDRESS_IN_USE');
    const ws = listenWebSocket({ host: '127.0.0.1', port }, () => {});
    expect(await codeOf(ws)).toBe('ERR_LINK_ADDRESS_IN_USE');
  });

  test('a unix socket left by a killed process is replaced, a live one is not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'q2q-stale-'));
    const path = join(folder, 's');
    const { execFileSync } = await import('node:child_process');
    const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;
    expect(() => execFileSync(process.execPath, ['-e', code])).toThrow();
    const listener = await listenTcp({ path }, () => {});
    expect(await codeOf(listenTcp({ path }, () => {}))).toBe('ERR_LINK_ADDRESS_IN_USE');
    await listener.close();
    await rm(folder, { recursive: true });
  });

  test('a server that never answers the upgrade runs into the deadline', async () => {
    const port = await silentServer(() => {});
    expect(await codeOf(connectAny(`ws://127.0.0.1:${port}/`, { timeout: 50 }))).toBe('ERR_LINK_TIMEOUT');
  });

  test('abort ends a dial with the reason given', async () => {
    const port = await silentServer(() => {});
    const controller = new AbortController();
    const dial = connectAny(`ws://127.0.0.1:${port}/`, { signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    await expect(dial).rejects.toThrow('changed my mind');
    await expect(connectAny(`tcp://127.0.0.1:${port}`, { signal: controller.signal })).rejects.toThrow(
      'changed',
    );
  });

  test('a web server that is none of ours refuses the upgrade', async () => {
    const server = createHttpServer((_request, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push(server);
    const { port } = server.address() as { port: number };
    expect(await codeOf(connectAny(`ws://127.0.0.1:${port}/`))).toBe('ERR_LINK_UPGRADE');
  });

  test('a wrong path and a client without our subprotocol are refused, plain requests are told to upgrade', async () => {
    const listener = await listenWebSocket({ host: '127.0.0.1', port: 0 }, () => {}, { path: '/q2q' });
    opened.push(listener);
    const base = `127.0.0.1:${listener.port}`;
    expect(await codeOf(connectAny(`ws://${base}/other`))).toBe('ERR_LINK_UPGRADE');
    (await connectAny(`ws://${base}/q2q?x=1`)).reset();
    const { WebSocket } = await import('ws');
    const stranger = new WebSocket(`ws://${base}/q2q`, 'chat');
    const message = await new Promise((resolve) => stranger.on('error', (error) => resolve(error.message)));
    expect(message).toContain('400');
    expect((await fetch(`http://${base}/q2q`)).status).toBe(426);
  });

  test('a server beside us keeps its own paths', async () => {
    const server = createHttpServer((_request, response) => response.end('page'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push(server);
    const { port, address, close } = await listenWebSocket({ server }, () => {}, { path: '/q2q' });
    expect(address).toBe(`ws://127.0.0.1:${port}/q2q`);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('page');
    (await connectAny(address)).reset();
    await close();
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('page');
    server.closeAllConnections();
  });
});

describe('a listener that closes', () => {
  test('leaves its links alive', async () => {
    let server: Recorder | undefined;
    let taken = 0;
    const listener = await listen((link) => {
      taken++;
      server = Recorder.start(link);
    });
    const client = Recorder.start(await connectAny(listener.address));
    await pause(10);
    await listener.close();
    client.link.send(new Uint8Array(10));
    await server!.until('data', () => server!.received === 10);
    // Refused, unless another test has been given the same port meanwhile; not taken by us in any case.
    await connectAny(listener.address).then(
      (stranger) => stranger.reset(),
      (error: LinkError) => expect(error.code).toBe('ERR_LINK_REFUSED'),
    );
    expect(taken).toBe(1);
    client.link.reset();
    await server!.until('closed', () => server!.isClosed);
    expect(server!.closes[0]?.code).toBe('ERR_LINK_RESET');
  });
});

describe('one listener for every address', () => {
  test('what it says of itself is what connectAny dials, and each link says what it is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'q2q-any-'));
    opened.push({ close: () => rm(folder, { recursive: true }) });
    const rows = [
      ['tcp://127.0.0.1:0', 'tcp'],
      ['tcp://[::1]:0', 'tcp'],
      [`unix:${folder}/s`, 'unix'],
      ['ws://127.0.0.1:0/deep/path', 'websocket'],
    ] as const;
    for (const [address, kind] of rows) {
      const accepted: Link[] = [];
      const listener = await listenAny(address, (link) => accepted.push(link));
      opened.push(listener);
      const link = await connectAny(listener.address);
      while (accepted.length === 0) await pause(1);
      expect([link.info.kind, accepted[0]!.info.kind]).toEqual([kind, kind]);
      for (const each of [link, accepted[0]!]) each.reset();
    }
  });

  test('a unix socket: the end that dialled knows the path as remote, the other as local', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'q2q-any-'));
    opened.push({ close: () => rm(folder, { recursive: true }) });
    const path = join(folder, 's');
    const accepted: Link[] = [];
    opened.push(await listenUnix(path, (link) => accepted.push(link)));
    const link = await connectUnix(path, { timeout: 1000 });
    while (accepted.length === 0) await pause(1);
    expect(link.info).toMatchObject({ kind: 'unix', remote: path });
    expect(accepted[0]!.info).toMatchObject({ kind: 'unix', local: path });
    expect(accepted[0]!.info.remote).toBeUndefined();
    for (const each of [link, accepted[0]!]) each.reset();
    expect(await codeOf(connectUnix(join(folder, 'nothing')))).toBe('ERR_LINK_REFUSED');
  });

  test.each(['tcp://nowhere', 'wss://127.0.0.1:0', 'ws://[', 'carrier pigeon', ''])(
    "'%s' is none",
    async (address) => {
      expect(await codeOf(listenAny(address, () => {}))).toBe('ERR_LINK_ADDRESS');
    },
  );
});
