/** Links that are too many, and links on which nobody ever proves to be there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { Trust } from '../../src/identity/index.ts';
import { ControlClient } from '../../src/peer/controlClient.ts';
import { CONTROL_CHANNEL } from '../../src/peer/names.ts';
import { Session } from '../../src/peer/session.ts';
import { type RelayServer, type RelayServerOptions, startRelay } from '../../src/relay/index.node.ts';
import { RELAY_LIMITS } from '../../src/relay/limits.ts';
import { LinkCounts, sourceOf } from '../../src/relay/links.ts';
import { echo } from '../support/echo.ts';
import { DOMAIN, RELAY_URL, relayWorld, type World } from '../support/relayWorld.ts';

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('links are counted', () => {
  test('is generous by default: an office of a thousand behind one address', () => {
    expect(RELAY_LIMITS.linksPerAddress).toBeGreaterThanOrEqual(2_000);
    expect(RELAY_LIMITS.links).toBeGreaterThanOrEqual(4 * RELAY_LIMITS.linksPerAddress);
  });

  test.each([
    ['192.0.2.7:4711', '192.0.2.7'],
    ['[::ffff:192.0.2.7]:4711', '192.0.2.7'],
    ['[2001:db8:1:2:3:4:5:6]:443', '20010db800010002/64'],
    ['[2001:db8:1:2::9]:1', '20010db800010002/64'],
    ['[::1]:5', '0000000000000000/64'],
    ['[fe80::1%eth0]:5', 'fe80::1%eth0'],
    ['', ''],
  ])('%s as %s', (remote, source) => expect(sourceOf(remote)).toBe(source));

  test('by address and all together, and room is made by those that leave', () => {
    const counts = new LinkCounts({ links: 3, linksPerAddress: 2 });
    const from = (host: number) => counts.enter(`192.0.2.${host}:${1_000 + host}`);
    expect([from(1), from(1), from(1), from(2), from(3)]).toEqual([true, true, false, true, false]);
    counts.leave('192.0.2.1:9');
    expect([from(3), from(1)]).toEqual([true, false]);
    counts.leave('192.0.2.3:9');
    expect(from(1)).toBe(true);
  });

  test('as one whole where they have no address', () => {
    const counts = new LinkCounts({ links: 3, linksPerAddress: 1 });
    expect([1, 2, 3, 4].map(() => counts.enter(''))).toEqual([true, true, true, false]);
  });
});

describe('a relay that has all the links it takes', () => {
  let folder: string;
  let relay: RelayServer;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await relay.close();
    await rm(folder, { recursive: true });
  });

  async function start(options: Partial<RelayServerOptions>): Promise<void> {
    folder = await mkdtemp(join(tmpdir(), 'q2q-links-'));
    const tcp = { port: 0 };
    relay = await startRelay({
      dataDir: join(folder, 'd'),
      domain: 'example.org',
      provider,
      tcp,
      ...options,
    });
  }

  /** A connection, and whether the relay has ended it. */
  function open(port = relay.tcpPort!, first = ''): { socket: Socket; ended: () => boolean } {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    if (first !== '') socket.write(first);
    return { socket, ended: () => socket.closed };
  }

  /** Whether a new connection is served, rather than cut. */
  function answered(port: number): Promise<boolean> {
    const { socket } = open(port, 'GET /healthz HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n');
    return new Promise((resolve) => {
      socket.once('data', (data) => resolve(data.toString().startsWith('HTTP/1.1 200')));
      socket.once('close', () => resolve(false));
    });
  }

  test('of one address resets the next one, and takes it when another has ended', async () => {
    await start({ linksPerAddress: 3 });
    const held = [open(), open(), open()];
    await expect.poll(() => relay.relay.stats().links).toBe(3);
    const next = open();
    await expect.poll(next.ended).toBe(true);
    held[0]!.socket.destroy();
    await expect.poll(() => relay.relay.stats().links).toBe(2);
    open();
    await expect.poll(() => relay.relay.stats().links).toBe(3);
    expect(held.slice(1).some(({ ended }) => ended())).toBe(false);
  });

  test('altogether resets the next one', async () => {
    await start({ limits: { links: 2 } });
    const held = [open(), open()];
    await expect.poll(() => relay.relay.stats().links).toBe(2);
    const next = open();
    await expect.poll(next.ended).toBe(true);
    expect(held.some(({ ended }) => ended())).toBe(false);
  });

  test('has a few HTTP connections more, which need not be links', async () => {
    await start({ linksPerAddress: 1, limits: { httpSpare: 2 } });
    const held = [1, 2, 3].map(() => open(relay.port, 'GET / HT'));
    await wait(50);
    const next = open(relay.port, 'GET / HT');
    await expect.poll(next.ended).toBe(true);
    expect(held.some(({ ended }) => ended())).toBe(false);
    for (const { socket } of held) socket.destroy();
    await expect.poll(() => answered(relay.port)).toBe(true);
  });
});

describe('a link on which nobody is admitted is closed at the deadline', () => {
  const DEADLINE = 400;
  let world: World;
  afterEach(() => world[Symbol.asyncDispose]());

  const { signal } = new AbortController();
  const random = (length: number): Uint8Array => provider.random(length);
  const openSession = async (): Promise<Session> =>
    new Session(await world.connect(RELAY_URL, { signal }), { random });

  /** A control channel of one who was admitted. */
  async function admitted(session: Session): Promise<ControlClient> {
    const { identity } = await world.enrol('mallory');
    return ControlClient.open(session, {
      ...{ identity, domain: DOMAIN, url: RELAY_URL, instance: random(16), signal },
      parts: { trust: Trust.of([world.domain.anchors]), provider, clock: systemClock },
      events: { incoming: async () => false, path: () => {}, bundle: () => {} },
    });
  }

  test('though it answers pings and begins handshakes all the time', async () => {
    world = await relayWorld({ limits: { admissionTimeout: DEADLINE } });
    const session = await openSession();
    const begun = performance.now();
    const dribble = setInterval(() => {
      session.open(CONTROL_CHANNEL).send(Uint8Array.of(0x16, 3, 1, 2, 0, 1));
    }, 50);
    void session.closed.then(() => clearInterval(dribble));
    expect(await session.closed).toMatchObject({ code: expect.stringMatching(/^ERR_MUX_/) });
    expect(performance.now() - begun).toBeGreaterThan(DEADLINE - 50);
    await expect.poll(() => world.relay.stats().links).toBe(0);
  });

  test('and not while somebody is, but after the last one has left', async () => {
    world = await relayWorld({ limits: { admissionTimeout: DEADLINE } });
    const session = await openSession();
    const control = await admitted(session);
    await wait(2 * DEADLINE);
    expect(world.relay.stats()).toMatchObject({ controls: 1 });
    control.close();
    await session.closed;
    await expect.poll(() => world.relay.stats().links).toBe(0);
  });

  test('and not while a path runs on it', async () => {
    world = await relayWorld({ limits: { admissionTimeout: DEADLINE } });
    const bob = await world.peer('bob');
    await bob.listen('echo/1', { authorize: () => true }, echo);
    const session = await openSession();
    const control = await admitted(session);
    const [offer] = await control.dial('bob@example.org', 'echo/1', { first: true, signal });
    const path = control.openPath(await control.connect(offer!.offer, 'bob', signal));
    await expect.poll(() => world.relay.stats().splices).toBe(1);
    control.close();
    await wait(2 * DEADLINE);
    expect(world.relay.stats()).toMatchObject({ controls: 1, splices: 1 });
    path.reset();
    await session.closed;
    expect(world.relay.stats()).toMatchObject({ controls: 1, splices: 0 });
  });
});
