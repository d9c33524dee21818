// `npm test`: every check that needs nothing but Node and npm. One line a check, one summary line at the end.
// The slower suites (cli, interop, browser, slow) have scripts of their own; `.ci/run` runs them as well.
import { bin, capture, root, run } from './lib.mjs';

const only = process.argv.slice(2);
const report = process.env.Q2Q_TEST_REPORT;
const reporters = report ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
// Counting what runs makes ciphers in JavaScript several times as slow: CI does it, so that everybody else waits less.
const coverage = process.env.CI ? ['--coverage', '--testTimeout=60000', '--hookTimeout=60000'] : [];
/** What stands together runs together: none of them keeps two cores busy. The unit tests do, and some of them take the time. */
const stages = [
  [
    ['lint', bin('biome'), ['check', '--error-on-warnings', '.']],
    ['types', bin('tsc'), ['-p', 'tsconfig.json']],
    ['types of the portable files', bin('tsc'), ['-p', 'tsconfig.portable.json']],
  ],
  [['unit tests', bin('vitest'), ['run', ...coverage, ...reporters], 'live']],
  [
    ['package shape (publint)', bin('publint'), ['--strict', '--pack', 'npm']],
    ['package types (attw)', bin('attw'), ['--pack', '.', '--profile', 'esm-only', '--no-emoji']],
    ['size and dependency budgets', process.execPath, ['scripts/budgets.mjs'], 'shown'],
  ],
];

const isWanted = ([name]) => only.length === 0 || only.some((word) => name.includes(word));

/** Runs one check and says how it ended. Its output is seen as it comes (`live`), at its end (`shown`), or when it failed. */
async function check([name, command, args, output = 'kept']) {
  const started = performance.now();
  const ended =
    output === 'live'
      ? { code: await run(command, args), output: '' }
      : await capture(command, args, { cwd: root });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (ended.code !== 0 || output === 'shown') process.stdout.write(ended.output);
  console.log(`${ended.code === 0 ? 'ok    ' : 'FAILED'}  ${name}  (${seconds} s)`);
  return ended.code === 0;
}

const results = [];
for (const stage of stages) results.push(...(await Promise.all(stage.filter(isWanted).map(check))));
const passed = results.filter((ok) => ok).length;
console.log(`checks: ${passed} passed, ${results.length - passed} failed`);
process.exit(passed === results.length ? 0 : 1);
