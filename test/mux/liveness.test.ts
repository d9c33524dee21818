/** Whatever the application does not do, and however narrow the link is, what can go on goes on; and who is alive is not killed. */
import { describe, expect, it } from 'vitest';
import { unreadOf } from '../support/account.ts';
import { MuxSim, type MuxSimOptions } from '../support/muxSim.ts';
import { SeededRandom } from '../support/random.ts';
import { Echo, runToEmpty, Traffic, traffic } from '../support/simApps.ts';
import { sized } from '../support/sized.ts';
import { stripe } from '../support/stripe.ts';

const MIB = 1 << 20;
/** 1 Mbit/s, 10 ms: round trip, and each way two frames of 10 ms, 10 ms of slack and the segment that the ping comes in. */
const WORST_PING = 20 + 2 * (2 * 10 + 10 + 1_460 / 125);

describe('progress', () => {
  it.each([1, 50])('L1: echoes 1 MiB on %i channels through 1 KiB of room each way', (count) => {
    const apps = { a: new Traffic(), b: new Echo() };
    apps.a.seedOf = apps.b.seedOf = () => 3;
    const rate = 12_500;
    const sim = new MuxSim({ rate, delay: 1, capacity: 1_024, apps });
    const each = Math.floor(MIB / count);
    const ids = Array.from({ length: count }, () => sim.a.mux.open('echo'));
    for (const id of ids) apps.a.send(id, each, sim.a, 3);
    sim.flush();
    expect(runToEmpty(sim, 1.5 * (MIB / rate) + 1_000)).toBe(true);
    expect([apps.a.wrongAt, apps.b.wrongAt]).toEqual([-1, -1]);
    expect(ids.every((id) => apps.a.read.get(id) === each && apps.a.ended.has(id))).toBe(true);
  });

  it('L3: a channel that is never read and one never accepted do not stop 100 MiB on another', () => {
    const apps = traffic();
    const rate = 125_000;
    const sim = new MuxSim({ rate, delay: 1, apps });
    const [unread, unaccepted, live] = ['unread', 'unaccepted', 'live'].map((name) => sim.a.mux.open(name));
    const names = new Map<number, string>();
    apps.b.onIncoming = (id, name, end) => {
      names.set(id, name);
      if (name !== 'unaccepted') end.mux.accept(id);
    };
    apps.b.reads = (id) => names.get(id) === 'live';
    for (const id of [unread!, unaccepted!]) apps.a.send(id, Number.POSITIVE_INFINITY, sim.a);
    apps.a.send(live!, 100 * MIB, sim.a);
    sim.flush();
    const wanted = (100 * MIB) / rate;
    expect(sim.run(1.1 * wanted + 100, () => apps.b.ended.size > 0)).toBe(true);
    expect(apps.b.total).toBe(100 * MIB);
    for (const id of [unread!, unaccepted!])
      expect(unreadOf(sim.b.mux, id - 1)).toBeLessThanOrEqual(sim.b.mux.limits.initialCredit);
  });

  /** Virtual ms until `live` of k channels have sent 64 MiB together while nobody reads the others. */
  function took(k: number, live: number): number {
    const apps = traffic();
    const sim = new MuxSim({ rate: 125_000, delay: 1, apps, b: { initialCredit: 16_384 } });
    const ids = Array.from({ length: k }, () => sim.a.mux.open('x'));
    const read = new Set(ids.slice(k - live));
    apps.b.reads = (id) => read.has(id + 1);
    const more = stripe(0, 0, 20_000);
    for (const id of ids) if (!read.has(id)) sim.a.mux.write(id, more);
    sim.flush();
    const stalled = 16_384 * (k - live);
    expect(sim.run(120_000, () => sim.b.mux.stats().payloadReceived >= stalled)).toBe(true); // out of credit
    const began = sim.now;
    for (const id of read) apps.a.send(id, Math.floor((64 * MIB) / live), sim.a);
    sim.flush();
    expect(sim.run(began + 60_000, () => apps.b.ended.size === live)).toBe(true);
    return sim.now - began;
  }

  it('L4: however many of k channels are stalled, the last one has the link for itself', () => {
    const free = took(1, 1);
    for (const k of [2, 10, 100, 1_000]) expect(took(k, 1) / free, `k = ${k}`).toBeLessThan(1.05);
  });

  it('L4: one stalled channel of k costs the others nothing', () => {
    for (const k of [2, 3, 10, 100, 1_000])
      expect(took(k, k - 1) / took(k - 1, k - 1), `k = ${k}`).toBeLessThan(1.05);
  });

  it('L2, L6: the link is read whatever the application does: nothing is read, accepted or taken, and pings are answered', () => {
    const apps = traffic();
    apps.b.onIncoming = undefined;
    apps.b.reads = () => false;
    const sim = new MuxSim({ rate: 12_500, delay: 5, apps });
    for (let i = 0; i < 100; i++) apps.a.send(sim.a.mux.open('x'), MIB, sim.a);
    sim.flush();
    sim.run(20_000);
    sim.a.mux.ping(sim.now);
    sim.flush();
    sim.run(sim.now + 15);
    expect(apps.a.pongs.length).toBe(1);
    sim.b.wire = undefined; // nothing of b's leaves any more; it still parses all that comes
    for (let i = 0; i < 50; i++) {
      sim.a.mux.ping(sim.now);
      sim.flush();
      sim.run(sim.now + 100);
    }
    expect(sim.b.mux.stats().bytesReceived).toBe(sim.a.mux.stats().bytesSent);
  });

  const seeds = sized(6, 20);
  it.each([false, true])(
    `L1, L6, C10: every transfer ends in bounded time, seeds 1 to ${seeds} (messages: %s)`,
    (messages) => {
      for (let seed = 1; seed <= seeds; seed++) fair(seed, messages);
    },
  );

  function fair(seed: number, messages: boolean): void {
    const random = new SeededRandom(seed);
    const rate = [11.52, 125, 1_250, 12_500][seed % 4]!;
    const delay = random.int(1, 150);
    const largest = [1, 100, 4_000, 65_536][random.int(0, 3)]!;
    const most = Math.min(rate * 100, largest < 100 ? sized(200, 1_000) : 40_000);
    const options: Partial<MuxSimOptions> = {
      ...{ rate, delay, jitter: random.int(0, 40), capacity: random.int(1, 100_000), messages },
      ...{ random: () => random.next(), chunk: (n: number) => random.int(1, Math.min(n, largest)) },
    };
    const apps = traffic();
    apps.a.seedOf = apps.b.seedOf = () => seed;
    const sim = new MuxSim({ ...options, apps, odd: seed % 2 === 0 ? 'a' : 'b' });
    let bytes = 0;
    apps.b.onIncoming = (id, _, end) => {
      end.mux.accept(id);
      const length = random.int(0, most);
      bytes += length;
      apps.b.send(id, length, end, seed);
    };
    for (let i = random.int(1, 20); i > 0; i--) {
      const length = random.int(0, most);
      bytes += length;
      apps.a.send(sim.a.mux.open('x'), length, sim.a, seed);
    }
    sim.flush();
    for (let i = 0; i < 5; i++)
      sim.after(random.int(0, 5_000), () => sim.wires[i % 2]!.stall(2 * delay, sim.now));
    const bound = 2 * (bytes / rate) + 100 * delay + 5_000;
    expect(runToEmpty(sim, bound), `seed ${seed}`).toBe(true);
    expect([apps.a.wrongAt, apps.b.wrongAt], `seed ${seed}`).toEqual([-1, -1]);
    expect(apps.a.total + apps.b.total, `seed ${seed}`).toBe(bytes);
  }
});

describe('life and death', () => {
  /** Both directions saturated; returns the worst round trip of a ping a second. */
  function saturated(
    rate: number,
    delay: number,
    minutes: number,
  ): { worst: number; errors: unknown[]; read: number } {
    const apps = traffic();
    const limits = { idleTimeout: 10_000 };
    const chunk = (n: number): number => Math.min(n, 1_460);
    const sim = new MuxSim({ rate, delay, chunk, capacity: 4_096, apps, a: limits, b: limits });
    apps.b.onIncoming = (id, _, end) => {
      end.mux.accept(id);
      apps.b.send(id, Number.POSITIVE_INFINITY, end);
    };
    apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    for (let second = 1; second <= 60 * minutes; second++) {
      sim.run(second * 1_000);
      sim.a.mux.ping(sim.now);
      sim.flush();
    }
    sim.run(sim.now + 1_000);
    const worst = Math.max(...apps.a.pongs.slice(5).map(({ rtt }) => rtt));
    expect(apps.a.pongs.length).toBeGreaterThan(60 * minutes - 2);
    return { worst, errors: [apps.a.error, apps.b.error], read: Math.min(apps.a.total, apps.b.total) };
  }

  const minutes = sized(2, 10);
  it(`K1: 1 Mbit/s saturated both ways for ${minutes} minutes: nobody dies, and a ping waits for two frames each way`, () => {
    const { worst, errors, read } = saturated(125, 10, minutes);
    expect(errors).toEqual([undefined, undefined]);
    expect(read).toBeGreaterThan(minutes * 60_000 * 125 * 0.9);
    expect(worst).toBeLessThan(WORST_PING);
  });

  it.each([5_000, 30_000, 60_000])(
    'K2: a peer that goes silent while writes are taken is dead within two idle periods (%i ms)',
    (idle) => {
      const apps = traffic();
      const sim = new MuxSim({ rate: 125, delay: 10, apps, a: { idleTimeout: idle }, b: { idleTimeout: 0 } });
      apps.a.send(sim.a.mux.open('x'), Number.POSITIVE_INFINITY, sim.a);
      sim.flush();
      sim.run(10_000);
      sim.wires[1].halfDead = true;
      const began = sim.now;
      expect(sim.run(began + 2 * idle, () => apps.a.closed)).toBe(true);
      expect(apps.a.error).toMatchObject({ code: 'ERR_MUX_IDLE' });
      expect(sim.now - began).toBeGreaterThanOrEqual(idle - 100);
    },
  );

  it('K3: a stall of 39 s kills nobody, and any byte counts as life', () => {
    const apps = traffic();
    const sim = new MuxSim({ rate: 125, delay: 10, apps });
    apps.a.send(sim.a.mux.open('x'), 1_000_000, sim.a);
    sim.flush();
    for (const at of [1_000, 60_000, 120_000])
      sim.after(at, () => {
        for (const wire of sim.wires) wire.stall(39_000, sim.now);
      });
    sim.run(600_000);
    expect([apps.a.error, apps.b.error]).toEqual([undefined, undefined]);
    expect(apps.b.total).toBe(1_000_000);
  });

  it('K4: an end whose timers fire once a minute neither dies nor lets a dead link stand', () => {
    const apps = traffic();
    const sim = new MuxSim({ delay: 10, apps });
    const throttled = sim.a;
    const minute = (): void => {
      throttled.tick(sim.now);
      throttled.deadline = Number.POSITIVE_INFINITY; // no timer of its own
      if (!apps.a.closed) sim.after(60_000, minute);
    };
    minute();
    sim.run(3_600_000);
    expect([apps.a.error, apps.b.error]).toEqual([undefined, undefined]);
    sim.wires[0].halfDead = sim.wires[1].halfDead = true;
    sim.run(sim.now + 300_000);
    expect(apps.a.error).toMatchObject({ code: 'ERR_MUX_IDLE' });
  });

  it('K5: when one end gives the link up for dead, both ends end with an error and no reader is left hanging', () => {
    const apps = traffic();
    const sim = new MuxSim({ rate: 1_000, delay: 10, apps, a: { idleTimeout: 10_000 } });
    for (let i = 0; i < 5; i++) apps.a.send(sim.a.mux.open('x'), Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    sim.run(1_000);
    for (const wire of sim.wires) wire.halfDead = true;
    sim.run(20_000, () => apps.a.closed);
    sim.lose(); // the driver closes the link
    expect(apps.a.error).toMatchObject({ code: 'ERR_MUX_IDLE' });
    expect(apps.b.error).toMatchObject({ code: 'ERR_MUX_LINK_CLOSED' });
    for (const { mux } of [sim.a, sim.b]) {
      expect(mux.stats().channels).toBe(0);
      expect(mux.takeOutput(1 << 20, sim.now).length).toBeLessThanOrEqual(1); // at most the goodbye
    }
  });
});
