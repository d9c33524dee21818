/**
 * kill -9 during the changes of an identity store, at random moments: what was promised is there, and nothing half.
 * `$Q2Q_KILLS` processes (100 unless said), and a twelfth of it for the passphrase.
 */
import { expect, test } from 'vitest';
import { passphraseKillRounds, storeKillRounds } from '../support/storeProcesses.ts';

const kills = Number(process.env['Q2Q_KILLS'] ?? 100);

test(`${kills} processes killed in the middle of a change`, async () => {
  const seed = Number(process.env['Q2Q_SEED'] ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  const promises = await storeKillRounds(kills, seed);
  console.log(`${promises} promises kept`);
  expect(promises).toBeGreaterThan(kills * 2);
}, 900_000);

test('some killed while they change the passphrase', async () => {
  const seed = Number(process.env['Q2Q_SEED'] ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  const found = await passphraseKillRounds(Math.ceil(kills / 12), seed);
  console.log(`plain ${found['plain']}, under the passphrase ${found['sealed']}`);
}, 900_000);
