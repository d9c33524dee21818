/** What `IdTable` is for: entries that came and went are not kept by stores that nobody uses any more. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { IdTable } from '../../src/base/idTable.ts';

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;

/** Bytes that are left of 20,000 short-lived entries of 400 bytes, before a full collection. */
function leftBehind(table: IdTable<object>): number {
  const entry = (): object => ({ filler: new Array(50).fill(0) });
  for (let id = 1; id <= 16; id++) table.set(id, entry());
  collect(); // the store is old now
  collect();
  for (let id = 1; id <= 16; id++) table.delete(id);
  const before = process.memoryUsage().heapUsed;
  for (let id = 17; id < 20_000; id++) {
    table.set(id, entry());
    if (id > 48) table.delete(id - 32);
    if (id % 500 === 0) collect({ type: 'minor' });
  }
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  return process.memoryUsage().heapUsed - before;
}

test('entries that came and went are gone when the young are collected', () => {
  expect(leftBehind(new IdTable<object>())).toBeLessThan(1_000_000); // all of them stay in a Map: 11 MB
});
