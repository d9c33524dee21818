/** The whole table of `test/mux/performance.txt`; `-u` writes it anew. */
import { expect, it } from 'vitest';
import { CELLS, lineOf, measure, missed } from '../support/muxTable.ts';
import { BOTH_CELLS, lineOfBoth, measureBoth, missedBoth } from '../support/muxTableBoth.ts';

const HEAD = `What the multiplexer makes of a link, in virtual time: the same figures on every machine.
Payload's share of the link after ten round trips; round trip of a ping beside the bulk, 99 of 100 below; most bytes that waited in
front of the link; a channel's largest window in bytes and in products of rate and round trip; Jain's index over the channels.

   rtt  rate          chan.  payload  ping (p99)     queue    window   of product  equal
`;

const HEAD_BOTH = `
Bulk both ways at once: payload's share there and back; the ping; most bytes that waited on either side; what the ends take the
least round trip for.

   rtt  rate             there     back  ping (p99)     queue       least
`;

it('W10, K1: the table of round trips, rates and channels is as it was, and keeps its promises', async () => {
  const lines: string[] = [];
  const both: string[] = [];
  const misses: string[] = [];
  for (const cell of CELLS) {
    const figures = measure(cell);
    lines.push(lineOf(cell, figures));
    misses.push(...missed(cell, figures));
  }
  for (const cell of BOTH_CELLS) {
    const figures = measureBoth(cell);
    both.push(lineOfBoth(cell, figures));
    misses.push(...missedBoth(cell, figures));
  }
  const text = `${HEAD}${lines.join('\n')}\n${HEAD_BOTH}${both.join('\n')}\n`;
  await expect(text).toMatchFileSnapshot('../mux/performance.txt');
  expect(misses).toEqual([]);
}, 600_000);

it.each([
  { rtt: 1, rate: '115,200 baud' },
  { rtt: 20, rate: '115,200 baud' },
  { rtt: 20, rate: '1 Mbit/s' },
  { rtt: 100, rate: '1 Mbit/s' },
] as const)(
  'K1: half an hour of bulk both ways at $rate and $rtt ms keeps the same promises',
  (cell) => {
    expect(missedBoth(cell, measureBoth(cell, 30))).toEqual([]);
  },
  600_000,
);
