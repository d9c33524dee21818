/** What the link meter needs where data goes both ways: the wait of ACKs, told apart, and data that leaves little by little. */
import { describe, expect, it } from 'vitest';
import { Pace } from '../../src/mux/pace.ts';
import { CLOCK_WRAP, ReturnPath } from '../../src/mux/returnPath.ts';

const ANY = Number.POSITIVE_INFINITY;

describe('the way back of ACKs', () => {
  /** ACKs every 100 ms for `ms`, by a clock that began anywhere and is `drift` ms faster per ms; returns the last wait. */
  function waits(
    path: ReturnPath,
    offset: number,
    from: number,
    to: number,
    wait: (now: number) => number,
    drift = 0,
  ): number {
    let last = 0;
    for (let now = from; now < to; now += 100) {
      const left = now - 20 - wait(now);
      const clock = Math.round((left * (1 + drift) + offset) * 1_000) % CLOCK_WRAP;
      last = path.waited((clock + CLOCK_WRAP) % CLOCK_WRAP, now, ANY);
    }
    return last;
  }

  it.each([0, 5, 500_000, CLOCK_WRAP / 1_000 - 1, CLOCK_WRAP / 2_000])(
    'is told by how much it is longer than the quickest, wherever the clock began (%d ms)',
    (offset) => {
      const path = new ReturnPath();
      expect(waits(path, offset, 0, 1_000, () => 7)).toBeCloseTo(0);
      expect(waits(path, offset, 1_000, 1_100, () => 0)).toBeCloseTo(0);
      expect(waits(path, offset, 1_100, 1_200, () => 40)).toBeCloseTo(40);
      expect(waits(path, offset, 1_200, 16_300, () => 3)).toBeCloseTo(3);
      expect(waits(path, offset, 16_300, 20_000, (now) => (now % 1_000) / 100)).toBeCloseTo(9);
    },
  );

  it('goes on for days, past every turn of the clock', () => {
    const path = new ReturnPath();
    for (let hour = 0; hour < 50; hour++) {
      const from = hour * 3_600_000;
      expect(waits(path, 77, from, from + 40_000, (now) => (now % 5_000 === 0 ? 0 : 25))).toBeCloseTo(25);
    }
  });

  it('forgets a quickest that does not come again, and follows a clock that drifts', () => {
    const path = new ReturnPath();
    waits(path, 0, 0, 100, () => 0);
    expect(waits(path, 0, 100, 10_000, () => 30)).toBeCloseTo(30);
    expect(waits(path, 0, 10_000, 40_000, () => 30)).toBeCloseTo(0);
    for (const drift of [1e-4, -1e-4])
      expect(Math.abs(waits(new ReturnPath(), 0, 1e5, 3e5, () => 0, drift))).toBeLessThan(3.1);
  });

  it('a clock that was set tells nothing, and all begins anew', () => {
    const path = new ReturnPath();
    waits(path, 60_000, 0, 1_000, () => 0);
    expect(path.waited(0, 1_000, 500)).toBe(0);
    expect(path.waited(100_000, 1_130, 500)).toBeCloseTo(30);
  });
});

describe('the pace', () => {
  it('lets leave what may wait, then half of it when so much has drained', () => {
    const pace = new Pace();
    pace.limit(3_000, 100);
    pace.drain(0);
    expect([pace.hasRoom(2_999), pace.hasRoom(3_000)]).toEqual([true, false]);
    pace.add(2_000);
    expect([pace.hasRoom(999), pace.deadline()]).toEqual([true, undefined]);
    pace.add(1_000);
    expect([pace.hasRoom(0), pace.deadline()]).toEqual([false, 10]);
    pace.drain(10);
    expect([pace.hasRoom(1_499), pace.hasRoom(1_500), pace.deadline()]).toEqual([true, false, undefined]);
  });

  it('asks for one tick and no more, though the link takes nothing then', () => {
    const pace = new Pace();
    pace.limit(3_000, 100);
    pace.add(3_000);
    pace.tick(9);
    expect(pace.deadline()).toBe(10);
    pace.tick(10);
    expect(pace.deadline()).toBeUndefined();
  });

  it('holds nothing back without a limit', () => {
    const pace = new Pace();
    pace.add(1e9);
    expect([pace.hasRoom(1e9), pace.deadline()]).toEqual([true, undefined]);
    pace.limit(Number.POSITIVE_INFINITY, 1);
    pace.add(1e9);
    expect([pace.hasRoom(1e9), pace.deadline()]).toEqual([true, undefined]);
  });
});
