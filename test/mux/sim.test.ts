/** The simulator itself: what it promises the tests that stand on it. */
import { describe, expect, it } from 'vitest';
import { EventHeap } from '../support/eventHeap.ts';
import { MuxSim, type MuxSimOptions } from '../support/muxSim.ts';
import { SeededRandom } from '../support/random.ts';
import { Echo, runToEmpty, Traffic, traffic } from '../support/simApps.ts';
import { simLinks, VirtualClock } from '../support/simLink.ts';
import { SimWire, type WireOptions } from '../support/simWire.ts';

function wire(options: WireOptions) {
  const log: { at: number; bytes: Uint8Array }[] = [];
  const drains: number[] = [];
  const cuts: number[] = [];
  const wire = new SimWire(options, {
    arrive: (bytes, now) => log.push({ at: now, bytes }),
    drain: (now) => drains.push(now),
    cut: (now) => cuts.push(now),
  });
  const run = (until = Number.POSITIVE_INFINITY): void => {
    while (wire.next <= until && wire.next < Number.POSITIVE_INFINITY) wire.fire(wire.next);
  };
  const arrived = (): number => log.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return { wire, log, drains, cuts, run, arrived };
}

describe('a simulated wire', () => {
  it('keeps its rate and its delay', () => {
    const { wire: it, log, run, arrived } = wire({ rate: 10, delay: 50 });
    it.send([new Uint8Array(1_000)], 0);
    run(100);
    expect(arrived()).toBeLessThanOrEqual(500);
    run();
    expect(arrived()).toBe(1_000);
    expect(log.at(-1)!.at).toBeCloseTo(150);
  });

  it('has room again when half of what waited has left', () => {
    const { wire: it, drains, run } = wire({ rate: 10, capacity: 1_000 });
    it.send([new Uint8Array(2_000)], 0);
    expect(it.hasRoom(0)).toBe(false);
    run();
    expect(drains.length).toBe(1);
    expect(drains[0]).toBeCloseTo(150);
    expect(it.hasRoom(151)).toBe(true);
  });

  it('never turns pieces round, whatever the jitter', () => {
    const random = new SeededRandom(1);
    const { wire: it, log, run } = wire({ rate: 10, jitter: 100, random: () => random.next() });
    const sent = random.bytes(5_000);
    it.send([sent], 0);
    run();
    expect(Buffer.concat(log.map(({ bytes }) => bytes)).equals(sent)).toBe(true);
    expect(log.every(({ at }, i) => i === 0 || at >= log[i - 1]!.at)).toBe(true);
  });

  it('stands still in a stall and then goes on', () => {
    const { wire: it, log, run, arrived } = wire({ rate: 10, delay: 50 });
    it.send([new Uint8Array(1_000)], 0);
    run(100);
    const before = arrived();
    it.stall(500, 100);
    run(599);
    expect(arrived()).toBe(before);
    run();
    expect(log.at(-1)!.at).toBeCloseTo(650);
  });

  it('is cut after the byte that was named', () => {
    for (let cut = 1; cut <= 100; cut++) {
      const { wire: it, cuts, run, arrived } = wire({ chunk: () => 7 });
      it.cutAfter(cut);
      it.send([new Uint8Array(150)], 0);
      run();
      expect([arrived(), cuts.length]).toEqual([cut, 1]);
    }
  });

  it('delivers nothing when half dead, and takes everything', () => {
    const { wire: it, log, run } = wire({ rate: 1_000 });
    it.halfDead = true;
    it.send([new Uint8Array(500)], 0);
    run();
    expect([log.length, it.hasRoom(1)]).toEqual([0, true]);
  });

  it('keeps messages whole', () => {
    const { wire: it, log, run } = wire({ rate: 10, messages: true });
    it.send([new Uint8Array(300), new Uint8Array(200)], 0);
    it.send([new Uint8Array(7)], 0);
    run();
    expect(log.map(({ bytes }) => bytes.length)).toEqual([500, 7]);
  });
});

describe('a simulated session', () => {
  const WILD: Partial<MuxSimOptions> = { rate: 500, delay: 20, jitter: 30 };

  function run(
    seed: number,
    messages: boolean,
  ): { steps: number; now: number; wrongAt: number; read: number } {
    const random = new SeededRandom(seed);
    const apps = { a: new Traffic(), b: new Echo() };
    const chunk = (n: number): number => random.int(1, Math.min(n, 4_000));
    const sim = new MuxSim({ ...WILD, messages, chunk, random: () => random.next(), apps });
    apps.a.seedOf = apps.b.seedOf = () => 5;
    const id = sim.a.mux.open('echo');
    apps.a.send(id, 300_000, sim.a, 5);
    sim.flush();
    sim.after(300, () => sim.wires[0].stall(400, sim.now));
    runToEmpty(sim, 60_000);
    return { steps: sim.steps, now: sim.now, wrongAt: apps.a.wrongAt, read: apps.a.read.get(id) ?? 0 };
  }

  it.each([false, true])('echoes under jitter, stalls and re-chunking (messages: %s)', (messages) => {
    const { now, wrongAt, read } = run(1, messages);
    expect([wrongAt, read]).toEqual([-1, 300_000]);
    expect(now).toBeLessThan(2_500);
  });

  it('goes the same way each time', () => {
    expect(run(3, false)).toEqual(run(3, false));
    expect(run(3, false)).not.toEqual(run(4, false));
  });

  it('ends both sessions when the wire is cut, at any byte', () => {
    for (let cut = 1; cut < 400; cut += 3) {
      const apps = traffic();
      const sim = new MuxSim({ delay: 5, apps });
      sim.wires[0].cutAfter(cut);
      apps.a.send(sim.a.mux.open('x'), 1_000, sim.a);
      sim.flush();
      sim.run(1_000);
      expect([apps.a.closed, apps.b.closed]).toEqual([true, true]);
    }
  });

  it('says so when time stands still', () => {
    const sim = new MuxSim({ apps: traffic() });
    sim.livelock = 1_000;
    const again = (): void => sim.after(0, again);
    again();
    expect(() => sim.run(1)).toThrow(/time stands/);
  });
});

describe('the event heap', () => {
  it('gives back events by time, then by order, and lets any be taken out', () => {
    const random = new SeededRandom(2);
    const heap = new EventHeap<{ at: number; order?: number }>();
    const items = Array.from(
      { length: 2_000 },
      () => ({ at: random.int(0, 300) }) as { at: number; order?: number },
    );
    for (const item of items) heap.add(item);
    const dropped = new Set(items.filter(() => random.next() < 0.3));
    for (const item of dropped) heap.remove(item);
    for (const item of dropped) heap.remove(item);
    const wanted = items.filter((item) => !dropped.has(item));
    wanted.sort((x, y) => x.at - y.at || x.order! - y.order!);
    expect(heap.size).toBe(wanted.length);
    expect(wanted.every((item) => heap.take() === item)).toBe(true);
    expect(heap.take()).toBeUndefined();
  });
});

describe('a simulated link for drivers', () => {
  it('keeps the order under jitter, and delivers nothing in a stall and all of it afterwards', async () => {
    const clock = new VirtualClock();
    const random = new SeededRandom(4);
    const { links, control } = simLinks({
      clock,
      rate: 10,
      delay: 20,
      jitter: 50,
      random: () => random.next(),
      chunk: () => 7,
    });
    const got: Uint8Array[] = [];
    links[1].start({ data: (bytes) => got.push(bytes), drain() {}, end() {}, closed() {} });
    links[0].start({ data() {}, drain() {}, end() {}, closed() {} });
    const sent = random.bytes(1_000);
    links[0].send(sent);
    await clock.advance(60);
    const before = Buffer.concat(got).length;
    control.stall(500);
    await clock.advance(499);
    expect(Buffer.concat(got).length).toBe(before);
    await clock.advance(200);
    expect(Buffer.concat(got).equals(sent)).toBe(true);
  });

  it('has timers that are cheap however many wait', () => {
    const clock = new VirtualClock();
    const cancels = Array.from({ length: 100_000 }, (_, i) => clock.after((i * 7_919) % 100_000, () => {}));
    for (const cancel of cancels) cancel();
    expect(clock.pending).toBe(0);
  });
});
