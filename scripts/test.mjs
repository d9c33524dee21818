// `npm test`: every check that needs nothing but Node and npm. One line a check, one summary line at the end.
// The slower suites (cli, interop, browser, slow) have scripts of their own; `.ci/run` runs them as well.
import { bin, capture, root, run } from './lib.mjs';

const only = process.argv.slice(2);
const report = process.env.Q2Q_TEST_REPORT;
const reporters = report ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
// Counting what runs makes ciphers in JavaScript four times as slow: CI does it, so that everybody else waits less.
const coverage = process.env.CI ? ['--coverage', '--testTimeout=60000', '--hookTimeout=60000'] : [];
const checks = [
  ['lint', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['types', bin('tsc'), ['-p', 'tsconfig.json']],
  ['types of the portable files', bin('tsc'), ['-p', 'tsconfig.portable.json']],
  ['unit tests', bin('vitest'), ['run', ...coverage, ...reporters], 'live'],
  ['package shape (publint)', bin('publint'), ['--strict', '--pack', 'npm']],
  ['package types (attw)', bin('attw'), ['--pack', '.', '--profile', 'esm-only', '--no-emoji']],
  ['size and dependency budgets', process.execPath, ['scripts/budgets.mjs'], 'live'],
];

let failed = 0;
let passed = 0;
for (const [name, command, args, live] of checks) {
  if (only.length > 0 && !only.some((word) => name.includes(word))) continue;
  const started = performance.now();
  let code;
  let output = '';
  if (live) code = await run(command, args);
  else ({ code, output } = await capture(command, args, { cwd: root }));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name}  (${seconds} s)`);
  if (code === 0) passed++;
  else {
    failed++;
    console.log(output);
  }
}
console.log(`checks: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
