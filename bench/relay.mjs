// One bulk channel through a relay in a process of its own; both ends in this one. The q2q ends do the whole of a Peer's
// work (TLS 1.3 end to end, mux, flow control); the bare ends only send. So the relay's CPU time compares relays, and
// MiB/s compares what a user gets.
import { fork } from 'node:child_process';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { dial, listen } from './adapter.mjs';
import { compare } from './lib.mjs';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const HOST = '127.0.0.1';
const BLOCK = Buffer.alloc(16_384, 0x5a);
const HIGH = 2 ** 20;

export async function benchRelay({ rounds, seconds }) {
  const paths = {
    'q2q relay, WebSocket': await q2qPath('ws'),
    'q2q relay, TCP': await q2qPath('tcp'),
    'bare ws relay, plaintext ends': await barePath('ws', webSocketEnd),
    'bare TCP relay, plaintext ends': await barePath('tcp', tcpEnd),
  };
  const bytes = Math.round(seconds * 64) * MIB;
  const cpu = {};
  const throughput = {};
  const cpuPerGib = {};
  for (const [name, path] of Object.entries(paths)) {
    await path.send(8 * MIB); // warm
    cpu[name] = [];
    throughput[name] = async () => {
      const before = await path.cpu();
      const started = performance.now();
      await path.send(bytes);
      const took = (performance.now() - started) / 1000;
      cpu[name].push(((await path.cpu()) - before) / (bytes / GIB));
      return bytes / MIB / took;
    };
    cpuPerGib[name] = async () => cpu[name].shift(); // of the same runs
  }
  const rows = [
    await compare('relay, one channel, writes of 16 KiB', 'MiB/s', throughput, { rounds }),
    await compare("relay, the relay process's CPU seconds per GiB forwarded", 's/GiB', cpuPerGib, {
      rounds,
      smaller: true,
    }),
  ];
  for (const path of Object.values(paths)) path.close();
  return rows;
}

async function q2qPath(link) {
  const child = await middle('q2q', link);
  const ctx = { link, key: 'p256' };
  const count = counter();
  const listening = await listen({ ...ctx, relay: child.address }, (channel) => channel.start(count.take));
  const dialling = await dial(ctx, listening.address);
  const channel = await dialling.open();
  channel.start(() => {});
  return {
    cpu: child.cpu,
    close: child.close,
    async send(bytes) {
      const arrived = count.expect(bytes);
      for (let left = bytes; left > 0; left -= BLOCK.length)
        if (!channel.write(BLOCK) && left > BLOCK.length) await channel.drained();
      await arrived;
    },
  };
}

async function barePath(link, connect) {
  const child = await middle('bare', link);
  const count = counter();
  await connect(child.address.port, count.take);
  const write = await connect(child.address.port, () => {});
  return {
    cpu: child.cpu,
    close: child.close,
    async send(bytes) {
      const arrived = count.expect(bytes);
      for (let left = bytes; left > 0; left -= BLOCK.length) {
        const room = write(BLOCK);
        if (room !== true) await room;
      }
      await arrived;
    },
  };
}

/** Resolves to a function that writes and returns true, or a promise of room. */
function webSocketEnd(port, onData) {
  const socket = new WebSocket(`ws://${HOST}:${port}/`, { perMessageDeflate: false });
  socket.on('message', onData).on('error', () => {});
  const write = (bytes) => {
    if (socket.bufferedAmount < HIGH) {
      socket.send(bytes);
      return true;
    }
    return new Promise((resolve) => socket.send(bytes, resolve));
  };
  return new Promise((resolve, reject) => socket.once('open', () => resolve(write)).once('error', reject));
}

function tcpEnd(port, onData) {
  const socket = net.connect({ port, host: HOST, noDelay: true });
  socket.on('data', onData).on('error', () => {});
  const write = (bytes) => socket.write(bytes) || new Promise((resolve) => socket.once('drain', resolve));
  return new Promise((resolve, reject) => socket.once('connect', () => resolve(write)).once('error', reject));
}

function counter() {
  let missing = 0;
  let done = () => {};
  return {
    expect: (bytes) =>
      new Promise((resolve) => {
        missing = bytes;
        done = resolve;
      }),
    take: (chunk) => {
      missing -= chunk.length;
      if (missing === 0) done();
    },
  };
}

async function middle(...args) {
  const file = fileURLToPath(new URL('./relayProcess.mjs', import.meta.url));
  const child = fork(file, args);
  const answer = () =>
    new Promise((resolve, reject) => {
      const gone = (code) => reject(new Error(`relay process ended with ${code}`));
      child.once('exit', gone).once('message', (message) => {
        child.off('exit', gone);
        resolve(message);
      });
    });
  const { address } = await answer();
  return {
    address,
    async cpu() {
      child.send('cpu');
      return (await answer()).cpu;
    },
    close: () => child.kill(),
  };
}
