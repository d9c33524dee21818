/** Revocation over real sockets and real files: the transfer ends, both ends know why, and a restart forgets nothing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fromBase64 } from '../../src/base/base64.ts';
import { acceptBundle } from '../../src/identity/index.ts';
import { type Channel, enroll, Peer, provider, Trust } from '../../src/node.ts';
import { type RelayServer, startRelay } from '../../src/relay/index.node.ts';

let folder: string;
let relay: RelayServer;
const peers: Peer[] = [];
const revoked = expect.objectContaining({ code: 'ERR_PEER_REVOKED' });

async function start(): Promise<void> {
  relay = await startRelay({ dataDir: folder, domain: 'example.org', provider, tcp: { port: 0 } });
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2q-revocation-'));
  await start();
});
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await relay.close();
  await rm(folder, { recursive: true });
});

async function enrolled(user: string, device: string, url: string): Promise<Peer> {
  const key = provider.generateKey('ed25519');
  const joined = await enroll(await relay.invite(user, { url }), { key, device });
  const trust = Trust.of([joined.anchors]);
  const peer = await Peer.create({ identity: joined.identity, trust, relays: [joined.relay] });
  peers.push(peer);
  return peer;
}

const ending = (channel: Channel): Promise<unknown> =>
  channel.closed.then(
    () => 'clean',
    (error: unknown) => error,
  );

/** Of a machine that may be busy with other things: one of three. */
const TIMED = { timeout: 30_000, retry: 2 };

test('a transfer is cut within a second of the phone saying so, and the relay remembers', TIMED, async () => {
  const [ws, tcp] = relay.urls as [string, string];
  const [bob, laptop] = [await enrolled('bob', 'desk', ws), await enrolled('alice', 'laptop', tcp)];
  const phone = await enrolled('alice', 'phone', ws);
  const accepted: Channel[] = [];
  await bob.listen('sink/1', { authorize: () => true }, async (channel) => {
    accepted.push(channel);
    channel.start({ data: () => {}, drain: () => {}, end: () => {}, closed: () => {} });
    await channel.closed.catch(() => {});
  });
  const channel = await laptop.dial('bob@example.org/sink/1');
  const chunk = new Uint8Array(65_536);
  const pour = (): void => {
    while (channel.send(chunk));
  };
  channel.start({ data: () => {}, drain: pour, end: () => {}, closed: () => {} });
  pour();
  await expect
    .poll(() => accepted[0]?.stats.plaintextIn ?? 0, { timeout: 10_000 })
    .toBeGreaterThan(4_000_000);

  const [lost] = laptop.identities;
  const begun = performance.now();
  await phone.revokeDevice(lost!.keyId);
  expect(await Promise.all([ending(channel), ending(accepted[0]!)])).toEqual([revoked, revoked]);
  expect(performance.now() - begun).toBeLessThan(1_000);
  await expect(laptop.dial('bob@example.org/sink/1')).rejects.toThrow(revoked);

  // What it publishes says so, to whoever holds its root; and a restart forgets neither the list nor the number.
  const held = { domain: 'example.org', roots: relay.anchors.roots };
  const document = async () => {
    const text = await (await fetch(`http://127.0.0.1:${relay.port}/.well-known/q2q`)).text();
    const { bundle } = JSON.parse(text) as { bundle: string };
    return acceptBundle(fromBase64(bundle), held, Date.now(), provider);
  };
  const before = await document();
  expect(before).toMatchObject({ deniedKeys: [lost!.keyId] });
  const { port, tcpPort } = relay;
  await relay.close();
  relay = await startRelay({ dataDir: folder, provider, port, tcp: { port: tcpPort! } });
  expect(await document()).toEqual(before);
  await expect(laptop.dial('bob@example.org/sink/1')).rejects.toThrow(revoked);
  const log = (await relay.service.auditLog()).filter(({ what }) => what === 'revoked');
  expect(log).toMatchObject([{ user: 'alice', keyId: lost!.keyId, by: phone.identities[0]!.keyId }]);
});

test('an invite that a hundred devices take at once, each over a socket of its own, enrols one', async () => {
  const invite = await relay.invite('carol', { url: relay.urls[1]! });
  const taking = Array.from({ length: 100 }, () => enroll(invite, { key: provider.generateKey('ed25519') }));
  const refused = (await Promise.allSettled(taking)).filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(99);
  for (const { reason } of refused as PromiseRejectedResult[])
    expect(reason).toMatchObject({ code: 'ERR_PEER_INVITE_USED' });
  const issued = (await relay.service.auditLog()).filter(({ what }) => what === 'issued');
  expect(issued).toHaveLength(1);
}, 30_000);
