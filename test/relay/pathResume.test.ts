/** Channels whose path is lost and found again: real sockets, real TLS, real relays, and not a byte amiss. */
import { describe, expect, test } from 'vitest';
import type { AccessRequest, Channel, ChannelPath, Listener } from '../../src/index.ts';
import type { Link } from '../../src/transport/link.ts';
import { connectAny, listenTcp, listenWebSocket } from '../../src/transport/node.node.ts';
import { exercise, type LinkLog } from '../support/channels.ts';
import { PeerPair, source } from '../support/peerPair.ts';
import { TO, transfer } from '../support/transfer.ts';
import { type CarrierKind, type TestPeer, TwoRelays } from '../support/twoRelays.ts';

const CARRIERS: readonly CarrierKind[] = ['tcp', 'ws'];

describe.each(CARRIERS)('X15: a transfer of many megabytes over %s', (kind) => {
  const LENGTH = 8_000_000;

  test('goes on over the second relay when the first is killed', async () => {
    await using relays = await TwoRelays.start(kind);
    const [one, two] = relays.urls;
    const [alice, bob] = [await relays.peer('alice'), await relays.peer('bob')];
    let killed: Promise<void> | undefined;
    const { exact, received, paths } = await transfer(alice, bob, LENGTH, (so) => {
      if (so > LENGTH / 4) killed ??= relays.kill(one);
    });
    await killed;
    expect([exact, received]).toEqual([true, LENGTH]);
    expect(paths).toEqual([two, two]);
    expect(relays.relay(two).stats()).toMatchObject({ paths: 1, splices: 1 });
  }, 60_000);

  test('goes on over a new path by the same relay when either leg is lost for good', async () => {
    await using relays = await TwoRelays.start(kind, { resumeTtl: 0 });
    const [one] = relays.urls;
    const [alice, bob] = [await relays.peer('alice', [one]), await relays.peer('bob', [one])];
    let cuts = 0;
    const { exact, received, paths } = await transfer(alice, bob, LENGTH, (so) => {
      if (cuts === 2 || so < ((cuts + 1) * LENGTH) / 3) return;
      (cuts++ === 0 ? alice : bob).link(one).reset();
    });
    expect([exact, received]).toEqual([true, LENGTH]);
    expect(cuts).toBe(2); // twenty of them: test/slow/pathResume.test.ts
    expect(paths).toEqual([]); // by the same relay as before
  }, 60_000);

  test('goes on when the only relay comes back', async () => {
    await using relays = await TwoRelays.start(kind);
    const [one] = relays.urls;
    const [alice, bob] = [await relays.peer('alice', [one]), await relays.peer('bob', [one])];
    let again: Promise<void> | undefined;
    const { exact, received } = await transfer(alice, bob, LENGTH, (so) => {
      if (so > LENGTH / 4) again ??= relays.kill(one).then(() => relays.revive(one));
    });
    await again;
    expect([exact, received]).toEqual([true, LENGTH]);
  }, 60_000);
});

describe.each(CARRIERS)('a session over a direct link (%s)', (kind) => {
  const DIRECT: ChannelPath = { kind: 'direct' };
  const LENGTH = 4_000_000;

  test('goes on over the next one, and moves between relayed and direct while both live', async () => {
    const logs: LinkLog[] = [];
    const pair = new PeerPair({
      handler: async (channel) => {
        const log = exercise(channel, { reads: 5, writes: { seed: 6, length: 0 }, onData: () => act() });
        logs.push(log);
        await log.done;
      },
    });
    const at = { host: '127.0.0.1', port: 0 };
    const listen = kind === 'tcp' ? listenTcp : listenWebSocket;
    await using listener = await listen(at, (link) => void pair.answer(link, DIRECT));
    const connect = (): Promise<Link> => connectAny(listener.address);
    let link = await connect();
    const make = async (): Promise<Link> => {
      link = await connect();
      return link;
    };
    pair.call(link, DIRECT, source(DIRECT, make));
    const channel = await pair.open();
    let step = 0;
    const act = (): void => {
      if (step === 7 || logs[0]!.received < ((step + 1) * LENGTH) / 8) return;
      if (++step % 2 === 0) link.reset();
      else void make().then((fresh) => pair.caller!.moveOver({ link: fresh, path: DIRECT }));
    };
    const sent = exercise(channel, { reads: 6, writes: { seed: 5, length: LENGTH } });
    await Promise.all([sent.done, logs[0]!.done]);
    expect(logs[0]).toMatchObject({ received: LENGTH, wrongAt: -1, ends: 1, error: undefined });
    expect(sent.error).toBeUndefined();
    expect(channel.sessionStats!.links).toBeGreaterThanOrEqual(4);
    expect(pair.incoming.size).toBe(1);
    pair.caller!.destroy(new Error('done'));
    await expect.poll(() => pair.incoming.size).toBe(0);
  }, 60_000);
});

describe('a session that has no path', () => {
  test('is given one by the next dial, whose channel goes into it', async () => {
    await using relays = await TwoRelays.start('tcp', { resumeTtl: 0 });
    const [one, two] = relays.urls;
    const [alice, bob] = [await relays.peer('alice'), await relays.peer('bob')];
    await bob.peer.listen('take/1', { authorize: () => true }, async (channel) => {
      for await (const chunk of channel) channel.send(chunk.slice());
    });
    const first = await alice.peer.dial(TO);
    await relays.kill(one);
    const second = await alice.peer.dial(TO);
    expect([first.path.via, second.path.via]).toEqual([two, two]);
    expect(second.sessionStats).toMatchObject({ links: 2, channels: 2 });
    for (const channel of [first, second]) channel.send(Uint8Array.of(9));
    for (const channel of [first, second])
      for await (const chunk of channel) {
        expect(chunk).toEqual(Uint8Array.of(9));
        break;
      }
  }, 30_000);

  test('and gets none holds up no dial: another is made beside it', async () => {
    await using relays = await TwoRelays.start('tcp', { resumeTtl: 0 });
    const [one] = relays.urls;
    const [alice, bob] = [await relays.peer('alice', [one]), await relays.peer('bob', [one])];
    const ended: unknown[] = [];
    const listen = (peer: TestPeer): Promise<Listener> =>
      peer.peer.listen('take/1', { authorize: () => true }, (channel) => channel.closed);
    await listen(bob);
    const first = await alice.peer.dial(TO);
    first.closed.catch((error: unknown) => ended.push(error));
    bob.down = true;
    bob.link(one).reset();
    const again = await relays.peer('bob', [one]); // another device, with a key of its own
    await listen(again);
    const second = await alice.peer.dial(TO);
    expect(second.peer.keyId).not.toBe(first.peer.keyId);
    expect(second.sessionStats!.links).toBe(1);
    expect(ended).toEqual([]);
    bob.down = false;
    await expect.poll(() => first.sessionStats!.links, { timeout: 20_000 }).toBe(2);
  }, 40_000);

  test('ends when the certificate of its caller is withdrawn meanwhile, and is not gone back to', async () => {
    await using relays = await TwoRelays.start('tcp', { resumeTtl: 0 });
    const [one] = relays.urls;
    const [alice, bob] = [await relays.peer('alice', [one]), await relays.peer('bob', [one])];
    let theirs: Channel | undefined;
    await bob.peer.listen('take/1', { authorize: () => true }, (channel) => {
      theirs = channel;
      return channel.closed;
    });
    const channel = await alice.peer.dial(TO);
    await expect.poll(() => theirs).toBeDefined();
    const ends = Promise.all([channel, theirs!].map(({ closed }) => closed.catch((error: unknown) => error)));
    alice.down = true;
    alice.link(one).reset();
    const { keyId } = alice.peer.identities[0]!;
    await expect.poll(() => relays.relay(one).stats().controls).toBe(1);
    await relays.world.domain.revoke({ keyId });
    expect(await theirs!.closed.catch((error: unknown) => error)).toMatchObject({ code: 'ERR_PEER_REVOKED' });
    alice.down = false;
    await alice.peer.close();
    expect(await ends).toMatchObject([{ code: 'ERR_MUX_ABORTED' }, { code: 'ERR_PEER_REVOKED' }]);
  }, 30_000);

  test('is asked about no second time, and lets nobody in who was not let in', async () => {
    await using relays = await TwoRelays.start('tcp', { resumeTtl: 0 });
    const [one] = relays.urls;
    const [alice, bob] = [await relays.peer('alice', [one]), await relays.peer('bob', [one])];
    const asked: string[] = [];
    const authorize = ({ protocol, proven }: AccessRequest): boolean => {
      asked.push(`${protocol}${proven ? ', proven' : ''}`);
      return asked.length === 1;
    };
    const answer = async (channel: Channel): Promise<void> => {
      for await (const chunk of channel) channel.send(chunk.slice());
    };
    await bob.peer.listen('take/1', { authorize }, answer);
    const channel = await alice.peer.dial(TO);
    alice.link(one).reset();
    channel.send(Uint8Array.of(7));
    for await (const chunk of channel) {
      expect(chunk).toEqual(Uint8Array.of(7));
      break;
    }
    expect(asked).toEqual(['take/1']);
    await expect(alice.peer.dial(TO)).rejects.toMatchObject({ code: 'ERR_PEER_NOT_FOUND' });
    expect(asked).toContain('take/1, proven');
  }, 30_000);
});
