/** The crowd: three identities on one WebSocket, a thousand channels at once, each with TLS of its own. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { enroll, Peer, provider, Trust } from '../../src/node.ts';
import type { Channel } from '../../src/peer/channel.ts';
import { type RelayServer, startRelay } from '../../src/relay/index.node.ts';
import { introduce, readAll } from '../support/echo.ts';

const CHANNELS = 1_000;
const USERS = ['ann', 'ben', 'cas'];
let folder: string;
let relay: RelayServer;
let crowd: Peer;
let bob: Peer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2q-crowd-'));
  relay = await startRelay({ dataDir: folder, domain: 'example.org', provider });
  const enrol = async (user: string) =>
    enroll(await relay.invite(user), { key: provider.generateKey('ed25519') });
  const enrolled = await Promise.all(USERS.map(enrol));
  const trust = Trust.of([relay.anchors]);
  const relays = [enrolled[0]!.relay];
  crowd = await Peer.create({ identities: enrolled.map(({ identity }) => identity), trust, relays });
  bob = await Peer.create({ identity: (await enrol('bob')).identity, trust, relays });
});

afterAll(async () => {
  await Promise.all([crowd.close(), bob.close()]);
  await relay.close();
  await rm(folder, { recursive: true });
});

test('a thousand channels of three identities over one link each report their own peer', async () => {
  const open: Channel[] = [];
  let release: () => void = () => {};
  const everyoneIsHere = new Promise<void>((resolve) => {
    release = resolve;
  });
  const threw: string[] = [];
  bob.on('handlerError', ({ error }) => threw.push(error.message));
  await bob.listen('crowd/1', { authorize: () => true }, async (channel) => {
    open.push(channel);
    if (open.length === CHANNELS) release();
    await everyoneIsHere;
    if (open.indexOf(channel) === 17) throw new Error('one handler throws');
    await introduce(channel);
  });
  // One reader that never reads: a megabyte that nobody takes must hold up nobody else.
  await bob.listen('stall/1', { authorize: () => true }, (channel) => {
    channel.send(new Uint8Array(1_048_576));
  });
  const before = relay.relay.stats().links;
  const stalled = await crowd.dial('bob@example.org/stall/1', { from: 'ann@example.org' });

  const dials = Array.from({ length: CHANNELS }, (_, i) => {
    const from = `${USERS[i % USERS.length]}@example.org`;
    return crowd
      .dial('bob@example.org/crowd/1', { from, timeout: 60_000 })
      .then((channel) => ({ from, channel }));
  });
  const channels = await Promise.all(dials);
  expect(relay.relay.stats()).toMatchObject({ links: before + 1, paths: 3, controls: 4 });

  let failed = 0;
  for (const { from, channel } of channels) {
    expect(channel.peer.name).toBe('bob@example.org');
    expect(channel.local.name).toBe(from);
    const said = await readAll(channel).catch(() => {
      failed++;
      return undefined;
    });
    if (said !== undefined) expect(said).toBe(`bob@example.org hears ${from} on crowd/1`);
  }
  expect(failed).toBe(1);
  expect(threw).toEqual(['one handler throws']);
  expect(new Set(open.map(({ peer }) => peer.name))).toEqual(
    new Set(USERS.map((user) => `${user}@example.org`)),
  );

  stalled.send(utf8('still alive'));
  stalled.reset();
}, 60_000);
