/** The fuzzing of `test/identity/fuzz.test.ts` for longer: `$Q2Q_FUZZ_RUNS` inputs per parser, from `$Q2Q_SEED` if it is given. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf, inputs, TARGETS } from '../support/identityFuzz.ts';

const numRuns = Number(process.env['Q2Q_FUZZ_RUNS'] ?? 5_000);
const seed = process.env['Q2Q_SEED'] === undefined ? {} : { seed: Number(process.env['Q2Q_SEED']) };

describe(`${numRuns} inputs per parser of src/identity`, () => {
  it.each(TARGETS)('$name', (target) => {
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(inputs(target), (input) => {
        const end = endOf(target, input);
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }),
      { numRuns, ...seed },
    );
    console.log(`${target.name}: ${[...ends].map(([end, count]) => `${end} ${count}`).join(', ')}`);
    expect(ends.get('fine')).toBeGreaterThan(0);
  });
});
