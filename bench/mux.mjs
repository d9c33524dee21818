// The mux alone (no TLS) over loopback TCP, against node:http2 in clear over loopback TCP: C++ in the same runtime.
import http2 from 'node:http2';
import { connectTcp, listenTcp, nodeProvider, Session } from 'q2q/node';
import { compare } from './lib.mjs';

const MIB = 2 ** 20;
const HOST = '127.0.0.1';
const BLOCK = new Uint8Array(16_384).fill(0x5a);
const CONCURRENT = 32;

export async function benchMux({ rounds, seconds }) {
  const ours = await q2qMux();
  const native = await http2Mux({});
  const tuned = await http2Mux({ initialWindowSize: 16 * MIB });
  const bytes = Math.round(seconds * 128) * MIB;
  const rows = [
    await compare(
      'mux bulk, one channel over loopback TCP, writes of 16 KiB, both ends in one process',
      'MiB/s',
      {
        'q2q mux': () => rate(bytes, () => ours.bulk(bytes)),
        'node:http2, default windows': () => rate(bytes, () => native.bulk(bytes)),
        'node:http2, 16 MiB windows': () => rate(bytes, () => tuned.bulk(bytes)),
      },
      { rounds },
    ),
    await compare(
      `mux opens: open, one byte, one byte back, close; ${CONCURRENT} at a time`,
      'per second',
      {
        'q2q mux': () => opens(seconds, ours.open),
        'node:http2, default windows': () => opens(seconds, native.open),
      },
      { rounds },
    ),
  ];
  for (const end of [ours, native, tuned]) await end.close();
  return rows;
}

async function rate(bytes, run) {
  const started = performance.now();
  await run();
  return bytes / MIB / ((performance.now() - started) / 1000);
}

async function opens(seconds, open) {
  const until = performance.now() + seconds * 1000;
  const started = performance.now();
  let count = 0;
  const worker = async () => {
    while (performance.now() < until) {
      await open();
      count++;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
  return count / ((performance.now() - started) / 1000);
}

const ignore = () => {};

async function q2qMux() {
  const { random } = nodeProvider();
  let onDone = ignore;
  const sessions = [];
  const server = await listenTcp({ host: HOST, port: 0 }, (link) => {
    const session = new Session(link, { random });
    sessions.push(session);
    session.onIncoming(({ name, accept }) => {
      const channel = accept();
      const handler = name === 'sink' ? sink(channel, () => onDone()) : echo(channel);
      channel.start({ drain: ignore, closed: ignore, ...handler });
    });
  });
  const client = new Session(await connectTcp({ host: HOST, port: server.port }), { random });
  sessions.push(client);
  return {
    bulk: (bytes) =>
      new Promise((resolve) => {
        onDone = resolve;
        const channel = client.open('sink');
        let left = bytes;
        const push = () => {
          while (left > 0) {
            left -= BLOCK.length;
            if (!channel.send(BLOCK)) return;
          }
          channel.closeWrite();
        };
        channel.start({ data: ignore, drain: push, end: ignore, closed: ignore });
        push();
      }),
    open: () =>
      new Promise((resolve) => {
        const channel = client.open('echo');
        channel.start({ data: () => channel.closeWrite(), drain: ignore, end: ignore, closed: resolve });
        channel.send(Uint8Array.of(1));
      }),
    async close() {
      for (const session of sessions) await session.close();
      await server.close();
    },
  };
}

function sink(channel, done) {
  const end = () => {
    channel.closeWrite(); // a session ends when its channels have
    done();
  };
  return { data: ignore, end };
}

function echo(channel) {
  return { data: (chunk) => channel.send(chunk), end: () => channel.closeWrite() };
}

async function http2Mux(settings) {
  let onDone = ignore;
  const server = http2.createServer({ settings });
  server.on('session', (session) => settings.initialWindowSize && session.setLocalWindowSize(64 * MIB));
  server.on('stream', (stream, headers) => {
    stream.on('error', ignore);
    if (headers[':path'] === '/sink') {
      stream.on('data', ignore).on('end', () => {
        stream.respond({ ':status': 200 });
        stream.end();
        onDone();
      });
    } else {
      stream.respond({ ':status': 200 });
      stream.on('data', (chunk) => stream.write(chunk)).on('end', () => stream.end());
    }
  });
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const client = http2.connect(`http://${HOST}:${server.address().port}`, { settings });
  await new Promise((resolve) => client.once('connect', resolve));
  if (settings.initialWindowSize) client.setLocalWindowSize(64 * MIB);
  return {
    bulk: (bytes) =>
      new Promise((resolve) => {
        onDone = resolve;
        const stream = client.request({ ':method': 'POST', ':path': '/sink' });
        stream.on('error', ignore).resume();
        let left = bytes;
        const push = () => {
          while (left > 0) {
            left -= BLOCK.length;
            if (!stream.write(BLOCK)) return void stream.once('drain', push);
          }
          stream.end();
        };
        push();
      }),
    open: () =>
      new Promise((resolve) => {
        const stream = client.request({ ':method': 'POST', ':path': '/echo' });
        stream.on('error', ignore).on('close', resolve);
        stream.on('data', () => stream.end());
        stream.write(Uint8Array.of(1));
      }),
    close: () =>
      new Promise((resolve) => {
        client.close(() => server.close(resolve));
      }),
  };
}
