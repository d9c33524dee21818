/** kill -9 during the changes of an identity store, at random moments: what was promised is there, and nothing half. */
import { expect, test } from 'vitest';
import { passphraseKillRounds, storeKillRounds } from '../support/storeProcesses.ts';

test('three hundred processes killed in the middle of a change', async () => {
  const seed = Number(process.env['Q2Q_SEED'] ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  const promises = await storeKillRounds(300, seed);
  console.log(`${promises} promises kept`);
  expect(promises).toBeGreaterThan(300 + 150 * 2);
}, 900_000);

test('twenty-four killed while they change the passphrase', async () => {
  const seed = Number(process.env['Q2Q_SEED'] ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  const found = await passphraseKillRounds(24, seed);
  console.log(`plain ${found['plain']}, under the passphrase ${found['sealed']}`);
}, 900_000);
