import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIRST_IN_FLIGHT, MAX_IN_FLIGHT, MIN_FRAME } from '../../src/mux/limits.ts';
import { LinkMeter } from '../../src/mux/linkMeter.ts';
import { MuxSim, type MuxSimOptions } from '../support/muxSim.ts';
import { SeededRandom } from '../support/random.ts';
import { traffic } from '../support/simApps.ts';

/** Bytes per ms of 115,200 baud, 8N1. */
const SERIAL = 11.52;
const WIDE = { initialCredit: 16_777_216, maxChannels: 4 };

/** One channel that always has something to send, for `ms`; then PINGs beside it for as long again. */
function saturate(rtt: number, rate: number, ms: number, more: Partial<MuxSimOptions> = {}) {
  const apps = traffic();
  const sim = new MuxSim({ rate, delay: rtt / 2, a: WIDE, b: WIDE, apps, ...more });
  sim.run(2 * rtt);
  apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
  sim.flush();
  sim.run(sim.now + ms);
  const from = sim.now;
  const before = apps.b.total;
  while (sim.now < from + ms) {
    sim.a.mux.ping(sim.now);
    sim.flush();
    sim.run(sim.now + 97);
  }
  const use = (apps.b.total - before) / (sim.now - from) / rate;
  sim.run(sim.now + 2 * rtt + 100);
  return { stats: sim.a.mux.stats(), use, pings: apps.a.pongs.map((pong) => pong.rtt), apps, sim };
}

/** Bulk both ways for `ms`; what the ends have made of the line in the second half of it. */
function crossing(rtt: number, rate: number, ms: number, more: Partial<MuxSimOptions> = {}) {
  const apps = traffic();
  const sim = new MuxSim({ rate, delay: rtt / 2, a: WIDE, b: WIDE, apps, ...more });
  apps.b.onIncoming = (id, _, end) => {
    end.mux.accept(id);
    apps.b.send(id, Number.POSITIVE_INFINITY, end);
  };
  apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
  sim.flush();
  sim.run(ms / 2);
  const before = [apps.b.total, apps.a.total] as const;
  sim.run(ms);
  const backRate = more.back?.rate ?? rate;
  const end = (bytes: number, of: number, { mux }: MuxSim['a']) => {
    const { minRtt } = mux.stats();
    return { use: bytes / (ms / 2) / of, minRtt: minRtt! };
  };
  return {
    a: end(apps.b.total - before[0], rate, sim.a),
    b: end(apps.a.total - before[1], backRate, sim.b),
  };
}

describe('the link meter', () => {
  it.each([
    [1, SERIAL],
    [60, SERIAL],
    [1, 125],
    [10, 1_250],
    [60, 1_250],
    [10, 12_500],
    [300, 12_500],
  ])('K1: RTT %d ms at %d bytes/ms: bulk fills the line and PINGs pass it', (rtt, rate) => {
    const { stats, use, pings } = saturate(rtt, rate, 4_000);
    expect(stats.minRtt).toBeLessThan(rtt + 3);
    const frame = Math.max(MIN_FRAME, Math.min(rate * 10, 16_384));
    expect(use).toBeGreaterThan(0.95);
    expect(Math.max(...pings)).toBeLessThanOrEqual(stats.minRtt! + (2 * frame) / rate + 10);
    expect(stats.deliveryRate / 1_000).toBeGreaterThan(rate * 0.95);
    expect(stats.deliveryRate / 1_000).toBeLessThan(rate * 1.05);
    expect(stats.frameSize).toBeGreaterThanOrEqual(MIN_FRAME);
    expect(stats.frameSize).toBeLessThanOrEqual(frame * 1.05);
  });

  it('the least round trip does not creep up behind our own queue, in half a minute of bulk', () => {
    for (const [rtt, rate] of [
      [1, 125],
      [20, 1_250],
    ] as const) {
      const { stats, use, pings } = saturate(rtt, rate, 15_000);
      expect(stats.minRtt).toBeLessThan(rtt + 1.5);
      expect(use).toBeGreaterThan(0.95);
      expect(Math.max(...pings)).toBeLessThanOrEqual(rtt + 30);
    }
  });

  it('K1: a queue ends the startup though it is credit that holds the channel back, and is drained at once', () => {
    const [rtt, rate] = [100, 1_250];
    const apps = traffic();
    const sim = new MuxSim({ rate, delay: rtt / 2, apps });
    apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    sim.run(12 * rtt);
    const before = apps.b.total;
    sim.run(sim.now + 10 * rtt);
    expect((apps.b.total - before) / (10 * rtt * rate)).toBeGreaterThan(0.98);
    const { inFlight, frameSize } = sim.a.mux.stats();
    expect(inFlight).toBeLessThan(rate * (rtt + 10) + 2 * frameSize);
  });

  it('K1: a long line that is full is not asked for a quarter more', () => {
    const { use, pings } = saturate(300, 12_500, 6_000);
    expect(use).toBeGreaterThan(0.98);
    expect(Math.max(...pings)).toBeLessThanOrEqual(300 + (2 * 16_384) / 12_500 + 10);
  });

  it('a line that got four times wider is found out, the faster the longer nothing waits', () => {
    const rtt = 100;
    const meter = new LinkMeter(16_384);
    const acks: { at: number; position: number }[] = [];
    let [sent, arrived, queue] = [0, 0, 0];
    const run = (from: number, to: number, rate: number): void => {
      for (let now = from; now < to; now++) {
        while (acks[0] !== undefined && acks[0].at <= now) meter.onAcked(acks.shift()!.position, 0, now);
        const before = sent;
        while (meter.hasRoom(sent - before)) sent += meter.frameSize;
        meter.onSent(sent - before, 0, false, now);
        queue += sent - before;
        const served = Math.min(queue, rate);
        queue -= served;
        arrived += served;
        if (served > 0 && now % 5 === 0) acks.push({ at: now + rtt, position: arrived });
      }
    };
    run(0, 3_000, 1_000);
    expect(meter.rate).toBeLessThan(1_050);
    run(3_000, 8_000, 4_000);
    expect(meter.rate).toBeGreaterThan(3_600);
    const before = arrived;
    run(8_000, 10_000, 4_000);
    expect(arrived - before).toBeGreaterThan(0.95 * 2_000 * 4_000);
    expect(queue).toBeLessThan(2 * 16_384 + 10 * 4_000);
  });

  it.each([
    [20, 60, 1_250],
    [20, 60, 125_000],
    [1, 30, 125_000],
    [10, 100, 12_500],
    [1, 300, 12_500],
  ])('a way of %d ms that becomes one of %d ms at %d bytes/ms is found out in seconds', (from, to, rate) => {
    const apps = traffic();
    const sim = new MuxSim({ rate, delay: from / 2, a: WIDE, b: WIDE, apps });
    sim.run(2 * from);
    apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    sim.run(sim.now + 2_000);
    for (const wire of sim.wires) wire.delay = to / 2;
    sim.run(sim.now + 1_000 + 6 * to);
    const before = apps.b.total;
    sim.run(sim.now + 2_000);
    expect((apps.b.total - before) / 2_000 / rate).toBeGreaterThan(0.95);
    expect(sim.a.mux.stats().minRtt).toBeGreaterThan(0.95 * to);
  });

  it('a way that became longer while nothing went over it but PINGs is found out, too', () => {
    const apps = traffic();
    const sim = new MuxSim({ rate: 12_500, delay: 0.5, a: WIDE, b: WIDE, apps });
    const pings = (ms: number): void => {
      for (const end = sim.now + ms; sim.now < end; sim.run(sim.now + 50)) {
        sim.a.mux.ping(sim.now);
        sim.flush();
      }
    };
    pings(1_000);
    for (const wire of sim.wires) wire.delay = 50;
    pings(1_000);
    apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    sim.run(sim.now + 3_000);
    const before = apps.b.total;
    sim.run(sim.now + 2_000);
    expect((apps.b.total - before) / 2_000 / 12_500).toBeGreaterThan(0.95);
  });

  it('a jittery line is still used, whatever its least round trip says', () => {
    const random = new SeededRandom(7);
    const { use } = saturate(20, 1_250, 8_000, { jitter: 60, random: () => random.next() });
    expect(use).toBeGreaterThan(0.8);
  });

  it('K1: where a round trip is a fraction of a millisecond, waiting for a processor is not taken for a longer line', () => {
    const random = new SeededRandom(7);
    const { stats } = saturate(0.2, 125_000, 300, { jitter: 8, random: () => random.next() });
    expect(stats.sendCap).toBeLessThan(524_288);
  });

  it('holds back nothing before it has measured but what a first flight is', () => {
    const apps = traffic();
    const sim = new MuxSim({ rate: 1e5, delay: 100, a: WIDE, b: WIDE, apps });
    sim.run(250);
    apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    sim.run(sim.now + 99);
    const { inFlight } = sim.a.mux.stats();
    expect(inFlight).toBeGreaterThanOrEqual(FIRST_IN_FLIGHT);
    expect(inFlight).toBeLessThan(2 * FIRST_IN_FLIGHT + 100);
  });

  it('what an application sends now and then says nothing about the line', () => {
    const apps = traffic();
    const sim = new MuxSim({ rate: 12_500, delay: 10, a: WIDE, b: WIDE, apps });
    const id = sim.a.mux.open('keys');
    for (let i = 0; i < 200; i++) {
      sim.a.mux.write(id, new Uint8Array(40));
      sim.flush();
      sim.run(sim.now + 50);
    }
    expect(sim.a.mux.stats()).toMatchObject({ frameSize: 16_384, sendCap: FIRST_IN_FLIGHT, inFlight: 0 });
  });

  it('ACK frames, which nobody acknowledges, do not count as in flight', () => {
    const meter = new LinkMeter(16_384);
    for (let i = 0; i < 10_000; i++) meter.onSent(10, 10, true, i);
    expect(meter.inFlight).toBe(0);
    meter.onSent(500, 0, true, 10_000);
    expect(meter.inFlight).toBe(500);
    meter.onAcked(50_000, 0, 10_010);
    expect([meter.inFlight, meter.rtt]).toEqual([500, undefined]);
    meter.onAcked(100_500, 0, 10_050);
    expect([meter.inFlight, meter.rtt]).toEqual([0, 50]);
  });

  it('with data both ways, what has arrived is in front of no line, however slow it was reckoned', () => {
    const meter = new LinkMeter(16_384);
    meter.pace.limit(1_000, 1);
    meter.onSent(3_000, 0, false, 0);
    expect(meter.pace.hasRoom(0)).toBe(false);
    expect(meter.pace.deadline()).toBeGreaterThan(1_000);
    meter.onAcked(3_000, 0, 20, 5_000);
    expect(meter.pace.hasRoom(0)).toBe(true);
    expect(meter.pace.deadline()).toBeUndefined();
  });

  it('a queue ends no startup before there is a rate', () => {
    const meter = new LinkMeter(16_384);
    for (const [bytes, quiet, acked] of [
      [2, 0, 1],
      [2, 2, 3],
      [2, 0, 5],
    ] as const) {
      meter.onSent(bytes, quiet, false, 0);
      meter.onAcked(acked, 0, 0);
    }
    expect(meter).toMatchObject({ rate: 0, cap: FIRST_IN_FLIGHT, frameSize: 16_384 });
  });

  it('K1: what a PING and its ACK add is not taken for a jittery line', () => {
    const [rtt, rate] = [100, SERIAL];
    const apps = traffic();
    const sim = new MuxSim({ rate, delay: rtt / 2, a: WIDE, b: WIDE, apps });
    apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    sim.run(8_000);
    for (let i = 0; i < 300; i++) {
      sim.a.mux.ping(sim.now);
      sim.flush();
      sim.run(sim.now + 22);
    }
    expect(apps.a.pongs.length).toBeGreaterThan(250);
    const { minRtt } = sim.a.mux.stats();
    for (const pong of apps.a.pongs.slice(10))
      expect(pong.rtt).toBeLessThanOrEqual(minRtt! + (2 * MIN_FRAME) / rate + 10);
  });

  it('the probe for the least round trip and the way back leave no queue and no gap', () => {
    const [rtt, rate] = [300, 1_250];
    const apps = traffic();
    const sim = new MuxSim({ rate, delay: rtt / 2, a: WIDE, b: WIDE, apps });
    apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
    sim.flush();
    sim.run(9_000);
    const before = apps.b.total;
    sim.wires[0].maxBuffered = 0;
    sim.run(15_000);
    expect(sim.wires[0].maxBuffered).toBeLessThan(2 * 12_500 + 10 * rate);
    expect((apps.b.total - before) / (6_000 * rate)).toBeGreaterThan(0.95);
  });

  it('with bulk both ways a jittery line is still used, and nothing creeps', () => {
    const random = new SeededRandom(7);
    const jitter = { jitter: 20, random: () => random.next() };
    const { a, b } = crossing(40, 1_250, 20_000, jitter);
    expect(Math.min(a.use, b.use)).toBeGreaterThan(0.8);
    expect(Math.max(a.minRtt, b.minRtt)).toBeLessThan(60);
  });

  it('a slow way back costs the fast way nothing', () => {
    const { a, b } = crossing(40, 1_250, 20_000, { back: { rate: 125, delay: 20 } });
    expect([a.use > 0.95, b.use > 0.85]).toEqual([true, true]);
    expect(Math.max(a.minRtt, b.minRtt)).toBeLessThan(50);
  });

  it('gives sane numbers for any ACKs, at any time, with any delay', () => {
    const step = fc.record({
      bytes: fc.nat(70_000),
      quiet: fc.boolean(),
      idle: fc.boolean(),
      wait: fc.double({ min: 0, max: 2_000, noNaN: true }),
      acked: fc.double({ min: 0, max: 1, noNaN: true }),
      delay: fc.oneof(fc.double({ min: 0, max: 50, noNaN: true }), fc.constant(2 ** 43)),
      clock: fc.option(fc.oneof(fc.nat(2 ** 30), fc.constant(2 ** 53 - 1)), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (script) => {
        const meter = new LinkMeter(16_384);
        let [now, sent, acked] = [0, 0, 0];
        for (const { bytes, quiet, idle, wait, acked: share, delay, clock } of script) {
          now += wait;
          sent += bytes;
          meter.pace.drain(now);
          meter.onSent(bytes, quiet ? bytes : 0, idle, now);
          const position = acked + Math.floor((sent - acked) * share);
          if (position > acked) meter.onAcked((acked = position), delay, now, clock);
          expect(meter.pace.deadline() ?? Number.POSITIVE_INFINITY).toBeGreaterThan(now);
          expect(meter.rtt ?? 1).toBeGreaterThan(0);
          expect(meter.inFlight).toBeGreaterThanOrEqual(0);
          expect(meter.inFlight).toBeLessThanOrEqual(sent - acked);
          expect(meter.cap).toBeGreaterThanOrEqual(1);
          expect(meter.cap).toBeLessThanOrEqual(MAX_IN_FLIGHT);
          expect(meter.frameSize).toBeGreaterThanOrEqual(MIN_FRAME);
          expect(meter.frameSize).toBeLessThanOrEqual(16_384);
        }
      }),
      { numRuns: 300 },
    );
  });
});
