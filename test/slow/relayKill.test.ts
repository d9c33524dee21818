/** The kill -9 rounds of test/relay/store.test.ts, many of them. */
import { expect, test } from 'vitest';
import { killRounds } from '../support/killRounds.ts';

test('forty kills at random points lose nothing that was promised', async () => {
  const seed = Date.now() % 100_000;
  const promises = await killRounds(40, seed);
  console.log(`seed ${seed}: ${promises} promises kept`);
  expect(promises).toBeGreaterThan(100);
}, 300_000);
