/** What a domain takes back is gone at once, everywhere: live channels, at both ends, and all that would come after. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromHex, hex } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { bitString, DerReader, integer, sequence, TAG } from '../../src/identity/der.ts';
import {
  createCsr,
  type DomainAnchors,
  type Identity,
  identityFromChain,
  parseCertificate,
  peerId,
  Trust,
  UserAuthority,
} from '../../src/identity/index.ts';
import { Peer } from '../../src/index.ts';
import type { Channel } from '../../src/peer/channel.ts';
import { CLOSE_CODES } from '../../src/peer/codes.ts';
import { type Enrolled, enrolOver } from '../../src/peer/enrol.ts';
import { formatInvite } from '../../src/peer/invite.ts';
import { LiveTrust } from '../../src/peer/liveTrust.ts';
import { DOMAIN, RELAY_URL, relayWorld, type World } from '../support/relayWorld.ts';

const anyone = () => true;
const revoked = expect.objectContaining({ code: 'ERR_PEER_REVOKED' });
let world: World;
let peers: Peer[];
beforeEach(async () => {
  world = await relayWorld();
  peers = [];
});
afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.close()));
  await world[Symbol.asyncDispose]();
});

async function peerOf({
  identity,
  anchors,
  relay,
}: Pick<Enrolled, 'identity' | 'anchors' | 'relay'>): Promise<Peer> {
  const { connect } = world;
  const peer = await Peer.create({
    identity,
    trust: Trust.of([anchors]),
    relays: [relay],
    connect,
    provider,
  });
  peers.push(peer);
  return peer;
}

/** Listens, and keeps what comes. */
async function answering(peer: Peer): Promise<Channel[]> {
  const channels: Channel[] = [];
  const handler = async (channel: Channel): Promise<void> => {
    channels.push(channel);
    channel.start({ data: () => {}, drain: () => {}, end: () => void channel.close(), closed: () => {} });
    await channel.closed.catch(() => {});
  };
  await peer.listen('chat/1', { authorize: anyone }, handler);
  return channels;
}

/** Pours until it is stopped, as a transfer does. */
function pour(channel: Channel): void {
  const chunk = new Uint8Array(16_384);
  const more = (): void => {
    for (let i = 0; i < 64 && channel.send(chunk); i++);
  };
  // A memory link has no wire that anybody would wait for.
  const drain = (): void => void setTimeout(more, 1);
  channel.start({ data: () => {}, drain, end: () => {}, closed: () => {} });
  more();
}

/** The leaf with the other signature that ECDSA allows for the same content. */
function malleated([leaf, ...rest]: readonly Uint8Array[]): readonly Uint8Array[] {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const outer = new DerReader(Uint8Array.from(leaf!)).sequence('certificate');
  const tbs = outer.expect(TAG.sequence, 'tbs').der;
  const algorithm = outer.expect(TAG.sequence, 'algorithm').der;
  const values = new DerReader(outer.bitString('signature')).sequence('signature');
  const r = values.integer('r');
  const s = order - BigInt(`0x${hex(values.integer('s'))}`);
  const bytes = fromHex(s.toString(16).padStart(64, '0'));
  return [sequence(tbs, algorithm, bitString(sequence(integer(r), integer(bytes)))), ...rest];
}

async function ending(channel: Channel): Promise<unknown> {
  return channel.closed.then(
    () => 'a clean end',
    (error: unknown) => error,
  );
}

describe('a device that is revoked', () => {
  test('in the middle of a transfer is cut at both ends within a second, and both know why', {
    retry: 2,
  }, async () => {
    const [bob, laptop] = [await world.enrol('bob'), await world.enrol('alice', 'laptop')];
    const phone = await world.enrol('alice', 'phone');
    const [bobPeer, laptopPeer, phonePeer] = [await peerOf(bob), await peerOf(laptop), await peerOf(phone)];
    const accepted = await answering(bobPeer);
    const states: unknown[] = [];
    laptopPeer.on('relay', ({ error }) => error && states.push(error));
    const dialled = await laptopPeer.dial('bob@example.org/chat/1');
    const other = await phonePeer.dial('bob@example.org/chat/1');
    pour(dialled);
    await expect.poll(() => accepted[0]?.stats.plaintextIn ?? 0).toBeGreaterThan(1_000_000);

    const begun = performance.now();
    await phonePeer.revokeDevice(laptop.identity.keyId);
    expect(await ending(dialled)).toEqual(revoked);
    expect(await ending(accepted[0]!)).toEqual(revoked);
    await expect.poll(() => states).toEqual([revoked]);
    expect(performance.now() - begun).toBeLessThan(1_000);

    other.send(Uint8Array.of(1)); // the phone's own channel goes on
    await expect.poll(() => accepted[1]!.stats.plaintextIn).toBeGreaterThan(0);
    expect((await phonePeer.devices()).map(({ label, revoked: gone }) => [label, gone])).toEqual([
      ['laptop', true],
      ['phone', false],
    ]);
  });

  test('when it listens is cut, too, and dialled no more', async () => {
    const [bob, alice] = [await world.enrol('bob'), await world.enrol('alice')];
    const [bobPeer, alicePeer] = [await peerOf(bob), await peerOf(alice)];
    const accepted = await answering(bobPeer);
    const dialled = await alicePeer.dial('bob@example.org/chat/1');
    await expect.poll(() => accepted.length).toBe(1);
    await world.domain.revoke({ keyId: bob.identity.keyId });
    expect(await ending(dialled)).toEqual(revoked);
    expect(await ending(accepted[0]!)).toEqual(revoked);
    await expect(alicePeer.dial('bob@example.org/chat/1')).rejects.toMatchObject({
      code: 'ERR_PEER_NOT_FOUND',
    });
  });

  test('can neither connect, renew, dial, listen nor enrol again with that key', async () => {
    const key = provider.generateKey('ed25519');
    const line = formatInvite(await world.domain.invite('alice', { url: RELAY_URL }));
    const alice = await enrolOver(line, { key, connect: world.connect, provider });
    await world.domain.revoke({ keyId: alice.identity.keyId });
    const peer = await peerOf(alice);
    await expect(peer.dial('bob@example.org/chat/1')).rejects.toThrow(revoked);
    await expect(peer.listen('chat/1', { authorize: anyone }, () => {})).rejects.toThrow(revoked);
    const { keyId } = alice.identity;
    const who = {
      name: 'alice@example.org',
      domain: DOMAIN,
      keyId,
      assurance: 'domain',
      expiresAt: 0,
    } as const;
    expect(await world.domain.renew(who, key.spki)).toBe('revoked');
    const again = formatInvite(await world.domain.invite('alice', { url: RELAY_URL }));
    await expect(enrolOver(again, { key, connect: world.connect, provider })).rejects.toThrow(revoked);
    await world.domain.setPassword('alice', 'correct horse battery');
    const csr = createCsr(key);
    const login = { user: 'alice', password: 'correct horse battery', from: '', csr, device: '' };
    expect(await world.domain.login({ ...login, provedKeyId: keyId })).toBe('revoked');
    // Another key of the same person is welcome.
    await expect(
      enrolOver(again, { key: provider.generateKey('p256'), connect: world.connect, provider }),
    ).resolves.toBeDefined();
  });

  test('is put out as a key peer, too', async () => {
    await world[Symbol.asyncDispose]();
    world = await relayWorld({ admitKeyPeers: true });
    const peer = await world.keyPeer();
    await peer.listen('chat/1', { authorize: anyone }, () => {});
    await world.domain.revoke({ keyId: peer.identities[0]!.keyId });
    await expect.poll(() => world.relay.stats().controls).toBe(0);
    await expect(peer.dial('bob@example.org/chat/1')).rejects.toThrow(revoked);
  });

  test('is refused by a peer over a path that it still has', async () => {
    const [bob, alice] = [await world.enrol('bob'), await world.enrol('alice')];
    const [bobPeer, alicePeer] = [await peerOf(bob), await peerOf(alice)];
    const accepted = await answering(bobPeer);
    await (await alicePeer.dial('bob@example.org/chat/1')).close();
    await expect.poll(() => accepted.length).toBe(1);
    const live = bobPeer.trust;
    await world.domain.revoke({ keyId: alice.identity.keyId });
    await expect.poll(() => bobPeer.trust).not.toBe(live);
    expect(bobPeer.trust.anchorsFor(DOMAIN)?.deniedKeys).toEqual([alice.identity.keyId]);
    await expect(alicePeer.dial('bob@example.org/chat/1')).rejects.toThrow(revoked);
  });
});

test('a key peer hears that it has no account, and is not taken for one that is blocked', async () => {
  await world[Symbol.asyncDispose]();
  world = await relayWorld({ admitKeyPeers: true });
  const peer = await world.keyPeer();
  const { keyId } = peer.identities[0]!;
  const csr = createCsr(provider.generateKey('ed25519'));
  const questions = [
    () => peer.devices(),
    () => peer.revokeDevice(keyId),
    () => peer.requestUserCa(csr),
    () => peer.adopt([]),
  ];
  for (const ask of questions)
    await expect(ask()).rejects.toMatchObject({
      code: 'ERR_PEER_NOT_ENROLLED',
      message: 'a key identity has no account at example.org',
    });
});

describe('an account that is blocked', () => {
  test('loses every device at once, and gets them back but for those revoked one by one', async () => {
    const bob = await peerOf(await world.enrol('bob'));
    const accepted = await answering(bob);
    const lost = await world.enrol('alice', 'lost');
    await world.domain.revoke({ keyId: lost.identity.keyId });
    const [one, two] = [await world.enrol('alice', 'one'), await world.enrol('alice', 'two')];
    const [first, second] = [await peerOf(one), await peerOf(two)];
    const channels = [
      await first.dial('bob@example.org/chat/1'),
      await second.dial('bob@example.org/chat/1'),
    ];
    await world.domain.revoke({ user: 'alice' });
    for (const channel of [...channels, ...accepted]) expect(await ending(channel)).toEqual(revoked);
    await expect(first.dial('bob@example.org/chat/1')).rejects.toThrow(revoked);
    expect((await world.domain.accounts()).find(({ user }) => user === 'alice')).toMatchObject({
      blocked: true,
    });

    await world.domain.unblock('alice');
    expect(world.domain.anchors.deniedKeys).toEqual([lost.identity.keyId]);
    await (await first.dial('bob@example.org/chat/1')).close();
    await expect(world.domain.revoke({ user: 'nobody' })).rejects.toMatchObject({
      code: 'ERR_RELAY_ACCOUNT',
    });
  });
});

describe('a user CA', () => {
  /** Alice's phone has a CA, and signs a tablet with it. */
  async function family(kind: 'ed25519' | 'p256' = 'ed25519'): Promise<{
    phone: Enrolled;
    phonePeer: Peer;
    tablet: Enrolled;
    ca: UserAuthority;
    chain: readonly Uint8Array[];
  }> {
    const phone = await world.enrol('alice', 'phone');
    const phonePeer = await peerOf(phone);
    const caKey = provider.generateKey(kind);
    const ca = UserAuthority.load(provider, {
      chain: await phonePeer.requestUserCa(createCsr(caKey)),
      key: caKey,
    });
    const key = provider.generateKey('ed25519');
    const chain = ca.issueDevice({ spki: key.spki, device: 'tablet', now: Date.now() });
    const identity: Identity = identityFromChain(chain, key);
    return { phone, phonePeer, ca, chain, tablet: { ...phone, identity } };
  }

  test('signs a device that the domain then lets in and lists', async () => {
    const { phonePeer, tablet, ca } = await family();
    const bob = await peerOf(await world.enrol('bob'));
    const accepted = await answering(bob);
    const tabletPeer = await peerOf(tablet);
    await tabletPeer.dial('bob@example.org/chat/1');
    await expect.poll(() => accepted[0]?.peer).toMatchObject({ device: 'tablet', userCa: ca.keyId });
    const rows = await phonePeer.devices();
    expect(rows.map(({ label, by, revoked: gone }) => [label, by, gone])).toEqual([
      ['phone', 'invite', false],
      ['tablet', 'user_ca', false],
      ['', 'authority', false],
    ]);
    expect(rows[1]!.lastSeen).toBeGreaterThan(Date.now() - 60_000);
    const events = (await world.domain.auditLog()).map(({ what }) => what);
    expect(events).toContain('user_ca_issued');
    expect(events).toContain('adopted');
  });

  test('has made a certificate twice, with (r, s) and with (r, n - s): its key is blocked in both', async () => {
    const { phonePeer } = await family('p256');
    const other = await family('p256');
    const twin = malleated(other.chain);
    expect(twin[0]).not.toEqual(other.chain[0]);
    const bob = await peerOf(await world.enrol('bob'));
    const accepted = await answering(bob);
    const twinPeer = await peerOf({
      ...other.tablet,
      identity: identityFromChain(twin, other.tablet.identity.signer as PrivateKey),
    });
    const channel = await twinPeer.dial('bob@example.org/chat/1'); // it is as good as the other, before
    await expect.poll(() => accepted.length).toBe(1);
    await phonePeer.revokeDevice(other.tablet.identity.keyId);
    expect(await ending(channel)).toEqual(revoked);
    for (const peer of [twinPeer, await peerOf(other.tablet)])
      await expect(peer.dial('bob@example.org/chat/1')).rejects.toThrow(revoked);
  });

  test('takes its devices along when it is revoked', async () => {
    const { phonePeer, tablet, ca } = await family();
    const bob = await peerOf(await world.enrol('bob'));
    const accepted = await answering(bob);
    const channel = await (await peerOf(tablet)).dial('bob@example.org/chat/1');
    await expect.poll(() => accepted.length).toBe(1);
    await phonePeer.revokeDevice(ca.keyId);
    expect(await ending(channel)).toEqual(revoked);
    expect(await ending(accepted[0]!)).toEqual(revoked);
    await (await phonePeer.dial('bob@example.org/chat/1')).close();
  });

  test('goes with the device that asked for it', async () => {
    const { phone, tablet } = await family();
    const bob = await peerOf(await world.enrol('bob'));
    await answering(bob);
    const channel = await (await peerOf(tablet)).dial('bob@example.org/chat/1');
    await world.domain.revoke({ keyId: phone.identity.keyId });
    expect(await ending(channel)).toEqual(revoked);
  });

  test('of a device is told of before the device comes; a chain that is no such is refused', async () => {
    const { phonePeer, chain } = await family();
    await phonePeer.adopt(chain);
    expect((await phonePeer.devices()).map(({ label }) => label)).toEqual(['phone', 'tablet', '']);
    const own = phonePeer.identities[0]!.chain;
    await expect(phonePeer.adopt(own)).rejects.toMatchObject({ code: 'ERR_PEER_PROTOCOL' });
    const bob = await peerOf(await world.enrol('bob'));
    await expect(bob.adopt(chain)).rejects.toMatchObject({ code: 'ERR_PEER_PROTOCOL' });
  });

  test('is not asked over by the domain: a device of its own is renewed by its holder only', async () => {
    const { tablet } = await family();
    const { keyId, signer } = tablet.identity;
    const who = {
      name: 'alice@example.org',
      domain: DOMAIN,
      keyId,
      userCa: 'x',
      assurance: 'domain',
      expiresAt: 0,
    } as const;
    expect(await world.domain.renew(who, signer.spki)).toBe('user_ca');
  });

  test('is had four times by one account, and of a device of one’s own only', async () => {
    const { phonePeer } = await family();
    const ask = () => phonePeer.requestUserCa(createCsr(provider.generateKey('ed25519')));
    for (let i = 0; i < 3; i++) await ask();
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_PEER_TOO_MANY_DEVICES' });
    const [ca] = (await phonePeer.devices()).filter(({ by }) => by === 'authority');
    await phonePeer.revokeDevice(ca!.keyId);
    await ask(); // one that is withdrawn makes room
    const bob = await peerOf(await world.enrol('bob'));
    await expect(bob.revokeDevice(phonePeer.identities[0]!.keyId)).rejects.toMatchObject({
      code: 'ERR_PEER_NOT_FOUND',
    });
    await expect(bob.requestUserCa(new Uint8Array(9))).rejects.toMatchObject({ code: 'ERR_PEER_PROTOCOL' });
  });
});

describe('a bundle', () => {
  test('comes after every welcome, so that who was away knows what it missed', async () => {
    const [bob, alice] = [await world.enrol('bob'), await world.enrol('alice')];
    const told: DomainAnchors[] = [];
    const bobPeer = await peerOf(bob);
    bobPeer.on('trust', ({ anchors }) => told.push(anchors));
    await world.domain.revoke({ keyId: alice.identity.keyId });
    await answering(bobPeer);
    await expect.poll(() => told.at(-1)?.deniedKeys).toEqual([alice.identity.keyId]);
    const { length } = told;
    await world.restart();
    await expect.poll(() => world.relay.stats().controls, { timeout: 5_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(told.length).toBe(length); // the same again is no news
  });

  test('of another domain, older, or changed is not believed', async () => {
    const anchors = { domain: DOMAIN, roots: world.domain.authority.roots };
    const clock = { now: () => Date.now(), monotonic: () => 0, after: () => () => {} };
    const live = new LiveTrust(Trust.of([anchors]), provider, clock);
    const old = await world.domain.bundle();
    await world.domain.revoke({ keyId: peerId(provider.generateKey('ed25519').spki) });
    const now = await world.domain.bundle();
    expect(live.accept(DOMAIN, now)).toMatchObject({ sequence: 2 });
    const before = live.trust;
    expect(live.accept(DOMAIN, now)).toBeUndefined();
    expect(live.accept(DOMAIN, old)).toMatchObject({ code: 'ERR_IDENTITY_BUNDLE_ROLLBACK' });
    expect(live.accept('example.com', now)).toBeUndefined();
    const changed = Uint8Array.from(now);
    changed[changed.length - 1]! ^= 1;
    expect(live.accept(DOMAIN, changed)).toMatchObject({ code: 'ERR_IDENTITY_BUNDLE_SIGNER' });
    expect(live.trust).toBe(before);
  });

  test('withdraws one certificate by who issued it under which number', async () => {
    const [bob, alice] = [await world.enrol('bob'), await world.enrol('alice')];
    await answering(await peerOf(bob));
    const channel = await (await peerOf(alice)).dial('bob@example.org/chat/1');
    const { serial } = parseCertificate(alice.identity.chain[0]!);
    const issuer = peerId(world.domain.authority.root.spki);
    await world.domain.revoke({ issuer, serial: Buffer.from(serial).toString('hex') });
    expect(await ending(channel)).toEqual(revoked);
    await expect(world.domain.revoke({ issuer, serial: 'XY' })).rejects.toMatchObject({
      code: 'ERR_RELAY_REVOKE',
    });
  });
});

test('the code on the wire is one that others can name', () => {
  expect(CLOSE_CODES.revoked).toBe(0x10b);
});
