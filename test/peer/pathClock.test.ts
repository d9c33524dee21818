import { expect, test } from 'vitest';
import { PathClock } from '../../src/peer/pathClock.ts';
import { VirtualClock } from '../support/clock.ts';

/** When a deadline of 100 ms runs out, if that happens to the path. */
function ranOutAt(events: Readonly<Record<number, 'lost' | 'back'>>, most = 2_000): number | undefined {
  const clock = new VirtualClock();
  const deadlines = new PathClock(clock);
  let at: number | undefined;
  deadlines.after(100, () => (at = clock.monotonic()));
  for (let now = 0; now < most && at === undefined; now += 10) {
    const event = events[now];
    if (event === 'lost') deadlines.standStill();
    if (event === 'back') deadlines.goOn();
    clock.advance(10);
  }
  expect(clock.pending).toBe(at === undefined ? 1 : 0);
  return at;
}

test.each([
  ['with a path', {}, 100],
  ['without one', { 20: 'lost' }, undefined],
  ['after one came back', { 20: 'lost', 500: 'back' }, 600],
  ['after one was away for a moment', { 20: 'lost', 90: 'back' }, 190],
  ['after several', { 20: 'lost', 90: 'back', 120: 'lost', 300: 'back', 390: 'lost', 400: 'back' }, 500],
  ['that was lost too late', { 100: 'lost' }, 100],
  ['that is said to be back, and was never lost', { 50: 'back' }, 100],
] as const)('a deadline %s', (_, events, at) => {
  expect(ranOutAt(events)).toBe(at);
});

test('a deadline that is taken back runs out never, whatever happens to the path', () => {
  const clock = new VirtualClock();
  const deadlines = new PathClock(clock);
  deadlines.standStill();
  const cancel = deadlines.after(100, () => expect.unreachable());
  clock.advance(250);
  cancel();
  deadlines.goOn();
  clock.advance(1_000);
  expect(clock.pending).toBe(0);
});
