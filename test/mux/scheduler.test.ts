import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveBudget } from '../../src/mux/budget.ts';
import { Kind } from '../../src/mux/frame.ts';
import { Scheduler } from '../../src/mux/scheduler.ts';
import { MuxStream } from '../../src/mux/stream.ts';
import { accountOf } from '../support/account.ts';
import { growth, LINEAR } from '../support/growth.ts';
import { MuxPair, mirror } from '../support/muxPair.ts';
import { frame, open, Victim, varint } from '../support/muxPeer.ts';
import { SeededRandom } from '../support/random.ts';

const QUANTUM = 16_384;

const stream = (id: number, urgency = 3, sharing = true): MuxStream =>
  new MuxStream(
    id,
    { messages: false, urgency, sharing, sendLimit: 0 },
    { window: 0, maxWindow: 0, budget: new ReceiveBudget(0, 0) },
  );

/** Lets the scheduler hand out frames of the sizes that `sizeOf` says; returns the bytes of each channel. */
function serve(
  scheduler: Scheduler,
  frames: number,
  sizeOf: (one: MuxStream) => number,
): Map<MuxStream, number> {
  const bytes = new Map<MuxStream, number>();
  for (let i = 0; i < frames; i++) {
    const one = scheduler.next(QUANTUM)!;
    const size = sizeOf(one);
    scheduler.charge(size);
    bytes.set(one, (bytes.get(one) ?? 0) + size);
  }
  return bytes;
}

/** 1: all have the same; 1/n: one has everything (Jain 1984). */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((a, b) => a + b * b, 0));
}

describe('the scheduler', () => {
  it('gives channels of one urgency equal turns', () => {
    const scheduler = new Scheduler();
    for (const id of [2, 4, 6, 8]) scheduler.add(stream(id));
    const turns: number[] = [];
    serve(scheduler, 12, (one) => {
      turns.push(one.id);
      return QUANTUM;
    });
    expect(turns).toEqual([2, 4, 6, 8, 2, 4, 6, 8, 2, 4, 6, 8]);
  });

  it('is fair in bytes, whatever the sizes of frames (Jain index above 0.99)', () => {
    const quantum = 1_024;
    const most = fc.constantFrom(16, 100, 700, quantum);
    fc.assert(
      fc.property(fc.array(most, { minLength: 2, maxLength: 12 }), fc.nat(), (sizes, seed) => {
        const random = new SeededRandom(seed);
        const scheduler = new Scheduler();
        for (const i of sizes.keys()) scheduler.add(stream(2 * i + 2));
        const bytes = sizes.map(() => 0);
        for (let most = 0; most < 50 * quantum; ) {
          const index = scheduler.next(quantum)!.id / 2 - 1;
          const size = random.int(1, sizes[index]!);
          scheduler.charge(size);
          bytes[index]! += size + 8; // a frame costs its header too
          most = Math.max(most, bytes[index]!);
        }
        expect(jain(bytes)).toBeGreaterThan(0.99);
      }),
      { numRuns: 25 },
    );
  });

  it('serves the urgent first and starves nobody', () => {
    const scheduler = new Scheduler();
    const [first, third, last] = [stream(2, 0), stream(4, 3), stream(6, 7)];
    for (const one of [first, third, last]) scheduler.add(one);
    const bytes = serve(scheduler, 1_600, (one) => (one === first ? 100 : QUANTUM));
    const all = [...bytes.values()].reduce((a, b) => a + b, 0);
    expect(bytes.get(first)! / all).toBeGreaterThan(0.8);
    expect(bytes.get(third)! / all).toBeGreaterThan(0.04);
    expect(bytes.get(last)! / all).toBeGreaterThan(0.04);
  });

  it('a channel that blocks and comes back is neither starved nor favoured', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 2, max: 8 }), (seed, count) => {
        const random = new SeededRandom(seed);
        const scheduler = new Scheduler();
        const streams = Array.from({ length: count }, (_, i) => stream(2 * i + 2));
        for (const one of streams) scheduler.add(one);
        const bytes = new Map<MuxStream, number>(streams.map((one) => [one, 0]));
        let blocked = false;
        for (let i = 0; i < 3_000; i++) {
          const one = scheduler.next(QUANTUM)!;
          const size = random.int(1, QUANTUM);
          scheduler.charge(size);
          bytes.set(one, bytes.get(one)! + size);
          if (blocked) scheduler.add(streams[0]!);
          blocked = one === streams[0] && random.next() < 0.5;
          if (blocked) scheduler.remove(one); // for one frame of another
        }
        const others = [...bytes.values()].slice(1);
        const mean = others.reduce((a, b) => a + b, 0) / others.length;
        expect(bytes.get(streams[0]!)! / mean).toBeGreaterThan(0.5);
        expect(bytes.get(streams[0]!)! / mean).toBeLessThan(1.2);
      }),
      { numRuns: 30 },
    );
  });

  it('those that do not share go one after the other, and take one turn together', () => {
    const scheduler = new Scheduler();
    const [a, b, c] = [stream(2, 3, false), stream(4, 3, false), stream(6)] as [
      MuxStream,
      MuxStream,
      MuxStream,
    ];
    for (const one of [a, b, c]) scheduler.add(one);
    let bytes = serve(scheduler, 100, () => QUANTUM);
    expect([bytes.get(a), bytes.get(b), bytes.get(c)]).toEqual([50 * QUANTUM, undefined, 50 * QUANTUM]);
    scheduler.remove(a);
    scheduler.next(QUANTUM);
    scheduler.add(a); // the older one goes on
    bytes = serve(scheduler, 100, () => QUANTUM);
    expect([bytes.get(a), bytes.get(b)]).toEqual([50 * QUANTUM, undefined]);
    scheduler.remove(a);
    bytes = serve(scheduler, 100, () => QUANTUM);
    expect(bytes.get(b)).toBe(50 * QUANTUM);
  });

  it('holds a channel once, and lets go of it, in any order of calls', () => {
    const step = fc.tuple(
      fc.constantFrom('add', 'remove', 'change', 'serve'),
      fc.nat(5),
      fc.nat(7),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const scheduler = new Scheduler();
        const streams = Array.from({ length: 6 }, (_, i) => stream(2 * i + 2));
        const waiting = new Set<MuxStream>();
        for (const [what, index, urgency, sharing] of steps) {
          const one = streams[index]!;
          if (what === 'add') {
            scheduler.add(one);
            waiting.add(one);
          } else if (what === 'remove') {
            scheduler.remove(one);
            waiting.delete(one);
          } else if (what === 'change') scheduler.change(one, { urgency, sharing });
          else if (waiting.size > 0) {
            expect(waiting).toContain(scheduler.next(QUANTUM));
            scheduler.charge(QUANTUM);
          }
          expect(scheduler.isEmpty).toBe(waiting.size === 0);
        }
        const left = new Set<MuxStream>();
        for (let one = scheduler.next(1); one !== undefined; one = scheduler.next(1)) {
          left.add(one);
          scheduler.remove(one);
        }
        expect(left).toEqual(waiting);
      }),
    );
  });

  it('D5: a change of priority costs the same however many channels wait', () => {
    const churn = (count: number) => () => {
      const scheduler = new Scheduler();
      const streams = Array.from({ length: count }, (_, i) => stream(2 * i + 2, i % 8, i % 3 > 0));
      for (const one of streams) scheduler.add(one);
      for (let i = 0; i < 20 * count; i++)
        scheduler.change(streams[(i * 7_919) % count]!, { urgency: i % 8, sharing: i % 2 > 0 });
      expect(scheduler.isEmpty).toBe(false);
    };
    expect(growth(200, churn)).toBeLessThan(LINEAR);
  });
});

describe('priorities', () => {
  it('take effect at both ends, before and after OPEN has left', () => {
    const pair = new MuxPair();
    const id = pair.a.mux.open('x', undefined, { urgency: 1, sharing: false });
    pair.settle();
    expect(pair.b.mux.channel(mirror(id))).toMatchObject({ urgency: 1, sharing: false });
    const early = pair.a.mux.open('y');
    pair.a.mux.prioritize(early, { urgency: 7 });
    pair.b.mux.prioritize(mirror(id), { sharing: true });
    pair.settle();
    expect(pair.b.mux.channel(mirror(early))).toMatchObject({ urgency: 7, sharing: true });
    expect(pair.a.mux.channel(id)).toMatchObject({ urgency: 1, sharing: true });
    expect(() => pair.a.mux.prioritize(id, { urgency: 8 })).toThrow(/urgency 8/);
  });

  it('a channel that waits moves ahead at once', () => {
    const victim = Victim.greeted({ maxFrame: 4_096 });
    victim.feed(open(1), open(3));
    victim.output();
    for (const id of [1, 3]) victim.mux.write(id, new Uint8Array(60_000));
    victim.feed(frame(Kind.priority, 3, varint(0)));
    for (let i = 0; i < 3; i++) victim.output(4_096);
    expect(accountOf(victim.mux, 3)!.sent).toBeGreaterThanOrEqual(8_192);
    expect(accountOf(victim.mux, 1)!.sent).toBeLessThanOrEqual(4_096);
  });

  it('D5: churn of priorities ends the link', () => {
    const victim = Victim.greeted();
    victim.feed(open(1));
    for (let i = 0; i < 20_000 && victim.error === undefined; i++)
      victim.feed(frame(Kind.priority, 1, varint(i % 16)));
    expect(victim.error?.code).toBe('ERR_MUX_LIMIT');
  });
});
