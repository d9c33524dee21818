/** Two peers, one relay, everything real but the carrier: who reaches whom, and what everybody else sees. */
import { afterEach, describe, expect, test } from 'vitest';
import { deferred } from '../../src/base/deferred.ts';
import { type Link, Peer, Trust } from '../../src/index.ts';
import type { Channel } from '../../src/peer/channel.ts';
import { resetCodeOf } from '../../src/peer/codes.ts';
import type { Connect, Offer } from '../../src/peer/types.ts';
import { ask, echo, introduce, readAll } from '../support/echo.ts';
import { DOMAIN, RELAY_URL, relayWorld, type World } from '../support/relayWorld.ts';

const anyone = () => true;
const notFound = { code: 'ERR_PEER_NOT_FOUND' };
let world: World;
afterEach(() => world[Symbol.asyncDispose]());

describe('a dial by name', () => {
  test('gives one authenticated channel, and both know who is there', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    const seen: Channel[] = [];
    const listener = await bob.listen('echo/1', { authorize: anyone }, (channel) => {
      seen.push(channel);
      return echo(channel);
    });
    expect(listener.address).toBe('bob@example.org/echo/1');

    const channel = await alice.dial(listener.address);
    expect(await ask(channel, 'hello bob')).toBe('hello bob');

    expect(channel.peer).toMatchObject({ name: 'bob@example.org', assurance: 'domain' });
    expect(channel.local).toMatchObject({ name: 'alice@example.org' });
    expect(channel.protocol).toBe('echo/1');
    expect(channel.path).toEqual({ kind: 'relayed', via: RELAY_URL });
    expect(channel.negotiated).toMatchObject({ alpn: 'echo/1', serverName: DOMAIN });
    expect(seen[0]!.peer).toMatchObject({ name: 'alice@example.org', assurance: 'domain' });
    await channel.closed;
  });

  test('asks authorize with a chain before the path, and who is proven is who was asked about', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    const asked: unknown[] = [];
    const authorize = (request: { fromAddress: string; to: string; protocol: string; proven: boolean }) => {
      const { fromAddress, to, protocol, proven } = request;
      asked.push({ fromAddress, to, protocol, proven });
      return true;
    };
    await bob.listen('echo/1', { authorize }, introduce);
    for (let i = 0; i < 2; i++)
      expect(await readAll(await alice.dial('bob@example.org/echo/1'))).toBe(
        'bob@example.org hears alice@example.org on echo/1',
      );
    const who = { fromAddress: 'alice@example.org', to: 'bob@example.org', protocol: 'echo/1' };
    expect(asked).toEqual([
      { ...who, proven: false }, // the relay asked; the first channel uses that yes
      { ...who, proven: true }, // the second one came over the living session
    ]);
    expect(world.relay.stats().paths).toBe(1);
  });

  test('reaches an enrolled peer by its key, too', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    await bob.listen('echo/1', { authorize: anyone }, introduce);
    const channel = await alice.dial(`key:${bob.identities[0]!.keyId}/echo/1`);
    expect(channel.peer).toMatchObject({ keyId: bob.identities[0]!.keyId, assurance: 'pinned' });
  });

  test('can be given up, and then nothing is left', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    await bob.listen('slow/1', { authorize: () => new Promise(() => {}) }, introduce);
    const controller = new AbortController();
    const dial = alice.dial('bob@example.org/slow/1', { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('changed my mind')), 30);
    await expect(dial).rejects.toThrow('changed my mind');
    await expect(alice.dial('bob@example.org/slow/1', { timeout: 50 })).rejects.toMatchObject({
      code: 'ERR_PEER_TIMEOUT',
    });
    expect(world.relay.stats().paths).toBe(0);
  });

  test('of malformed addresses says what is wrong', async () => {
    world = await relayWorld();
    const alice = await world.peer('alice');
    for (const [address, code] of [
      ['bob@example.org', 'ERR_PEER_ADDRESS'],
      ['bob', 'ERR_IDENTITY_ADDRESS'],
      ['key:abc/chat/1', 'ERR_IDENTITY_KEY_ID'],
      ['bob@example.org/q2q-control/1', 'ERR_IDENTITY_PROTOCOL'],
      ['bob@elsewhere.example/chat/1', 'ERR_PEER_NO_RELAY'],
    ])
      await expect(alice.dial(address!)).rejects.toMatchObject({ code });
    await expect(alice.dial('bob@example.org/x', { from: 'eve@example.org' })).rejects.toMatchObject({
      code: 'ERR_PEER_NO_IDENTITY',
    });
  });
});

describe('absent, not listening and not allowed', () => {
  test('are one error for the caller', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    await bob.listen('private/1', { authorize: () => false }, introduce);
    await bob.listen('throws/1', { authorize: () => Promise.reject(new Error('oops')) }, introduce);
    await bob.listen('bugs/1', { authorize: (() => 'yes') as never }, introduce);
    const addresses = [
      'carol@example.org/private/1',
      'bob@example.org/nothing/1',
      'bob@example.org/private/1',
      'bob@example.org/throws/1',
      'bob@example.org/bugs/1',
    ];
    const begun = performance.now();
    const errors = await Promise.all(
      addresses.map((address) =>
        alice.dial(address).catch((error: Error) => ({ ...error, at: performance.now() - begun })),
      ),
    );
    for (const error of errors) expect(error).toMatchObject(notFound);
    const times = errors.map((error) => (error as { at: number }).at);
    expect(Math.min(...times)).toBeGreaterThan(450);
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(150);
  });

  test('are one error on a living session, too, after the handshake', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    let open = true;
    await bob.listen('echo/1', { authorize: () => open }, echo);
    const channel = await alice.dial('bob@example.org/echo/1');
    open = false;
    await expect(alice.dial('bob@example.org/echo/1')).rejects.toMatchObject(notFound);
    await expect(alice.dial('bob@example.org/other/1')).rejects.toMatchObject(notFound);
    expect(await ask(channel, 'still here')).toBe('still here');
  });

  test('become reachable by listening, and unreachable by closing the listener', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    const listener = await bob.listen('echo/1', { authorize: anyone }, introduce);
    await expect(bob.listen('echo/1', { authorize: anyone }, introduce)).rejects.toMatchObject({
      code: 'ERR_PEER_LISTENING',
    });
    await readAll(await alice.dial('bob@example.org/echo/1'));
    await listener.close();
    await expect(alice.dial('bob@example.org/echo/1')).rejects.toMatchObject(notFound);
    await bob.listen('echo/1', { authorize: anyone }, introduce);
    await readAll(await alice.dial('bob@example.org/echo/1'));
  });
});

describe('several devices of one person', () => {
  const names = ['laptop', 'phone', 'server'];

  test('are offered to the caller, who chooses by description and key', async () => {
    world = await relayWorld();
    const alice = await world.peer('alice');
    const keys = new Map<string, string>();
    for (const description of names) {
      const device = await world.peer('bob');
      keys.set(description, device.identities[0]!.keyId);
      await device.listen('chat/1', { authorize: anyone, description }, introduce);
    }
    for (const wanted of names) {
      let shown: readonly Offer[] = [];
      const choose = async (offers: readonly Offer[]) => {
        shown = offers;
        return offers.find(({ description }) => description === wanted);
      };
      const channel = await alice.dial('bob@example.org/chat/1', { choose });
      expect(shown.map(({ description }) => description).sort()).toEqual(names);
      expect(channel.peer.keyId).toBe(keys.get(wanted));
    }
  });

  test('of which none is chosen end the dial as not found', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    await bob.listen('chat/1', { authorize: anyone }, introduce);
    const none = alice.dial('bob@example.org/chat/1', { choose: () => undefined });
    await expect(none).rejects.toMatchObject(notFound);
    const forged = alice.dial('bob@example.org/chat/1', {
      choose: (offers) => ({ ...offers[0]! }),
    });
    await expect(forged).rejects.toMatchObject(notFound);
  });
});

describe('key peers', () => {
  test('are admitted where the relay is told to, and dial and listen by key', async () => {
    world = await relayWorld({ admitKeyPeers: true });
    const [one, two] = [await world.keyPeer(), await world.keyPeer()];
    const listener = await two.listen('chat/1', { authorize: anyone }, introduce);
    expect(listener.address).toBe(`key:${two.identities[0]!.keyId}/chat/1`);
    const channel = await one.dial(listener.address);
    expect(channel.peer).toMatchObject({ keyId: two.identities[0]!.keyId, assurance: 'key' });
    expect(channel.negotiated.serverName).toBeUndefined();
    expect(await readAll(channel)).toContain(`hears ${one.identities[0]!.keyId}`);
  });

  test('and enrolled peers dial each other', async () => {
    world = await relayWorld({ admitKeyPeers: true });
    const [key, bob] = [await world.keyPeer(), await world.peer('bob')];
    await bob.listen('chat/1', { authorize: ({ from }) => from.assurance === 'key' }, introduce);
    await key.listen('chat/1', { authorize: ({ from }) => from.name === 'bob@example.org' }, introduce);
    expect((await key.dial('bob@example.org/chat/1')).peer.name).toBe('bob@example.org');
    const back = await bob.dial(`key:${key.identities[0]!.keyId}/chat/1`);
    expect(await readAll(back)).toContain('hears bob@example.org');
  });

  test('are not admitted elsewhere', async () => {
    world = await relayWorld();
    const stranger = await world.keyPeer();
    const refused = { code: 'ERR_PEER_NOT_ENROLLED' };
    await expect(stranger.listen('chat/1', { authorize: anyone }, introduce)).rejects.toMatchObject(refused);
    await expect(stranger.dial('bob@example.org/chat/1')).rejects.toMatchObject(refused);
  });
});

describe('a relay that lies', () => {
  test('and joins the caller to somebody else is found out before a byte is sent', async () => {
    world = await relayWorld();
    const [alice, mallory] = [await world.peer('alice'), await world.peer('mallory')];
    let reached = false;
    await mallory.listen('bank/1', { authorize: anyone }, () => {
      reached = true;
    });
    // The directory, patched: who asks for bob is given mallory's device.
    const core = world.core;
    const message = core.message.bind(core);
    core.message = (client, said, now) =>
      message(client, said.type === 'dial' ? { ...said, to: 'mallory@example.org' } : said, now);

    await expect(alice.dial('bob@example.org/bank/1')).rejects.toMatchObject({
      code: 'ERR_PEER_WRONG_IDENTITY',
      cause: { cause: { code: 'ERR_IDENTITY_NAME' } },
    });
    expect(reached).toBe(false);
  });

  test('and announces somebody else than who comes is found out by the listener', async () => {
    world = await relayWorld();
    const [alice, bob, mallory] = [
      await world.peer('alice'),
      await world.peer('bob'),
      await world.peer('mallory'),
    ];
    let reached = false;
    const authorize = ({ from }: { from: { name?: string } }) => from.name === 'alice@example.org';
    await bob.listen('bank/1', { authorize }, () => {
      reached = true;
    });
    await alice.listen('x/1', { authorize: anyone }, introduce); // so that the relay has her chain
    const core = world.core;
    const next = core.next.bind(core);
    const chain = alice.identities[0]!.chain;
    core.next = () => {
      const action = next();
      if (action?.type !== 'send' || action.message.type !== 'incoming') return action;
      return { ...action, message: { ...action.message, from: 'alice@example.org', chain } };
    };
    await expect(mallory.dial('bob@example.org/bank/1')).rejects.toMatchObject({ code: 'ERR_PEER_REFUSED' });
    expect(reached).toBe(false);
  });

  test('and shows a chain that is not of whom it names is not believed', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    await bob.listen('bank/1', { authorize: anyone }, introduce);
    const core = world.core;
    const next = core.next.bind(core);
    core.next = () => {
      const action = next();
      if (action?.type !== 'send' || action.message.type !== 'incoming') return action;
      return { ...action, message: { ...action.message, from: 'admin@example.org' } };
    };
    await expect(alice.dial('bob@example.org/bank/1')).rejects.toMatchObject(notFound);
  });

  test('and serves another domain is not spoken to', async () => {
    world = await relayWorld();
    const other = await relayWorld();
    const { identity, anchors, relay } = await world.enrol('alice');
    const trust = Trust.of([anchors]);
    const alice = await Peer.create({ identity, trust, relays: [relay], connect: other.connect });
    await expect(alice.dial('bob@example.org/x')).rejects.toMatchObject({ code: 'ERR_PEER_WRONG_IDENTITY' });
    const trustless = await Peer.create({
      identity,
      trust: Trust.of([]),
      relays: [relay],
      connect: other.connect,
    });
    await expect(trustless.dial('bob@example.org/x')).rejects.toMatchObject({ code: 'ERR_PEER_NO_TRUST' });
    await Promise.all([alice.close(), trustless.close(), other[Symbol.asyncDispose]()]);
  });
});

describe('one link', () => {
  test('serves a hundred parallel dials, by one path', async () => {
    world = await relayWorld();
    const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
    await bob.listen('echo/1', { authorize: anyone }, introduce);
    const before = world.links.count;
    const channels = await Promise.all(
      Array.from({ length: 100 }, () => alice.dial('bob@example.org/echo/1')),
    );
    expect(world.links.count - before).toBe(1);
    expect(world.relay.stats()).toMatchObject({ paths: 1, controls: 2 });
    for (const channel of channels) expect(await readAll(channel)).toContain('hears alice');
  });

  test.each([
    ['ends its channels with an error where sessions do not wait', 0],
    ['and comes back goes on with its channels', 45_000],
  ])('that is lost %s, and a dial meanwhile says so', async (_, resumeTtl) => {
    const held: Link[] = [];
    world = await relayWorld({ limits: { resumeTtl } });
    let down = false;
    const connect: Connect = async (url, options) => {
      if (down) throw new Error('no route');
      const link = await world.connect(url, options);
      held.push(link);
      return link;
    };
    const outlive = resumeTtl;
    const [alice, bob] = [await world.peer('alice', { connect, outlive }), await world.peer('bob')];
    await bob.listen('echo/1', { authorize: anyone }, echo);
    const channel = await alice.dial('bob@example.org/echo/1');
    down = true;
    held[0]!.reset();
    if (resumeTtl === 0) await expect(channel.closed).rejects.toBeInstanceOf(Error);
    else await expect.poll(() => world.relay.stats().suspended).toBe(1);
    await expect(alice.dial('bob@example.org/echo/1')).rejects.toMatchObject({
      code: 'ERR_PEER_UNREACHABLE',
    });
    down = false;
    expect(await ask(await alice.dial('bob@example.org/echo/1'), 'again')).toBe('again');
    if (resumeTtl > 0) expect(await ask(channel, 'still here')).toBe('still here');
  });
});

test('a handler that throws costs its channel only', async () => {
  world = await relayWorld();
  const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
  const errors: string[] = [];
  bob.on('handlerError', ({ protocol, error }) => errors.push(`${protocol}: ${error.message}`));
  await bob.listen('bad/1', { authorize: anyone }, async () => {
    throw new Error('bug');
  });
  await bob.listen('echo/1', { authorize: anyone }, echo);
  const good = await alice.dial('bob@example.org/echo/1');
  const bad = alice.dial('bob@example.org/bad/1').then(({ closed }) => closed);
  await expect(bad).rejects.toBeInstanceOf(Error);
  expect(errors).toEqual(['bad/1: bug']);
  expect(await ask(good, 'fine')).toBe('fine');
});

test('a reset reaches the other end with its code', async () => {
  world = await relayWorld();
  const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
  const ended = deferred<unknown>();
  await bob.listen('reset/1', { authorize: anyone }, (channel) => {
    channel.start({ data() {}, drain() {}, end() {}, closed: ended.resolve });
  });
  const channel = await alice.dial('bob@example.org/reset/1');
  channel.reset(0x234);
  expect(resetCodeOf(await ended.promise)).toBe(0x234);
});
