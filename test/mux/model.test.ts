/**
 * The model against the engine; see `test/support/model/`. `Q2Q_MODEL_RUNS` and `Q2Q_MODEL_SEED` are those of
 * `test/slow/muxModel.test.ts`, which runs it for longer.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { campaign, failureOf } from '../support/model/campaign.ts';
import { describeCommand } from '../support/model/commands.ts';

const word = fc.nat({ max: 2 ** 32 - 1 });

describe('the model', () => {
  it('L6, W8, C1, C2, C5, C10: holds for 300 schedules, the same each time', () => {
    expect(() => campaign(1, 300)).not.toThrow();
  });

  it('L6, W8, C5: holds for schedules that fast-check thinks of', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 5, maxLength: 60 }), fc.nat(), (words, seed) => {
        const failure = failureOf(seed, words);
        if (failure !== undefined) throw new Error(words.map(describeCommand).join('; '), { cause: failure });
      }),
      { numRuns: 100 },
    );
  });
});
