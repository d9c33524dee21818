/** A domain changes its root: nobody who was there, is there or comes meanwhile notices, until the old one is let go. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@noble/hashes/sha2.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { peerId, Trust } from '../../src/identity/index.ts';
import { Peer } from '../../src/index.ts';
import { type Enrolled, enrolOver } from '../../src/peer/enrol.ts';
import { formatInvite, type Invite } from '../../src/peer/invite.ts';
import { DomainService } from '../../src/relay/domain.ts';
import { DirectoryDomainStore } from '../../src/relay/store.node.ts';
import { introduce, readAll } from '../support/echo.ts';
import { RELAY_URL, relayWorld, type World } from '../support/relayWorld.ts';

describe('a roll', () => {
  let world: World;
  const peers: Peer[] = [];
  beforeEach(async () => {
    world = await relayWorld();
  });
  afterEach(async () => {
    await Promise.all(peers.splice(0).map((peer) => peer.close()));
    await world[Symbol.asyncDispose]();
  });

  const invited = (user: string): Promise<Invite> => world.domain.invite(user, { url: RELAY_URL });
  const enrolBy = (invite: Invite): Promise<Enrolled> =>
    enrolOver(formatInvite(invite), {
      key: provider.generateKey('ed25519'),
      connect: world.connect,
      provider,
    });
  async function peerOf({ identity, anchors, relay }: Enrolled): Promise<Peer> {
    const { connect } = world;
    const trust = Trust.of([anchors]);
    const peer = await Peer.create({ identity, trust, relays: [relay], connect, provider });
    peers.push(peer);
    return peer;
  }
  async function listens(enrolled: Enrolled): Promise<Peer> {
    const peer = await peerOf(enrolled);
    await peer.listen('chat/1', { authorize: () => true }, introduce);
    return peer;
  }
  const hears = async (peer: Peer, user: string): Promise<string> =>
    readAll(await peer.dial(`${user}@example.org/chat/1`));

  test('is passed over by those who were there, those who come, and invites of either root', async () => {
    const early = await invited('erin');
    const [alice, bob, away] = [
      await world.enrol('alice'),
      await world.enrol('bob'),
      await world.enrol('away'),
    ];
    const bobPeer = await listens(bob);
    const alicePeer = await peerOf(alice);
    expect(await hears(alicePeer, 'bob')).toContain('hears alice');

    const [old] = world.domain.authority.roots;
    await world.domain.roll();
    const { roots, root } = world.domain.authority;
    expect(roots).toEqual([root, old]);
    await expect.poll(() => bobPeer.trust.anchorsFor('example.org')?.roots).toEqual(roots);

    const late = await invited('carol');
    const newest = { ...(await invited('dave')), rootPin: sha256(root.spki) };
    for (const [user, invite] of [
      ['erin', early],
      ['carol', late],
      ['dave', newest],
    ] as const) {
      const enrolled = await enrolBy(invite);
      expect(enrolled.identity.chain).toHaveLength(2); // the leaf, and the way back
      const peer = await listens(enrolled);
      expect(await hears(peer, 'bob')).toContain(`hears ${user}`);
      expect(await hears(alicePeer, user)).toContain('hears alice');
    }
    // Who was away holds the old root only, and a leaf of it.
    expect(await hears(await peerOf(away), 'carol')).toContain('hears away');
    await world.restart();
    expect(world.domain.authority.roots).toHaveLength(2);
    expect(await hears(alicePeer, 'bob').catch(() => hears(alicePeer, 'bob'))).toContain('hears alice');
    await expect(world.domain.roll()).rejects.toMatchObject({ code: 'ERR_IDENTITY_ISSUE' });
  });

  test('ends when the old root is let go: what it signed is worth nothing, what came after it is', async () => {
    await expect(world.domain.retireRoot()).rejects.toMatchObject({ code: 'ERR_RELAY_ROOT' });
    const stale = await world.enrol('alice', 'stale');
    const stalePeer = await peerOf(stale);
    await world.domain.roll();
    const meantime = await invited('dave');
    const bobPeer = await listens(await enrolBy(await invited('bob')));
    const carol = await enrolBy(await invited('carol'));
    const channel = await (await peerOf(carol)).dial('bob@example.org/chat/1');
    const [root] = world.domain.authority.roots;
    expect(await hears(stalePeer, 'bob')).toContain('hears alice');
    await world.domain.retireRoot();
    await expect.poll(() => bobPeer.trust.anchorsFor('example.org')?.roots).toEqual([root]);
    expect(await readAll(channel)).toContain('hears carol'); // verified by the handover, and still standing
    await expect(hears(stalePeer, 'bob')).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_PEER_(NOT_ENROLLED|REVOKED)$/),
    });
    // An invite that names the old root, and whoever knows only that, find the way.
    const dave = await peerOf(await enrolBy(meantime));
    expect(await hears(dave, 'bob')).toContain('hears dave');
    expect((await world.domain.auditLog()).map(({ what }) => what)).toEqual(
      expect.arrayContaining(['rolled', 'root_retired']),
    );
  });

  test('gives renewals of the new root, and listeners are shown those', async () => {
    const bob = await listens(await world.enrol('bob'));
    const alice = await world.enrol('alice');
    await world.domain.roll();
    const { keyId } = alice.identity;
    const who = {
      name: 'alice@example.org',
      domain: 'example.org',
      keyId,
      assurance: 'domain',
      expiresAt: 0,
    } as const;
    const renewed = await world.domain.renew(who, alice.identity.signer.spki);
    expect(renewed).toMatchObject({ chain: { length: 2 } });
    expect(bob.identities).toHaveLength(1);
  });
});

describe('root keys in a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'q2q-roots-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function opened<T>(work: (domain: DomainService) => Promise<T>, passphrase?: string): Promise<T> {
    const store = await DirectoryDomainStore.open(folder, { exclusive: true });
    try {
      const parts = { store, provider, clock: systemClock, logger: silent, domain: 'example.org' };
      return await work(
        await DomainService.open({ ...parts, ...(passphrase !== undefined && { passphrase }) }),
      );
    } finally {
      await store.close();
    }
  }
  const files = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => name.startsWith('root'));
  const ids = (domain: DomainService): string[] => domain.authority.roots.map(({ spki }) => peerId(spki));

  test('are two while the root is changed, and the old one is gone afterwards', async () => {
    const [first] = await opened(async (domain) => ids(domain));
    expect(await files()).toEqual(['root.key', 'root.pem']);
    const both = await opened(async (domain) => {
      await domain.roll();
      return ids(domain);
    });
    expect(both[1]).toBe(first);
    expect(await opened(async (domain) => ids(domain))).toEqual(both);
    expect(await files()).toEqual(['root-2.key', 'root-2.pem', 'root.key', 'root.pem']);
    await opened((domain) => domain.retireRoot());
    expect(await files()).toEqual(['root-2.key', 'root-2.pem']);
    const { sequence } = await opened(async (domain) => domain.anchors);
    expect(sequence).toBe(2);
    expect(await opened(async (domain) => ids(domain))).toEqual(both.slice(0, 1));
    await opened((domain) => domain.roll());
    expect(await files()).toEqual(['root-2.key', 'root-2.pem', 'root-3.key', 'root-3.pem']);
  });

  test('stay as they were when a roll was cut short, and what it left is taken away', async () => {
    const before = await opened(async (domain) => ids(domain));
    for (const name of ['root-2.key', 'root-2.pem'])
      await writeFile(join(folder, name), 'half', { mode: 0o600 });
    expect(await opened(async (domain) => ids(domain))).toEqual(before);
    expect(await files()).toEqual(['root.key', 'root.pem']);
  });

  test('of a folder that version 0.1 made are found', async () => {
    const before = await opened(async (domain) => ids(domain));
    await writeFile(join(folder, 'domain.json'), '{"domain":"example.org","urls":[]}');
    expect(await opened(async (domain) => ids(domain))).toEqual(before);
    await writeFile(join(folder, 'domain.json'), '{"domain":"example.org","urls":[],"roots":["../root"]}');
    await expect(opened(async () => {})).rejects.toMatchObject({ code: 'ERR_RELAY_DATA' });
  });

  test('are under a passphrase from when one is set until it is taken off', async () => {
    const before = await opened(async (domain) => {
      await domain.setPassphrase('open sesame now');
      return ids(domain);
    });
    const [key] = (await files()).filter((name) => name.endsWith('.key'));
    expect(await readFile(join(folder, key!), 'utf8')).toContain('ENCRYPTED PRIVATE KEY');
    const failing = (code: string) => expect.objectContaining({ code });
    await expect(opened(async () => {})).rejects.toThrow(failing('ERR_IDENTITY_PASSPHRASE_NEEDED'));
    await expect(opened(async () => {}, 'guess')).rejects.toThrow(failing('ERR_IDENTITY_PASSPHRASE_WRONG'));
    await opened(async (domain) => {
      expect(ids(domain)).toEqual(before);
      await domain.roll();
      for (const name of (await files()).filter((file) => file.endsWith('.key')))
        expect(await readFile(join(folder, name), 'utf8')).toContain('ENCRYPTED');
      await domain.setPassphrase(undefined);
    }, 'open sesame now');
    expect(await opened(async (domain) => ids(domain))).toContain(before[0]);
    const lines = await opened((domain) => domain.auditLog());
    expect(JSON.stringify(lines)).not.toContain('sesame');
    expect(lines.map(({ what }) => what)).toContain('passphrase_set');
  }, 120_000);
});
