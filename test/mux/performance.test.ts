/** A few cells of `performance.txt`, so that a change of them is seen at once; test/slow writes and compares all. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Cell, lineOf, measure, missed } from '../support/muxTable.ts';
import { type BothCell, lineOfBoth, measureBoth, missedBoth } from '../support/muxTableBoth.ts';

const TABLE = readFileSync(new URL('performance.txt', import.meta.url), 'utf8').split('\n');

const SOME: readonly Cell[] = [
  { rtt: 1, rate: '115,200 baud', channels: 1 },
  { rtt: 30, rate: '1 Mbit/s', channels: 10 },
  { rtt: 100, rate: '10 Mbit/s', channels: 1 },
  { rtt: 10, rate: '100 Mbit/s', channels: 10 },
  { rtt: 1, rate: '1,000 Mbit/s', channels: 1 },
];

it.each(SOME)(
  'K1: $channels channels on a line of $rtt ms and $rate do as well as the table says',
  (cell) => {
    const figures = measure(cell);
    expect(TABLE).toContain(lineOf(cell, figures));
    expect(missed(cell, figures)).toEqual([]);
  },
);

const SOME_BOTH: readonly BothCell[] = [
  { rtt: 300, rate: '115,200 baud' },
  { rtt: 1, rate: '1 Mbit/s' },
  { rtt: 100, rate: '10 Mbit/s' },
];

it.each(SOME_BOTH)('K1: and with bulk both ways, on one of $rtt ms and $rate', (cell) => {
  const figures = measureBoth(cell);
  expect(TABLE).toContain(lineOfBoth(cell, figures));
  expect(missedBoth(cell, figures)).toEqual([]);
});
