/**
 * The model of the multiplexer for longer: `$Q2Q_MODEL_RUNS` schedules (20,000 unless said) from seed `$Q2Q_MODEL_SEED` (another
 * each time unless said). One that fails is printed with its seed, as short as it can be made:
 *
 *     Q2Q_MODEL_RUNS=1000000 Q2Q_MODEL_SEED=1 npx vitest run -c vitest.slow.config.ts test/slow/muxModel.test.ts
 */
import { it } from 'vitest';
import { campaign } from '../support/model/campaign.ts';

const runs = Number(process.env['Q2Q_MODEL_RUNS'] ?? 20_000);
const seed = Number(process.env['Q2Q_MODEL_SEED'] ?? Date.now() % 1_000_000_000);

it(`L6, W8, C1, C2, C5, C10: ${runs} schedules from seed ${seed} keep every rule`, () => {
  const began = performance.now();
  campaign(seed, runs, (done) => {
    if (done % 50_000 === 0) console.log(`${done} schedules`);
  });
  const each = (performance.now() - began) / runs;
  console.log(`${runs} schedules from seed ${seed} hold (${each.toFixed(2)} ms each)`);
}, 7_200_000);
