import { describe, expect, it } from 'vitest';
import { ReceiveBudget } from '../../src/mux/budget.ts';
import { ReceiveCredit } from '../../src/mux/window.ts';
import { accountOf } from '../support/account.ts';
import { MuxSim } from '../support/muxSim.ts';
import { traffic } from '../support/simApps.ts';

/** Shares of the line in the tenth round trip and in ten after it, and the largest credit that was open. */
function bulk(rtt: number, rate: number) {
  const apps = traffic();
  const sim = new MuxSim({ rate, delay: rtt / 2, apps });
  sim.run(2 * rtt);
  const start = sim.now;
  const id = sim.a.mux.open('bulk');
  apps.a.send(id, Number.POSITIVE_INFINITY, sim.a);
  sim.flush();
  sim.run(start + 9 * rtt);
  const before = apps.b.total;
  sim.run(start + 10 * rtt);
  const tenth = (apps.b.total - before) / (rate * rtt);
  const then = apps.b.total;
  let window = 0;
  for (let step = 0; step < 100; step++) {
    sim.run(sim.now + rtt / 10);
    const { granted, consumed } = accountOf(sim.b.mux, id - 1)!;
    window = Math.max(window, granted - consumed);
  }
  return { tenth, after: (apps.b.total - then) / (10 * rate * rtt), window, sim, apps };
}

/** Reads so many bytes at a time, over a round trip of 10 ms from a window of 1,000; returns the window then. */
function reader(): (bytes: number, now: number) => number {
  const credit = new ReceiveCredit(1_000, 1_000_000, new ReceiveBudget(2_000_000, 0), true);
  return (bytes, now) => {
    credit.received += bytes;
    credit.consume(bytes);
    credit.tune(now, 10);
    return credit.window;
  };
}

describe('receive windows', () => {
  it.each([
    [1, 125],
    [1, 12_500],
    [1, 125_000],
    [10, 1_250],
    [10, 125_000],
    [60, 125],
    [60, 12_500],
    [300, 1_250],
    [300, 12_500],
  ])(
    'W10: RTT %d ms at %d bytes/ms: nine tenths of the line after ten round trips, at most four times what it holds',
    (rtt, rate) => {
      const { after, window } = bulk(rtt, rate);
      expect(after).toBeGreaterThan(0.9);
      expect(window).toBeLessThanOrEqual(Math.max(4 * rate * rtt, 3 * 65_536));
    },
  );

  it.each([2, 100, 1_000])('L4: of %d channels all but one stand still, and that one has the line', (k) => {
    const [rtt, rate] = [10, 12_500];
    const apps = traffic();
    const sim = new MuxSim({ rate, delay: rtt / 2, apps, b: { initialCredit: 4_096 } });
    sim.run(2 * rtt);
    const live = sim.a.mux.open('live');
    apps.b.reads = (id) => id === live - 1;
    for (let i = 1; i < k; i++) apps.a.send(sim.a.mux.open('stalled'), 10_000, sim.a);
    sim.flush();
    sim.run(sim.now + 10 * rtt + (k * 5_000) / rate);
    apps.a.send(live, Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    sim.run(sim.now + 10 * rtt);
    const before = apps.b.total;
    sim.run(sim.now + 20 * rtt);
    expect((apps.b.total - before) / (20 * rtt * rate)).toBeGreaterThan(0.95);
  });

  it('W9: at most four CREDIT move a window, also while it grows', () => {
    const { sim, apps } = bulk(60, 12_500);
    const [grants, total] = [sim.b.mux.stats().grants, apps.b.total];
    sim.run(sim.now + 3_000);
    const windows = (apps.b.total - total) / 65_536;
    expect(sim.b.mux.stats().grants - grants).toBeLessThan(4 * windows);
    expect(sim.b.mux.stats().grants - grants).toBeLessThan(100);
  });

  it('follows what is read in a round trip, and halves for each second that nothing is', () => {
    const read = reader();
    read(500, 0);
    expect(read(400, 9)).toBe(1_000); // not a round trip yet
    expect(read(600, 10)).toBe(3_000); // 1,000 in one
    expect(read(100, 20)).toBe(3_000); // less: no reason to fall
    expect(read(100, 4_020)).toBe(1_000);
    expect(read(1e6, 4_030)).toBe(1_000_000); // the bound
  });

  it('grows before the round trip is over, when enough was read for a quarter more', () => {
    const read = reader();
    read(1, 0);
    expect(read(400, 3)).toBe(1_000);
    expect(read(100, 4)).toBe(1_500); // three times 500
    expect(read(100, 8)).toBe(1_500);
    expect(read(100, 10)).toBe(2_100); // all of the round trip
    // A burst of a round trip is whole in one epoch, wherever in it the epochs begin.
    expect(read(1_000, 14)).toBe(3_300);
    expect(read(1_000, 15)).toBe(6_300);
  });
});
