/**
 * Sizes of tests that are in two suites: short in `npm test`, long where `$Q2Q_LONG` is set, as `vitest.slow.config.ts` does for
 * the files that it takes from there.
 */
export const sized = (short: number, long: number): number =>
  process.env['Q2Q_LONG'] === '1' ? long : short;
