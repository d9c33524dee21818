/** What time and failures do to peers: relays that restart, certificates that end, accounts that are blocked. */
import { afterEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { createCsr, type Identity, identityFromChain, UserAuthority } from '../../src/identity/index.ts';
import { Peer } from '../../src/index.ts';
import type { PeerEvents } from '../../src/peer/types.ts';
import { introduce, readAll } from '../support/echo.ts';
import { DOMAIN, RELAY_URL, relayWorld, type World } from '../support/relayWorld.ts';

const anyone = () => true;
let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const DAY = 86_400_000;

/** Real time, but the calendar can be turned: certificates read `now`, deadlines `monotonic`. */
function turnableClock(): Clock & { turn(ms: number): void } {
  let shift = 0;
  const timers = new Set<() => void>();
  return {
    now: () => Date.now() + shift,
    monotonic: () => systemClock.monotonic() + shift,
    after(delay, run) {
      const due = systemClock.monotonic() + shift + delay;
      const check = (): void => {
        if (systemClock.monotonic() + shift < due) return;
        cancel();
        run();
      };
      const timer = setInterval(check, Math.min(Math.max(delay, 1), 5));
      timers.add(check);
      const cancel = (): void => {
        clearInterval(timer);
        timers.delete(check);
      };
      return cancel;
    },
    turn(ms) {
      shift += ms;
    },
  };
}

test('a listener registers again when its relay has restarted', async () => {
  world = await relayWorld();
  const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
  const states: string[] = [];
  bob.on('relay', ({ state, identity }: PeerEvents['relay']) => states.push(`${identity} ${state}`));
  await bob.listen('chat/1', { authorize: anyone }, introduce);
  const channel = await alice.dial('bob@example.org/chat/1');
  expect(await readAll(channel)).toContain('hears alice');

  await world.restart();
  await expect
    .poll(() => states, { timeout: 5_000 })
    .toEqual(['bob@example.org up', 'bob@example.org down', 'bob@example.org up']);
  expect(await readAll(await alice.dial('bob@example.org/chat/1'))).toContain('hears alice');
});

test('a listener that was closed stays away after a restart', async () => {
  world = await relayWorld();
  const bob = await world.peer('bob');
  const listener = await bob.listen('chat/1', { authorize: anyone }, introduce);
  await listener.close();
  const before = world.links.count;
  await world.restart();
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(world.links.count).toBe(before);
  expect(world.relay.stats().controls).toBe(0);
});

test('a certificate is renewed at two thirds of its life, over the living channel', async () => {
  const clock = turnableClock();
  world = await relayWorld({ clock });
  const bob = await world.peer('bob');
  const renewed: Identity[] = [];
  bob.on('renewed', ({ identity }) => renewed.push(identity));
  await bob.listen('chat/1', { authorize: anyone }, introduce);
  const [before] = bob.identities;
  clock.turn(4 * DAY);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(renewed).toEqual([]);
  clock.turn(0.7 * DAY);
  await expect.poll(() => renewed.length).toBe(1);
  expect(renewed[0]!.keyId).toBe(before!.keyId);
  expect(renewed[0]!.notAfter).toBeGreaterThan(before!.notAfter + 4 * DAY);
  expect(bob.identities).toEqual(renewed);
});

test('a peer that stays is renewed for a month, across a roll and the end of the old root, and is there all the time', async () => {
  const clock = turnableClock();
  world = await relayWorld({ clock });
  const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
  const renewed: Identity[] = [];
  bob.on('renewed', ({ identity }) => renewed.push(identity));
  const failed: Error[] = [];
  bob.on('renewalFailed', ({ error }) => failed.push(error));
  await bob.listen('chat/1', { authorize: anyone }, introduce);
  await alice.listen('chat/1', { authorize: anyone }, introduce);
  for (let day = 1; day <= 30; day++) {
    clock.turn(DAY);
    await new Promise((resolve) => setTimeout(resolve, 40)); // for timers of that day
    if (day === 8) await world.domain.roll();
    if (day === 20) await world.domain.retireRoot();
    const dial = async () => readAll(await alice.dial('bob@example.org/chat/1'));
    await expect
      .poll(() => dial().catch((error: Error) => error.message), { timeout: 5_000 })
      .toContain('hears alice');
  }
  expect(failed).toEqual([]);
  expect(renewed.length).toBeGreaterThanOrEqual(6); // every 4.6 days
  expect(renewed.length).toBeLessThanOrEqual(8);
  const [now] = bob.identities;
  expect(now!.notAfter - clock.now()).toBeGreaterThan(2 * DAY);
  expect(new Set(renewed.map(({ keyId }) => keyId)).size).toBe(1);
  const anchors = bob.trust.anchorsFor('example.org')!;
  expect(anchors.roots).toEqual([world.domain.authority.root]);
  expect(anchors.expiresAt! - clock.now()).toBeGreaterThan(22 * DAY); // bundles last 30, and come each week
}, 30_000);

test('a device that a user CA has signed is told that its holder must sign it again', async () => {
  const clock = turnableClock();
  world = await relayWorld({ clock });
  const phone = await world.peer('alice');
  const caKey = provider.generateKey('ed25519');
  const chain = await phone.requestUserCa(createCsr(caKey));
  const ca = UserAuthority.load(provider, { chain, key: caKey });
  const key = provider.generateKey('ed25519');
  const signed = ca.issueDevice({ spki: key.spki, device: 'tablet', now: clock.now(), lifetime: 30 * DAY });
  const tablet = await Peer.create({
    ...{
      identity: identityFromChain(signed, key),
      trust: phone.trust,
      connect: world.connect,
      provider,
      clock,
    },
    relays: [{ url: RELAY_URL, domain: DOMAIN }],
  });
  const failed: unknown[] = [];
  tablet.on('renewalFailed', ({ error }) => failed.push(error));
  await tablet.listen('chat/1', { authorize: anyone }, introduce);
  clock.turn(20.5 * DAY);
  const told = expect.objectContaining({ code: 'ERR_PEER_USER_CA' });
  await expect.poll(() => failed, { timeout: 5_000 }).toEqual([told]);
  clock.turn(10 * 60_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(failed).toHaveLength(1); // the domain will say nothing else, so it is not asked
  expect(tablet.identities[0]!.chain).toEqual(signed);
  await tablet.close();
});

test('a certificate that ran out is said before anything is sent', async () => {
  const clock = turnableClock();
  world = await relayWorld({ clock });
  const alice = await world.peer('alice');
  clock.turn(8 * DAY);
  const before = world.links.count;
  await expect(alice.dial('bob@example.org/chat/1')).rejects.toMatchObject({
    code: 'ERR_PEER_NOT_ENROLLED',
    message: expect.stringContaining('expired'),
  });
  expect(world.links.count - before).toBeLessThanOrEqual(1);
});

test('a blocked account is not admitted', async () => {
  world = await relayWorld();
  const alice = await world.peer('alice');
  await world.block('alice');
  await expect(alice.dial('bob@example.org/chat/1')).rejects.toMatchObject({ code: 'ERR_PEER_REVOKED' });
});

test('a closed peer takes nothing more and leaves nothing behind', async () => {
  world = await relayWorld();
  const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
  await bob.listen('chat/1', { authorize: anyone }, (channel) => {
    channel.send(new Uint8Array(10));
  });
  const channel = await alice.dial('bob@example.org/chat/1');
  await alice.close();
  await expect(channel.closed).rejects.toBeInstanceOf(Error);
  await expect(alice.dial('bob@example.org/chat/1')).rejects.toMatchObject({ code: 'ERR_PEER_CLOSED' });
  await expect(alice.listen('x/1', { authorize: anyone }, introduce)).rejects.toMatchObject({
    code: 'ERR_PEER_CLOSED',
  });
  await bob.close();
  await expect
    .poll(() => world.relay.stats())
    .toMatchObject({ controls: 0, services: 0, paths: 0, splices: 0, links: 0 });
});
