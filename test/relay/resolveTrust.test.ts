/** Meeting a domain for the first time (Q9), and again after its key was swapped or rolled (Q8), over real sockets. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import {
  type Authorize,
  type DialOptions,
  type DomainAnchors,
  enroll,
  groupPeerId,
  MemoryIdentityStore,
  Peer,
  PeerError,
  type PeerOptions,
  peerId,
  provider,
  selfSignedIdentity,
  Trust,
} from '../../src/node.ts';
import { type RelayServer, startRelay } from '../../src/relay/index.node.ts';
import {
  fetchWellKnown,
  peerWitness,
  type ResolveTrust,
  serveWitness,
  trustLadder,
} from '../../src/trust.ts';
import { ask, echo } from '../support/echo.ts';

let folder: string;
let relay: RelayServer;
let store: MemoryIdentityStore;
let peers: Peer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2q-resolve-'));
  store = new MemoryIdentityStore();
  await start('first');
});
afterEach(async () => {
  await hangUp();
  await relay.close();
  await rm(folder, { recursive: true });
});

async function hangUp(): Promise<void> {
  await Promise.all(peers.map((peer) => peer.close()));
  peers = [];
}

/** A domain of that data folder, at the port of the one before. */
async function start(data: string, port = 0): Promise<void> {
  const dataDir = join(folder, data);
  relay = await startRelay({ dataDir, domain: 'example.org', provider, admitKeyPeers: true, port });
  await answering();
}

/** Bob is there. */
async function answering(): Promise<void> {
  const joined = await enroll(await relay.invite('bob'), { key: provider.generateKey('ed25519') });
  const bob = await Peer.create({
    identity: joined.identity,
    trust: Trust.of([joined.anchors]),
    relays: [joined.relay],
  });
  peers.push(bob);
  await bob.listen('echo/1', { authorize: () => true }, echo);
}

/** The domain goes, and another of the same name comes to the same place. */
async function swap(): Promise<void> {
  const { port } = relay;
  await hangUp();
  await relay.close();
  await start('second', port);
}

/** A key peer that trusts the domain at first use. */
async function stranger(options: { trust?: Trust; firstUse?: boolean } = {}): Promise<Peer> {
  const { trust = await store.trust(), firstUse = true } = options;
  const resolveTrust = trustLadder({
    ...{ store, provider, clock: systemClock },
    web: async () => {
      throw new Error('https does not answer');
    },
    firstUse: {
      wanted: () => firstUse,
      source: async (_, { signal }) =>
        (await fetchWellKnown(`http://127.0.0.1:${relay.port}`, { signal })).bundle,
    },
  });
  const peer = await Peer.create({
    ...{ identity: selfSignedIdentity(provider.generateKey('ed25519'), Date.now()), trust, resolveTrust },
    relays: [{ url: relay.urls[0]!, domain: 'example.org' }],
  });
  peers.push(peer);
  return peer;
}

const reach = async (peer: Peer): Promise<string> => ask(await peer.dial('bob@example.org/echo/1'), 'hello');

async function failure(peer: Peer): Promise<PeerError> {
  const error: unknown = await reach(peer).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PeerError);
  return error as PeerError;
}

describe('a domain met at first use', () => {
  test('is believed, kept and told; every proof says how sure it is', async () => {
    const peer = await stranger();
    const told: DomainAnchors[] = [];
    peer.on('trust', ({ anchors }) => told.push(anchors));
    const channel = await peer.dial('bob@example.org/echo/1');
    expect(channel.peer).toMatchObject({ name: 'bob@example.org', assurance: 'tofu' });
    expect(told[0]).toMatchObject({ domain: 'example.org', source: 'tofu' });
    expect(await store.anchors('example.org')).toMatchObject({ source: 'tofu' });
    expect(await reach(await stranger())).toBe('hello');
  });

  test('is refused with both fingerprints when its key was swapped', async () => {
    await reach(await stranger());
    const old = relay.service.authority.root;
    await swap();
    const error = await failure(await stranger());
    expect(error.code).toBe('ERR_PEER_WRONG_IDENTITY');
    expect(error.message).toContain(groupPeerId(peerId(old.spki)));
    expect(error.message).toContain(groupPeerId(peerId(relay.service.authority.root.spki)));
    expect(error.hint).toMatch(/another way/);
    expect(error.cause).toMatchObject({ code: 'ERR_IDENTITY_PIN_CHANGED' });
    expect((await store.anchors('example.org'))?.roots).toEqual([old]);
  });

  test.each([1, 2])('that rolled its key %i times is believed by who slept through it all', async (rolls) => {
    await reach(await stranger());
    const old = relay.service.authority.root;
    for (let i = 0; i < rolls; i++) {
      await relay.service.roll();
      await relay.service.retireRoot();
    }
    await hangUp();
    await answering();
    const late = await stranger();
    expect(late.trust.anchorsFor('example.org')?.roots).toEqual([old]);
    late.on('trust', ({ anchors }) => void store.putAnchors(anchors));
    expect(await reach(late)).toBe('hello');
    const now = late.trust.anchorsFor('example.org');
    expect(now?.source).toBe('tofu');
    expect(now?.roots).toEqual([relay.service.authority.root]);
    expect(await store.anchors('example.org')).toMatchObject({ sequence: now?.sequence });
  });
});

describe('nothing falls to first use', () => {
  test('when https fails and first use was not asked for', async () => {
    const error = await failure(await stranger({ firstUse: false }));
    expect(error.code).toBe('ERR_PEER_NO_TRUST');
    expect(error.message).toContain('https does not answer');
    expect(await store.anchors('example.org')).toBeUndefined();
  });

  test.each(['pinned', 'web'] as const)(
    'when the domain is held as %s and shows another root',
    async (source) => {
      const held = { domain: 'example.org', roots: [relay.service.authority.root], source };
      await store.putAnchors(held);
      expect(await reach(await stranger())).toBe('hello');
      await swap();
      const error = await failure(await stranger());
      expect(error.code).toBe('ERR_PEER_NO_TRUST');
      expect(error.message).toContain('https does not answer');
      expect((await store.anchors('example.org'))?.source).toBe(source);
    },
  );

  test('when nobody is asked: no trust, no connection', async () => {
    const peer = await Peer.create({
      identity: selfSignedIdentity(provider.generateKey('ed25519'), Date.now()),
      trust: Trust.of([]),
      relays: [{ url: relay.urls[0]!, domain: 'example.org' }],
    });
    peers.push(peer);
    expect((await failure(peer)).code).toBe('ERR_PEER_NO_TRUST');
  });

  test('when the answer is about another domain, or none', async () => {
    for (const answer of [undefined, { ...relay.anchors, domain: 'example.com' }]) {
      const peer = await Peer.create({
        identity: selfSignedIdentity(provider.generateKey('ed25519'), Date.now()),
        trust: Trust.of([]),
        relays: [{ url: relay.urls[0]!, domain: 'example.org' }],
        resolveTrust: async () => answer,
      });
      peers.push(peer);
      expect((await failure(peer)).code).toBe('ERR_PEER_NO_TRUST');
    }
  });
});

describe('a relay in the middle', () => {
  const FAR = 'far.example';
  let far: RelayServer;
  let middle: RelayServer;

  beforeEach(async () => {
    far = await startRelay({ dataDir: join(folder, 'far'), domain: FAR, provider, admitKeyPeers: true });
    middle = await startRelay({
      dataDir: join(folder, 'middle'),
      domain: FAR,
      provider,
      admitKeyPeers: true,
    });
  });
  afterEach(async () => {
    await hangUp();
    await Promise.all([far.close(), middle.close()]);
  });

  /** A member of our domain. */
  async function member(user: string, more: Partial<PeerOptions> = {}): Promise<Peer> {
    const joined = await enroll(await relay.invite(user), { key: provider.generateKey('ed25519') });
    const { relays = [], identities = [], ...rest } = more;
    const peer = await Peer.create({
      ...{ identities: [joined.identity, ...identities], trust: Trust.of([joined.anchors]) },
      ...{ relays: [joined.relay, ...relays], ...rest },
    });
    peers.push(peer);
    return peer;
  }

  /** Carol and dan know the far domain, and tell alice, who reaches it through `through` for the first time. */
  async function alice(through: RelayServer): Promise<Peer> {
    for (const user of ['carol', 'dan']) {
      const witness = await member(user);
      const authorize: Authorize = ({ from }) => from.name === 'alice@example.org';
      await serveWitness(witness, { authorize, trust: () => Trust.of([far.anchors]) });
    }
    const resolveTrust: ResolveTrust = (domain, options) => ladder(domain, options);
    const peer = await member('alice', {
      identities: [selfSignedIdentity(provider.generateKey('ed25519'), Date.now())],
      relays: [{ url: through.urls[0]!, domain: FAR }],
      resolveTrust,
    });
    const ladder = trustLadder({
      ...{ store, provider, clock: systemClock },
      firstUse: {
        wanted: (domain) => domain === FAR,
        source: async (_, { signal }) =>
          (await fetchWellKnown(`http://127.0.0.1:${through.port}`, { signal })).bundle,
      },
      witnesses: {
        ask: ['carol@example.org', 'dan@example.org'].map((address) => peerWitness(peer, address)),
        quorum: 2,
      },
    });
    return peer;
  }

  /** Eve listens there under the same name as somebody true. */
  async function listening(server: RelayServer): Promise<void> {
    const joined = await enroll(await server.invite('eve'), { key: provider.generateKey('ed25519') });
    const eve = await Peer.create({
      identity: joined.identity,
      trust: Trust.of([joined.anchors]),
      relays: [joined.relay],
    });
    peers.push(eve);
    await eve.listen('echo/1', { authorize: () => true }, echo);
  }

  const asKey = (peer: Peer): DialOptions => ({ from: `key:${peer.identities[1]!.keyId}` });

  test('is found out: the witnesses hold another root', async () => {
    await listening(middle);
    const peer = await alice(middle);
    const dialled = peer.dial(`eve@${FAR}/echo/1`, asKey(peer));
    const error = (await dialled.catch((thrown: unknown) => thrown)) as PeerError;
    expect(error).toMatchObject({ code: 'ERR_PEER_WRONG_IDENTITY' });
    expect(error.cause).toMatchObject({ code: 'ERR_IDENTITY_WITNESS' });
    const [truth, lie] = [far, middle].map(({ service }) => groupPeerId(peerId(service.authority.root.spki)));
    expect(error.message).toContain(`we were shown the root ${lie}`);
    expect(error.message).toContain(`carol@example.org holds ${truth}`);
    expect(error.message).toContain(`dan@example.org holds ${truth}`);
    expect(await store.anchors(FAR)).toBeUndefined();
    expect(peer.trust.anchorsFor(FAR)).toBeUndefined();
  });

  test('that is none is believed: they hold what it shows', async () => {
    await listening(far);
    const peer = await alice(far);
    const channel = await peer.dial(`eve@${FAR}/echo/1`, asKey(peer));
    expect(channel.peer).toMatchObject({ name: `eve@${FAR}`, assurance: 'tofu' });
    expect(await ask(channel, 'hello')).toBe('hello');
  });
});
