/** A transfer over real relays that is cut so often that new paths are made ever more slowly. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../support/random.ts';
import { transfer } from '../support/transfer.ts';
import { TwoRelays } from '../support/twoRelays.ts';

test('X15: is cut more than twenty times at random points, at either leg and either relay, byte for byte', async () => {
  await using relays = await TwoRelays.start('tcp', { resumeTtl: 0 });
  const LENGTH = 6_000_000;
  const [alice, bob] = [await relays.peer('alice'), await relays.peer('bob')];
  const random = new SeededRandom(17);
  let [cuts, next] = [0, 100_000];
  const { exact, received } = await transfer(alice, bob, LENGTH, (so, theirs) => {
    if (so < next) return;
    next = so + random.int(50_000, 350_000);
    cuts++;
    [alice, bob][random.int(0, 1)]!.link(theirs.path.via!).reset();
  });
  expect([exact, received]).toEqual([true, LENGTH]);
  expect(cuts).toBeGreaterThanOrEqual(20);
}, 600_000);
