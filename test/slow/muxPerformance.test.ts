/** The whole table of `test/mux/performance.txt`; `-u` writes it anew. */
import { expect, it } from 'vitest';
import { CELLS, lineOf, measure, missed } from '../support/muxTable.ts';

const HEAD = `What the multiplexer makes of a link, in virtual time: the same figures on every machine.
Payload's share of the link after ten round trips; round trip of a ping beside the bulk, 99 of 100 below; most bytes that waited in
front of the link; a channel's largest window in bytes and in products of rate and round trip; Jain's index over the channels.

   rtt  rate          chan.  payload  ping (p99)     queue    window   of product  equal
`;

it('W10, K1: the table of round trips, rates and channels is as it was, and keeps its promises', async () => {
  const lines: string[] = [];
  const misses: string[] = [];
  for (const cell of CELLS) {
    const figures = measure(cell);
    lines.push(lineOf(cell, figures));
    misses.push(...missed(cell, figures));
  }
  await expect(`${HEAD}${lines.join('\n')}\n`).toMatchFileSnapshot('../mux/performance.txt');
  expect(misses).toEqual([]);
}, 600_000);
