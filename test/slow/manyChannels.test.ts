/** What an open channel that does nothing keeps in memory, and that channels leave nothing behind when they close. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import { Session } from '../../src/peer/session.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { Cycler, ORDERS } from '../support/closeOrders.ts';
import { settleMicrotasks } from '../support/simLink.ts';

setFlagsFromString('--expose_gc');
const gc = runInNewContext('gc') as () => void;

const CHANNELS = 10_000;

function used(): number {
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const quiet = { data() {}, drain() {}, end() {}, closed() {} };

async function until(done: () => boolean): Promise<void> {
  for (let turn = 0; !done(); turn++) {
    if (turn > 100_000) throw new Error('nothing moves any more');
    await settleMicrotasks();
  }
}

test('T36: an idle channel keeps at most 2 KiB at an end, engine and driver, with 10,000 open', async () => {
  const limits = { maxChannels: 2 * CHANNELS, acceptBacklog: CHANNELS, maxPendingOpens: CHANNELS };
  const [a, b] = memoryPair();
  const options = { random: (n: number) => provider.random(n), limits };
  const [dialling, listening] = [new Session(a, options), new Session(b, options)];
  let greeted = 0;
  const counting = { ...quiet, data: ({ length }: Uint8Array) => void (greeted += length) };
  listening.onIncoming((incoming) => {
    const link = incoming.accept();
    link.start(quiet); // one handler for all: what an application keeps for a channel is its own
    link.send(new Uint8Array(1_000));
  });
  const open = async (count: number): Promise<ChannelLink[]> => {
    const before = greeted;
    const links = Array.from({ length: count }, () => {
      const link = dialling.open('idle');
      link.start(counting);
      link.send(new Uint8Array(1_000));
      return link;
    });
    await until(() => greeted - before === 1_000 * count);
    return links;
  };
  const warm = await open(100);
  const before = used();
  const links = await open(CHANNELS);
  await settleMicrotasks();
  const each = Math.round((used() - before) / (2 * CHANNELS));
  console.log(`${each} bytes per end of an idle channel, engine and driver, ${CHANNELS} open`);
  expect(links.length + warm.length).toBe(dialling.stats().channels);
  expect(each).toBeLessThanOrEqual(2_048);
  dialling.destroy();
});

test('C5: a million channels, opened and closed in every order, leave empty tables and a flat heap', () => {
  const cycles = 1_000_000;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // half of the time otherwise: most of these channels end with an error
  const cycler = new Cycler();
  const rounds = Math.ceil(cycles / ORDERS.length);
  let early = 0;
  for (let i = 0; i < rounds; i++) {
    cycler.round(ORDERS, i % 2 === 1);
    if (i === Math.floor(rounds / 10)) early = used();
  }
  const grown = used() - early;
  Error.stackTraceLimit = stackTraceLimit;
  console.log(`${rounds * ORDERS.length} channels, heap grew by ${grown} bytes in the last nine tenths`);
  for (const { mux, gone } of [cycler.a, cycler.b]) {
    expect([mux.stats().channels, mux.stats().incoming]).toEqual([0, 0]);
    expect(gone).toBe(rounds * ORDERS.length);
  }
  expect(grown).toBeLessThan(256 * 1_024);
}, 900_000);
