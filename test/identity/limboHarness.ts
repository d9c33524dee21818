/**
 * x509-limbo's harness contract: the suite on stdin, `{version, harness, results}` on stdout, one result per case. The rules
 * are the strict ones, which peers are held to.
 */
import { text } from 'node:stream/consumers';
import { provider } from '../../src/crypto/node.node.ts';
import { type LimboCase, type LimboVerdict, runLimbo } from './limbo.ts';

const { version, testcases } = JSON.parse(await text(process.stdin)) as {
  version: number;
  testcases: LimboCase[];
};
if (version !== 1) throw new Error(`suite of version ${version}, wanted 1`);

/** A case that breaks the harness is reported, and the others are still judged; the exit code tells. */
function judge(one: LimboCase): LimboVerdict {
  try {
    return runLimbo(one, true, provider);
  } catch (error) {
    process.exitCode = 1;
    console.error(`q2q: ${one.id} broke the harness:`, error);
    return { id: one.id, actual: 'SKIPPED', context: `the harness broke: ${String(error)}`, milliseconds: 0 };
  }
}

const verdicts = testcases.map(judge);
const results = verdicts.map(({ id, actual, context }) => ({
  id,
  actual_result: actual,
  context: context || null,
}));
process.stdout.write(`${JSON.stringify({ version: 1, harness: 'q2q', results })}\n`);

const differ = verdicts.filter(({ actual }, i) => actual !== testcases[i]!.expected_result).length;
const slowest = [...verdicts].sort((a, b) => b.milliseconds - a.milliseconds)[0];
console.error(
  `q2q: ${verdicts.length} cases, ${differ} differ from what the suite expects; slowest ${slowest?.id}, ${slowest?.milliseconds.toFixed(0)} ms`,
);
