/** Cuts of a session's link at every byte, for every kind of link that it may be on and move to. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../support/random.ts';
import { cutOnce, cutTwice } from '../support/resumePair.ts';
import { ResumeSim } from '../support/resumeSim.ts';
import { traffic } from '../support/simApps.ts';

test.each([
  [false, false],
  [true, true],
  [true, false],
  [false, true],
])('every byte of a conversation, and of the link after it (messages: %s, then %s)', (first, second) => {
  let cuts = 0;
  for (let at = 0; at < 700; at++) cuts += cutOnce(at, first, second) + cutTwice(at, first, second);
  expect(cuts).toBeGreaterThan(600);
});

test('K6: 1 GiB at 300 ms over links that are cut all the time: byte for byte, and the replay never exceeds its window', () => {
  const [seed, length, window] = [11, 2 ** 30, 4_194_304];
  const random = new SeededRandom(seed);
  const apps = traffic();
  apps.b.seedOf = () => seed;
  const world = new ResumeSim({
    ...{ rate: 125_000, delay: 150, pause: 700, apps },
    // Some in the middle of RESUMED and the replay, some long after, some counted on the way back.
    cut: () => {
      const wire = random.int(0, 3) === 0 ? 1 : 0;
      const most = wire === 1 ? 2_000 : 10 ** random.int(2, 8);
      return { wire, after: random.int(0, most) };
    },
  });
  const { sim } = world;
  let most = 0;
  apps.b.onData = () => {
    most = Math.max(most, sim.a.mux.resumption!.held);
  };
  sim.run(2_000);
  world.arm();
  const id = sim.a.mux.open('bulk');
  apps.a.send(id, length, sim.a, seed);
  sim.flush();
  sim.run(3_600_000, () => apps.b.ended.size > 0);
  console.log(`seed ${seed}: ${world.cuts} cuts, ${Math.round(sim.now)} ms, at most ${most} bytes kept`);
  expect(apps.b.read.get(id - 1)).toBe(length);
  expect(apps.b.wrongAt).toBe(-1);
  expect([apps.a.error, apps.b.error, apps.b.ended.size]).toEqual([undefined, undefined, 1]);
  expect(world.cuts).toBeGreaterThanOrEqual(20);
  expect(most).toBeLessThanOrEqual(window);
  expect(most).toBeGreaterThan(window / 2);
}, 300_000);
