import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { type Link, memoryPair, webSocketLink } from '../../src/transport/index.ts';
import {
  connectTcp,
  connectWs,
  type Listener,
  listenTcp,
  listenWebSocket,
  stdioLink,
} from '../../src/transport/node.node.ts';
import { type LinkPair, linkSuite } from './linkSuite.ts';

/** Kernel buffers on loopback grow to about 6 MB in each direction. */
const SOCKET_BUFFERS = 16 * 1024 * 1024;

async function acceptOne(
  listen: (onLink: (link: Link) => void) => Promise<Listener>,
  dial: (listener: Listener) => Promise<Link>,
): Promise<LinkPair> {
  let accepted!: (link: Link) => void;
  const server = new Promise<Link>((resolve) => (accepted = resolve));
  const listener = await listen((link) => accepted(link));
  const [a, b] = await Promise.all([dial(listener), server]);
  return { a, b, dispose: () => listener.close() };
}

linkSuite(
  'memory',
  () => {
    const [a, b] = memoryPair();
    return Promise.resolve({ a, b });
  },
  { inFlight: 128 * 1024, resetShows: true, pauses: true },
);

linkSuite(
  'tcp',
  () =>
    acceptOne(
      (onLink) => listenTcp({ host: '127.0.0.1', port: 0 }, onLink),
      ({ port }) => connectTcp({ host: '127.0.0.1', port }),
    ),
  { inFlight: SOCKET_BUFFERS, resetShows: true, pauses: true },
);

linkSuite(
  'unix socket',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'q2q-link-'));
    const path = join(folder, 's');
    const pair = await acceptOne(
      (onLink) => listenTcp({ path }, onLink),
      () => connectTcp({ path }),
    );
    return {
      ...pair,
      dispose: async () => {
        await pair.dispose?.();
        await rm(folder, { recursive: true });
      },
    };
  },
  { inFlight: SOCKET_BUFFERS, resetShows: false, pauses: true },
);

const listenWs = (onLink: (link: Link) => void): Promise<Listener> =>
  listenWebSocket({ host: '127.0.0.1', port: 0 }, onLink);

linkSuite('ws', () => acceptOne(listenWs, ({ address }) => connectWs(address)), {
  inFlight: SOCKET_BUFFERS,
  resetShows: true,
  pauses: true,
});

linkSuite(
  'ws, the server sending',
  async () => {
    const { a, b, dispose } = await acceptOne(listenWs, ({ address }) => connectWs(address));
    return { a: b, b: a, dispose: dispose! };
  },
  { inFlight: SOCKET_BUFFERS, resetShows: true, pauses: true },
);

linkSuite(
  'a WHATWG WebSocket',
  () =>
    acceptOne(listenWs, async ({ address }) => {
      const socket = new WebSocket(address, 'q2q.v1');
      await new Promise((resolve) => socket.addEventListener('open', resolve));
      return webSocketLink(socket as never);
    }),
  { inFlight: SOCKET_BUFFERS, resetShows: true, pauses: true },
);

linkSuite(
  'pipes',
  () => {
    // Two children that copy: what goes into one's input comes out of its output at the other end.
    const there = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
    const back = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
    return Promise.resolve({
      a: stdioLink(back.stdout, there.stdin),
      b: stdioLink(there.stdout, back.stdin),
      dispose: () => {
        there.kill();
        back.kill();
      },
    });
  },
  { inFlight: 4 * 1024 * 1024, resetShows: false, pauses: true },
);
