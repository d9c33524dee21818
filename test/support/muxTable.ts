/**
 * What the multiplexer makes of a link, in virtual time: bulk on some channels, a ping now and then, a link with a buffer as
 * deep as a kernel's. All figures are the same on every machine.
 */
import { accountOf } from './account.ts';
import { MuxSim } from './muxSim.ts';
import { type Traffic, traffic } from './simApps.ts';

export interface Cell {
  /** Milliseconds. */
  readonly rtt: number;
  readonly rate: RateName;
  readonly channels: number;
}

/** Bytes per millisecond. A serial line spends ten bits on a byte. */
export const RATES = {
  '115,200 baud': 11.52,
  '1 Mbit/s': 125,
  '10 Mbit/s': 1_250,
  '100 Mbit/s': 12_500,
  '1,000 Mbit/s': 125_000,
} as const;

export type RateName = keyof typeof RATES;

export interface Figures {
  /** Share of the link that carries payload, after ten round trips. */
  readonly utilisation: number;
  /** Round trip of a ping beside the bulk, in ms: 99 of 100 are not above it. */
  readonly p99: number;
  /** Most bytes that waited in front of the link. */
  readonly queue: number;
  /** Largest window of a channel, in bytes. */
  readonly window: number;
  /** Jain's index over the channels' bytes: 1 is equal. */
  readonly fairness: number;
}

const RTTS = [1, 10, 30, 100, 300];
const CHANNELS = [1, 10, 1_000];

/** Every combination. */
export const CELLS: readonly Cell[] = RTTS.flatMap((rtt) =>
  (Object.keys(RATES) as RateName[]).flatMap((rate) => CHANNELS.map((channels) => ({ rtt, rate, channels }))),
);

export const FRAME: number = 16_384;
/** Full frames that leave before the first ACK tells what the line is. */
const FIRST_FRAMES = 4;
export const PINGS: number = 200;
/** Bytes that the simulated kernel takes. */
export const KERNEL: number = 4 << 20;

export function measure({ rtt, rate: name, channels }: Cell): Figures {
  const rate = RATES[name];
  const apps = traffic();
  const sim = new MuxSim({ rate, delay: rtt / 2, capacity: KERNEL, apps });
  for (let i = 0; i < channels; i++) apps.a.send(sim.a.mux.open('bulk'), Number.POSITIVE_INFINITY, sim.a);
  sim.flush();
  // On the slowest lines what leaves before anything is known takes seconds: then that much later.
  sim.run(Math.max(10 * rtt, (FIRST_FRAMES * FRAME) / rate));
  const before = new Map(apps.b.read);
  // Long enough for four turns of every channel, and for the slowest line to carry more than it was given at first.
  const time = Math.max(10 * rtt, (4 * channels * frameOf(rate)) / rate, (8 * FRAME) / rate);
  sim.run(sim.now + time);
  const read = Array.from({ length: channels }, (_, i) => 2 * i + 1).map(
    (id) => (apps.b.read.get(id) ?? 0) - (before.get(id) ?? 0),
  );
  const bytes = read.reduce((sum, n) => sum + n, 0);
  sim.wires[0].maxBuffered = 0;
  const window = ping(sim, Math.max(10 * rtt, (PINGS * frameOf(rate)) / rate), channels);
  const { maxBuffered } = sim.wires[0];
  sim.run(sim.now + 4 * rtt + 5_000); // the last answers
  return {
    utilisation: bytes / (rate * time),
    p99: p99Of(apps.a),
    queue: Math.round(maxBuffered),
    window,
    fairness: bytes ** 2 / (channels * read.reduce((sum, n) => sum + n * n, 0)),
  };
}

export function p99Of({ pongs }: Traffic): number {
  const waits = pongs.map((pong) => pong.rtt).sort((x, y) => x - y);
  return waits[Math.ceil(waits.length * 0.99) - 1] ?? Number.POSITIVE_INFINITY;
}

/** Asks so many times beside the bulk; returns the largest window that was seen. */
export function ping(sim: MuxSim, time: number, channels: number): number {
  const began = sim.now;
  let window = 0;
  for (let i = 0; i < PINGS; i++) {
    sim.a.mux.ping(sim.now);
    sim.flush();
    sim.run(began + (time * (i + 1)) / PINGS);
    window = Math.max(window, windowOf(sim, channels));
  }
  return window;
}

/** A frame is not longer than about 10 ms of the link. */
export function frameOf(rate: number): number {
  return Math.max(256, Math.min(FRAME, rate * 10));
}

function windowOf(sim: MuxSim, channels: number): number {
  let largest = 0;
  for (let i = 0; i < Math.min(channels, 10); i++) {
    const account = accountOf(sim.b.mux, 2 * i + 1);
    if (account !== undefined) largest = Math.max(largest, account.granted - account.consumed);
  }
  return largest;
}

export function describeCell({ rtt, rate, channels }: Cell): string {
  return `${`${rtt} ms`.padStart(6)}  ${rate.padEnd(12)}  ${String(channels).padStart(5)}`;
}

/** One line of `performance.txt`. */
export function lineOf(cell: Cell, { utilisation, p99, queue, window, fairness }: Figures): string {
  const bdp = cell.rtt * RATES[cell.rate];
  return [
    describeCell(cell),
    `${(100 * utilisation).toFixed(1)} %`.padStart(8),
    `${p99.toFixed(1)} ms`.padStart(11),
    String(queue).padStart(9),
    String(window).padStart(9),
    (window / bdp).toFixed(2).padStart(10),
    fairness.toFixed(3).padStart(7),
  ].join(' ');
}

/** Jain's index that a cell has at least: ten channels of which one has nothing have 0.9. */
const EQUAL = 0.95;

/** What the table promises of a cell and the figures do not keep, in words. */
export function missed(cell: Cell, { utilisation, p99, window, fairness }: Figures): string[] {
  const rate = RATES[cell.rate];
  const latency = cell.rtt + (2 * frameOf(rate)) / rate + 10;
  const largest = Math.max(262_144, 4 * cell.rtt * rate);
  const where = describeCell(cell).trim();
  const misses: string[] = [];
  if (utilisation < 0.9)
    misses.push(`${where}: utilisation ${(100 * utilisation).toFixed(1)} %, wanted 90 %`);
  if (p99 > latency) misses.push(`${where}: ping ${p99.toFixed(1)} ms, wanted ${latency.toFixed(1)} ms`);
  if (window > largest) misses.push(`${where}: window ${window}, wanted at most ${Math.round(largest)}`);
  if (fairness < EQUAL) misses.push(`${where}: equal ${fairness.toFixed(3)}, wanted ${EQUAL}`);
  return misses;
}
