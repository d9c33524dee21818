/** What time and failures do to peers: relays that restart, certificates that end, accounts that are blocked. */
import { afterEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { Identity } from '../../src/identity/index.ts';
import type { PeerEvents } from '../../src/peer/types.ts';
import { introduce, readAll } from '../support/echo.ts';
import { relayWorld, type World } from '../support/relayWorld.ts';

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
