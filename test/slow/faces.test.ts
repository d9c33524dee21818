/** A gibibyte by a loop that is slow: neither end keeps more than its windows (W2). */
import { expect, it } from 'vitest';
import { linkBatches, linkChunks } from '../../src/peer/streams.ts';
import { channelPair, quiet } from '../support/channelPair.ts';

const TOTAL = 2 ** 30;
const MIB = 2 ** 20;

it.each([
  ['chunks', linkChunks],
  ['batches', linkBatches],
] as const)('W2: a gibibyte through a slow loop over %s keeps memory bounded', async (_, open) => {
  const { a, b } = await channelPair();
  const block = new Uint8Array(65_536);
  const writing = (async () => {
    for (let sent = 0; sent < TOTAL; sent += block.length) if (!a.send(block)) await a.drained();
    a.closeWrite();
  })();
  let received = 0;
  let turns = 0;
  let before = 0;
  let most = 0;
  for await (const some of open(b)) {
    received += [some].flat().reduce((sum, chunk) => sum + chunk.length, 0);
    if (++turns % 16 === 0) await quiet(1);
    if (turns % 256 !== 0) continue;
    const { rss } = process.memoryUsage();
    if (received < 64 * MIB) before = rss;
    else most = Math.max(most, rss);
  }
  await writing;
  expect(received).toBe(TOTAL);
  expect(before).toBeGreaterThan(0);
  expect(most - before).toBeLessThan(128 * MIB);
});
