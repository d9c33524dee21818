/** The core's deadlines agree with a plain sorted list. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Timer, Timers } from '../../src/relay/timers.ts';

test('timers run once, in order of time, and never after they were cancelled', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), value: fc.nat(1_000) }),
    fc.record({ do: fc.constant('cancel' as const), value: fc.nat() }),
    fc.record({ do: fc.constant('tick' as const), value: fc.nat(200) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const timers = new Timers();
      const ran: number[] = [];
      const expected: number[] = [];
      let model: { at: number; id: number; timer: Timer }[] = [];
      let now = 0;
      let id = 0;
      for (const { do: what, value } of steps) {
        if (what === 'set') {
          const mine = id++;
          model.push({ at: now + value, id: mine, timer: timers.set(now + value, () => ran.push(mine)) });
        } else if (what === 'cancel' && model.length > 0) {
          const [gone] = model.splice(value % model.length, 1);
          timers.cancel(gone!.timer);
        } else if (what === 'tick') {
          now += value;
          timers.tick(now);
          const due = model.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
          expected.push(...due.map((entry) => entry.at));
          model = model.filter(({ at }) => at > now);
          expect(ran.length).toBe(expected.length);
        }
        expect(timers.deadline()).toBe(
          model.length === 0 ? undefined : Math.min(...model.map(({ at }) => at)),
        );
      }
    }),
  );
});

test('ten thousand cancelled timers leave no heap behind', () => {
  const timers = new Timers();
  const all = Array.from({ length: 10_000 }, (_, i) => timers.set(1e9 + i, () => {}));
  const last = timers.set(5e9, () => {});
  for (const timer of all) timers.cancel(timer);
  expect(timers.deadline()).toBe(last.at);
});
