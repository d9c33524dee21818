/** The lines of `muxTable.ts` with bulk both ways at once: ACKs of one direction stand in the other one's queue. */
import { MuxSim } from './muxSim.ts';
import { FRAME, frameOf, KERNEL, PINGS, p99Of, ping, RATES, type RateName } from './muxTable.ts';
import { traffic } from './simApps.ts';

export interface BothCell {
  /** Milliseconds. */
  readonly rtt: number;
  readonly rate: RateName;
}

export interface BothFigures {
  /** Share of the line that carries payload, there and back. */
  readonly utilisation: readonly [number, number];
  /** Round trip of a ping beside the bulk, in ms: 99 of 100 are not above it. */
  readonly p99: number;
  /** Most bytes that waited in front of either line. */
  readonly queue: number;
  /** What the ends take the least round trip for, the larger of the two. */
  readonly minRtt: number;
}

const RATE_NAMES: readonly RateName[] = ['115,200 baud', '1 Mbit/s', '10 Mbit/s', '100 Mbit/s'];

export const BOTH_CELLS: readonly BothCell[] = [1, 20, 100, 300].flatMap((rtt) =>
  RATE_NAMES.map((rate) => ({ rtt, rate })),
);

/** Measured over `minutes` more than a few seconds. */
export function measureBoth({ rtt, rate: name }: BothCell, minutes = 0): BothFigures {
  const rate = RATES[name];
  const apps = traffic();
  const sim = new MuxSim({ rate, delay: rtt / 2, capacity: KERNEL, apps });
  apps.b.onIncoming = (id, _, end) => {
    end.mux.accept(id);
    apps.b.send(id, Number.POSITIVE_INFINITY, end);
  };
  apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
  sim.flush();
  sim.run(Math.max(10 * rtt, (4 * FRAME) / rate));
  const before = [apps.b.total, apps.a.total] as const;
  const time = Math.max(30 * rtt, (8 * FRAME) / rate, 5_000) + minutes * 60_000;
  sim.run(sim.now + time);
  const share = (bytes: number): number => bytes / (rate * time);
  const utilisation = [share(apps.b.total - before[0]), share(apps.a.total - before[1])] as const;
  for (const wire of sim.wires) wire.maxBuffered = 0;
  ping(sim, Math.max(10 * rtt, (PINGS * frameOf(rate)) / rate), 1);
  const queue = Math.round(Math.max(...sim.wires.map(({ maxBuffered }) => maxBuffered)));
  sim.run(sim.now + 4 * rtt + 5_000); // the last answers
  const minRtt = Math.max(...[sim.a, sim.b].map(({ mux }) => mux.stats().minRtt!));
  return { utilisation, p99: p99Of(apps.a), queue, minRtt };
}

/** One line of `performance.txt`. */
export function lineOfBoth(
  { rtt, rate }: BothCell,
  { utilisation, p99, queue, minRtt }: BothFigures,
): string {
  return [
    `${`${rtt} ms`.padStart(6)}  ${rate.padEnd(12)}`,
    ...utilisation.map((share) => `${(100 * share).toFixed(1)} %`.padStart(8)),
    `${p99.toFixed(1)} ms`.padStart(11),
    String(queue).padStart(9),
    `${minRtt.toFixed(1)} ms`.padStart(11),
  ].join(' ');
}

/** What is promised of a cell and its figures do not keep, in words. */
export function missedBoth(cell: BothCell, { utilisation, p99, minRtt }: BothFigures): string[] {
  const { rtt, rate } = cell;
  const frame = frameOf(RATES[rate]) / RATES[rate];
  const where = `${rtt} ms, ${rate}, both ways`;
  const misses = utilisation
    .filter((share) => share < 0.9)
    .map((share) => `${where}: utilisation ${(100 * share).toFixed(1)} %, wanted 90 %`);
  const latency = rtt + 4 * frame + 20;
  if (p99 > latency) misses.push(`${where}: ping ${p99.toFixed(1)} ms, wanted ${latency.toFixed(1)} ms`);
  if (minRtt > rtt + frame) misses.push(`${where}: least round trip ${minRtt.toFixed(1)} ms`);
  return misses;
}
