// What CI runs after the machine is ready: the README's two commands, then the slower suites. Sums up every test.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, npm, run } from './lib.mjs';

const reports = mkdtempSync(join(tmpdir(), 'q2q-ci-'));
const totals = { passed: 0, failed: 0, skipped: 0 };

await command('npm run demo', npm, ['run', 'demo']);
await command('npm test', npm, ['test'], { Q2Q_TEST_REPORT: join(reports, 'unit.json') });
count('unit.json');
await command('nodes to talk to', process.execPath, ['scripts/nodes.mjs']);
for (const suite of ['cli', 'interop', 'browser', 'slow']) {
  const report = join(reports, `${suite}.json`);
  await command(suite, bin('vitest'), [
    'run',
    '--config',
    `vitest.${suite}.config.ts`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  count(`${suite}.json`);
}
await command('bogo', process.execPath, ['test/bogo/runner.mjs'], {
  BOGO_REPORT: join(reports, 'bogo.json'),
});
count('bogo.json');
// Without its peers the benchmark runs all the same and says whom it leaves out.
await command('peers of the benchmark', npm, [
  ...['ci', '--prefix', 'bench/peers', '--no-audit', '--no-fund', '--loglevel=error'],
]);
await command('benchmarks, quick', process.execPath, ['bench/run.mjs', '--quick']);

const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exit(totals.failed === 0 ? 0 : 1);

/** One command is one check of its own: it may fail outside any test. */
async function command(name, file, args, env = {}) {
  console.log(`\n=== ${name}`);
  const started = performance.now();
  const code = await run(file, args, { env: { ...process.env, ...env } });
  console.log(`=== ${name}: exit code ${code} after ${((performance.now() - started) / 1000).toFixed(0)} s`);
  if (code === 0) totals.passed++;
  else totals.failed++;
}

function count(file) {
  try {
    const report = JSON.parse(readFileSync(join(reports, file), 'utf8'));
    totals.passed += report.numPassedTests;
    totals.failed += report.numFailedTests;
    totals.skipped += report.numPendingTests;
    if (report.numTotalTests === 0) totals.failed++;
  } catch (error) {
    console.log(`no report of ${file}: ${error.message}`);
    totals.failed++;
  }
}
