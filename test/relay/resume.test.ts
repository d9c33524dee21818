/** Links to a relay that are cut under running channels: real sockets, real TLS, and not a byte amiss. */
import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { Peer } from '../../src/index.ts';
import type { Connect } from '../../src/peer/types.ts';
import type { Link } from '../../src/transport/link.ts';
import { connectAny, type Listener, listenTcp, listenWebSocket } from '../../src/transport/node.node.ts';
import { SeededRandom } from '../support/random.ts';
import { relayWorld, type World } from '../support/relayWorld.ts';

const CARRIERS = ['tcp', 'ws'] as const;

let world: World;
let listener: Listener | undefined;
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await listener?.close();
  listener = undefined;
});

/** A peer whose links to the relay are real, and at hand. */
async function cuttable(
  carrier: (typeof CARRIERS)[number],
  user: string,
): Promise<{ peer: Peer; links: Link[] }> {
  const take = (link: Link): void => world.relay.accept(link);
  const at = { host: '127.0.0.1', port: 0 };
  listener ??= carrier === 'tcp' ? await listenTcp(at, take) : await listenWebSocket(at, take);
  const { address } = listener;
  const links: Link[] = [];
  const connect: Connect = async () => {
    const link = await connectAny(address);
    links.push(link);
    return link;
  };
  return { peer: await world.peer(user, { connect }), links };
}

test.each(CARRIERS)(
  'X15: a transfer goes on over new links when either end loses its own, byte for byte (%s)',
  async (carrier) => {
    world = await relayWorld();
    const [alice, bob] = [await cuttable(carrier, 'alice'), await cuttable(carrier, 'bob')];
    const [sent, got] = [createHash('sha256'), createHash('sha256')];
    let received = 0;
    let over!: (error: unknown) => void;
    const done = new Promise<unknown>((resolve) => (over = resolve));
    const LENGTH = 1_500_000;
    await bob.peer.listen('take/1', { authorize: () => true }, async (channel) => {
      let cuts = 0;
      for await (const chunk of channel.readable as unknown as AsyncIterable<Uint8Array>) {
        got.update(chunk);
        received += chunk.length;
        if (received < (cuts + 1) * (LENGTH / 5)) continue;
        cuts++;
        (cuts % 2 === 0 ? alice : bob).links.at(-1)!.reset();
      }
      over(undefined);
      await channel.close();
    });
    const channel = await alice.peer.dial('bob@example.org/take/1');
    const writer = channel.writable.getWriter();
    const random = new SeededRandom(3);
    for (let at = 0; at < LENGTH; at += 30_000) {
      const chunk = random.bytes(30_000);
      sent.update(chunk);
      await writer.write(chunk);
    }
    await writer.close();
    expect(await done).toBeUndefined();
    await channel.close();
    expect(received).toBe(LENGTH);
    expect(got.digest('hex')).toBe(sent.digest('hex'));
    expect(alice.links.length + bob.links.length).toBeGreaterThanOrEqual(6);
    expect(world.relay.stats()).toMatchObject({ links: 2, suspended: 0, controls: 2 });
  },
  60_000,
);

test('a peer that lost its link stays present, and is gone when it does not come back in time', async () => {
  world = await relayWorld({ limits: { resumeTtl: 700 } });
  let down = false;
  const links: Link[] = [];
  const connect: Connect = async (url, options) => {
    if (down) throw new Error('no route');
    const link = await world.connect(url, options);
    links.push(link);
    return link;
  };
  const bob = await world.peer('bob', { connect });
  await bob.listen('x/1', { authorize: () => true }, () => {});
  down = true;
  links[0]!.reset();
  await expect.poll(() => world.relay.stats().suspended).toBe(1);
  expect(world.relay.stats()).toMatchObject({ links: 1, controls: 1, services: 2 });
  await expect
    .poll(() => world.relay.stats(), { timeout: 10_000 })
    .toMatchObject({
      ...{ links: 0, suspended: 0, controls: 0, services: 0 },
    });
  down = false;
  await expect.poll(() => world.relay.stats().services, { timeout: 20_000 }).toBe(2);
}, 40_000);

test('a link that asks for a session which is not here is told so, and nothing else is touched', async () => {
  world = await relayWorld();
  const { peer, links } = await cuttable('tcp', 'bob');
  await peer.listen('x/1', { authorize: () => true }, () => {});
  await world.restart(); // says goodbye, so the peer makes a new session by itself
  await expect.poll(() => world.relay.stats().services, { timeout: 20_000 }).toBe(2);
  expect(links.length).toBe(2);
}, 40_000);
