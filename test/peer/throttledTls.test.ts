/** Throttles on both sides of real TLS, in virtual time: what each limits, and that what lies between is what TLS costs. */
import { describe, expect, test } from 'vitest';
import type { TlsConfigInit } from '../../src/tls/index.ts';
import type { Link } from '../../src/transport/index.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { meterLink } from '../../src/transport/meterLink.ts';
import { throttleLink } from '../../src/transport/throttleLink.ts';
import { VirtualClock } from '../support/simLink.ts';
import { asClient, asServer, clientContext } from './securePair.ts';

type Side = 'wire' | 'application';

interface Flow {
  readonly rate: number;
  readonly size: number;
  readonly burst: number;
  readonly padTo?: number;
}

interface Measured {
  /** Bytes per second: plaintext that arrived, and what passed under TLS. */
  readonly payload: number;
  readonly wire: number;
  readonly records: number;
}

const RECORD = 5 + 1 + 16; // header, type byte, tag

/** Bytes that a client sends in `time` ms, throttled under TLS or over it. */
async function measure(side: Side, time: number, { rate, size, burst, padTo }: Flow): Promise<Measured> {
  const clock = new VirtualClock();
  const [near, far] = memoryPair();
  const wire = meterLink(near);
  const limits = { write: rate, burst, clock };
  const config: Partial<TlsConfigInit> = padTo === undefined ? {} : { padTo };
  const [client, server] = await inTime(
    clock,
    Promise.all([
      asClient(side === 'wire' ? throttleLink(wire, limits) : wire, {}, clientContext(config)),
      asServer(far),
    ]),
  );
  server.start({ data() {}, drain() {}, end() {}, closed() {} });
  const count = (): Measured => ({
    payload: side === 'wire' ? server.stats.plaintextIn : client.stats.plaintextOut,
    wire: wire.traffic.sent,
    records: client.stats.recordsOut,
  });
  const before = count();
  sendForEver(side === 'wire' ? client : throttleLink(client, limits), size);
  await clock.advance(time);
  const after = count();
  return {
    payload: ((after.payload - before.payload) * 1_000) / time,
    wire: ((after.wire - before.wire) * 1_000) / time,
    records: after.records - before.records,
  };
}

/** Bytes that a server is given in `time` ms by a client that never stops, throttled under TLS or over it. */
async function measureReading(side: Side, time: number, { rate, size, burst }: Flow): Promise<Measured> {
  const clock = new VirtualClock();
  const [near, far] = memoryPair();
  const limits = { read: rate, burst, clock };
  const wire = meterLink(side === 'wire' ? throttleLink(far, limits) : far);
  const [client, server] = await inTime(clock, Promise.all([asClient(near), asServer(wire)]));
  let payload = 0;
  const reader = side === 'wire' ? server : throttleLink(server, limits);
  reader.start({ data: ({ length }) => (payload += length), drain() {}, end() {}, closed() {} });
  sendForEver(client, size);
  const [passed, records] = [wire.traffic.received, server.stats.recordsIn];
  await clock.advance(time);
  return {
    payload: (payload * 1_000) / time,
    wire: ((wire.traffic.received - passed) * 1_000) / time,
    records: server.stats.recordsIn - records,
  };
}

function sendForEver(link: Link, size: number): void {
  const piece = new Uint8Array(size);
  const drain = (): void => {
    while (link.send(piece));
  };
  link.start({ data() {}, drain, end() {}, closed() {} });
  drain();
}

/** Lets virtual time pass until the promise is settled: a handshake at 1 KB/s takes its time. */
async function inTime<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const mark = (): void => void (settled = true);
  promise.then(mark, mark);
  while (!settled) await clock.advance(50);
  return promise;
}

const KIB = 1_024;
const MB = 1e6;
/** 1 byte at 100 MB/s: test/slow/throttle.test.ts has it without TLS. */
const FLOWS = [1_000, MB, 100 * MB].flatMap((rate) =>
  [1, 16 * KIB, 1_024 * KIB]
    .filter((size) => rate / size < 10 * MB)
    .map((size) => ({ rate, size, burst: rate / size > 100_000 || rate > MB ? rate * 0.004 : rate / 10 })),
);

describe.each(['wire', 'application'] as const)('S5: a throttle on the %s’s side of TLS', (side) => {
  test.each(FLOWS)('keeps $rate bytes/s within 5 %, in writes of $size', async (flow) => {
    const time = (25_000 * flow.burst) / flow.rate; // 25 bursts
    const { payload, wire } = await measure(side, time, flow);
    const limited = side === 'wire' ? wire : payload;
    expect(limited / flow.rate).toBeGreaterThan(0.95);
    expect(limited / flow.rate).toBeLessThan(1.05);
    expect(wire).toBeGreaterThan(payload);
  });
});

describe.each(['wire', 'application'] as const)('S5: a throttled reader on the %s’s side of TLS', (side) => {
  test.each(FLOWS)('gets $rate bytes/s within 5 %, in writes of $size', async (flow) => {
    const time = (25_000 * flow.burst) / flow.rate;
    const { payload, wire } = await measureReading(side, time, flow);
    const limited = side === 'wire' ? wire : payload;
    expect(limited / flow.rate).toBeGreaterThan(0.95);
    expect(limited / flow.rate).toBeLessThan(1.05);
    if (side === 'wire') expect(payload).toBeLessThan(wire);
  });
});

describe('S5: the difference between the two sides', () => {
  const time = 10_000;

  test.each([100, 4_000, 100_000])('is 22 bytes a record, in writes of %i', async (size) => {
    const flow = { rate: 100_000, size, burst: 10_000 };
    const { payload, wire, records } = await measure('application', time, flow);
    expect(((wire - payload) * time) / 1_000).toBeCloseTo(RECORD * records, 3);
    // The wire's side, given what the other side cost, lets the same payload pass.
    const under = await measure('wire', time, { ...flow, rate: wire });
    expect(under.wire / wire).toBeGreaterThan(0.95);
    expect(under.wire / wire).toBeLessThan(1.05);
    expect(under.payload).toBeGreaterThan(0.95 * payload);
  });

  test('is the padding too, where records are padded', async () => {
    const flow = { rate: 20_000, size: 700, burst: 2_000, padTo: 512 };
    const { payload, wire, records } = await measure('application', time, flow);
    const wireBytes = (wire * time) / 1_000;
    const cost = ((wire - payload) * time) / 1_000;
    expect(payload / flow.rate).toBeLessThan(1.05);
    expect(cost).toBeGreaterThan(RECORD * records);
    // Every record: header and tag around a multiple of 512 bytes.
    expect((wireBytes - (RECORD - 1) * records) % 512).toBeCloseTo(0, 3);
    const under = await measure('wire', time, { ...flow, rate: 20_000 });
    expect(under.wire / 20_000).toBeGreaterThan(0.95);
    expect(under.wire / 20_000).toBeLessThan(1.05);
    expect(under.payload).toBeLessThan(under.wire);
  });
});
