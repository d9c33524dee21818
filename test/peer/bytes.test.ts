/** One report of what bytes cost: a channel's, its session's, and the wire's, against counts taken elsewhere. */
import { connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { RESUME_SECRET_LENGTH } from '../../src/mux/index.ts';
import { channelBytes } from '../../src/peer/bytes.ts';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import { ResumeAcceptor } from '../../src/peer/resumeAcceptor.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { Session } from '../../src/peer/session.ts';
import type { Link } from '../../src/transport/index.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { meterLink } from '../../src/transport/meterLink.ts';
import { connectWs, listenWebSocket } from '../../src/transport/node.node.ts';
import { pause, Recorder } from '../transport/recorder.ts';
import { asClient, asServer } from './securePair.ts';

const random = (n: number): Uint8Array => provider.random(n);

interface Ends {
  readonly sessions: readonly [Session, Session];
  readonly channels: readonly [ChannelLink, ChannelLink];
  readonly secured: readonly [SecureLink, SecureLink];
}

/** A session each, and one TLS channel between them over which 100,000 bytes went one way and 5 the other. */
async function talk([a, b]: readonly [Link, Link]): Promise<Ends> {
  const sessions = [new Session(a, { random }), new Session(b, { random })] as const;
  let accepted: ChannelLink | undefined;
  const server = new Promise<SecureLink>((resolve) => {
    sessions[1].onIncoming((incoming) => {
      accepted = incoming.accept();
      resolve(asServer(accepted));
    });
  });
  const channel = sessions[0].open('talk');
  const secured = await Promise.all([asClient(channel), server]);
  const [near, far] = [Recorder.start(secured[0]), Recorder.start(secured[1])];
  near.link.send(new Uint8Array(100_000));
  far.link.send(new Uint8Array(5));
  await far.until('all', () => far.received === 100_000);
  await near.until('answer', () => near.received === 5);
  await pause(60); // the last ACK
  return { sessions, channels: [channel, accepted!], secured };
}

test('a session’s parts add up to what its link carried, and a channel’s to what the session carried for it', async () => {
  const [a, b] = memoryPair();
  const [near, far] = [meterLink(a), meterLink(b)];
  const { sessions, channels, secured } = await talk([near, far]);
  for (const [i, meter] of [near, far].entries()) {
    const { sent, received } = sessions[i]!.bytes();
    expect([sent.total, received.total]).toEqual([meter.traffic.sent, meter.traffic.received]);
    expect(sent.payload + sent.channels + sent.link).toBe(sent.total);
    expect(sent.wire).toBeUndefined(); // memory adds nothing
    const channel = channelBytes(secured[i]!.stats, channels[i]!.traffic);
    // The only channel: it has all the payload, and all that channels cost.
    for (const [cost, all] of [
      [channel.sent, sent],
      [channel.received, received],
    ] as const) {
      expect(cost.application + cost.tls).toBe(all.payload);
      expect(cost.mux).toBe(all.channels);
      expect(cost.total).toBe(all.total - all.link);
    }
  }
  expect(channelBytes(secured[0].stats, channels[0].traffic).sent.application).toBe(100_000);
  expect(sessions[0].bytes().sent).toEqual({ ...sessions[1].bytes().received });
});

test('the cost is still there when the channel has gone', async () => {
  const { channels, secured, sessions } = await talk(memoryPair());
  const before = channelBytes(secured[0].stats, channels[0].traffic);
  secured[0].close();
  secured[1].close();
  await pause(20);
  expect(sessions[0].stats().channels).toBe(0);
  const after = channelBytes(secured[0].stats, channels[0].traffic);
  expect(after.sent.application).toBe(before.sent.application);
  expect(after.sent.total).toBeGreaterThan(before.sent.total); // close_notify, FIN
});

/** Passes bytes between a port and another, and counts them behind the HTTP upgrade. */
async function tap(
  port: number,
): Promise<{ port: number; counts: { up: number; down: number }; cut(): void; close(): void }> {
  const counts = { up: 0, down: 0 };
  const sockets = new Set<Socket>();
  const copy = (from: Socket, to: Socket, count: (n: number) => void): void => {
    let head = '';
    from.on('data', (chunk: Buffer) => {
      if (!head.includes('\r\n\r\n')) {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end >= 0) count(head.length - end - 4);
      } else count(chunk.length);
      to.write(chunk);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  };
  const server = createServer((down) => {
    const up = connect(port, '127.0.0.1');
    copy(down, up, (n) => (counts.up += n));
    copy(up, down, (n) => (counts.down += n));
    sockets.add(down);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as { port: number }).port, counts, cut, close: () => void server.close() };
}

test('over a WebSocket the wire’s bytes are those that a tap on its TCP connection counts', async () => {
  let taken!: (link: Link) => void;
  const server = new Promise<Link>((resolve) => (taken = resolve));
  const listener = await listenWebSocket({ host: '127.0.0.1', port: 0 }, (link) => taken(link));
  const tapped = await tap(listener.port);
  const dialled = await connectWs(`ws://127.0.0.1:${tapped.port}`);
  const { sessions } = await talk([dialled, await server]);
  const { sent, received } = sessions[0].bytes();
  expect({ up: sent.wire, down: received.wire }).toEqual(tapped.counts);
  expect(sent.wire).toBeGreaterThan(sent.total);
  const there = sessions[1].bytes();
  expect([there.received.wire, there.sent.wire]).toEqual([sent.wire, received.wire]);
  for (const session of sessions) session.destroy();
  tapped.close();
  await listener.close();
});

test('a session that moved has the wire’s bytes of all its links', async () => {
  const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
    provider.hmac('sha256', key, ...parts);
  const acceptor = new ResumeAcceptor({ sessions: 1, bytes: 1e9 });
  const answering: Session[] = [];
  const listener = await listenWebSocket({ host: '127.0.0.1', port: 0 }, (link) => {
    answering.push(new Session(link, { random, resume: { hmac, acceptor } }));
  });
  const tapped = await tap(listener.port);
  const connectNow = (): Promise<Link> => connectWs(`ws://127.0.0.1:${tapped.port}`);
  const near = new Session(await connectNow(), {
    random,
    resume: { hmac, connect: async () => ({ link: await connectNow() }) },
  });
  await near.ping();
  const far = answering[0]!;
  const secret = random(RESUME_SECRET_LENGTH);
  for (const session of [near, far]) session.arm(secret);
  let received = 0;
  far.onIncoming((incoming) => {
    incoming
      .accept()
      .start({ data: ({ length }) => (received += length), drain() {}, end() {}, closed() {} });
  });
  const channel = near.open('files');
  channel.start({ data() {}, drain() {}, end() {}, closed() {} });
  for (let links = 1; links <= 3; links++) {
    channel.send(new Uint8Array(10_000));
    while (received < 10_000 * links) await pause(5);
    for (let before = -1; before !== tapped.counts.up + tapped.counts.down; await pause(150))
      before = tapped.counts.up + tapped.counts.down; // the last ACK has passed
    expect(near.stats().links).toBe(links);
    const { sent, received: back } = near.bytes();
    expect({ up: sent.wire, down: back.wire }).toEqual(tapped.counts);
    expect({ up: far.bytes().received.wire, down: far.bytes().sent.wire }).toEqual(tapped.counts);
    tapped.cut();
    await pause(5);
  }
  for (const session of [near, ...answering]) session.destroy();
  tapped.close();
  await listener.close();
});
