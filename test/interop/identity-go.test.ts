/**
 * Go's crypto/x509 as a judge, through a program that is built here: of our own vectors (docs/vectors.md), and of random chains,
 * of which it must say what we do. `$Q2Q_SEED` begins those elsewhere, `$Q2Q_CHAINS` tries more.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSuite } from '../identity/vectors.ts';
import { randomChains } from '../support/randomChains.ts';
import type { VectorSuite } from '../vectors/identity/format.ts';
import { formatSuite } from '../vectors/identity/suite.ts';
import { differences, haveJudge, type Judgement, summary, unnoted } from './support/vectorJudge.ts';

const folder = mkdtempSync(join(tmpdir(), 'q2q-go-'));
const program = join(folder, 'verify');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const seed = Number(process.env['Q2Q_SEED'] ?? 1);
const count = Number(process.env['Q2Q_CHAINS'] ?? 1000);

describe.skipIf(!haveJudge('go', 'go1.19'))('Go', () => {
  beforeAll(() => {
    const sources = ['verify', 'bundle'].map((name) =>
      fileURLToPath(new URL(`go/${name}.go`, import.meta.url)),
    );
    const env = {
      GOCACHE: join(tmpdir(), 'q2q-go-cache'),
      ...process.env,
      GO111MODULE: 'off',
      CGO_ENABLED: '0',
    };
    execFileSync('go', ['build', '-o', program, ...sources], { env });
  });

  test('says of every vector what is noted', () => {
    const suite = readSuite();
    const judgements = judge(suite);
    expect(unnoted('go', suite.cases, judgements)).toEqual([]);
    // Of bundles there is one format and one answer.
    const bundles = suite.bundle_cases.map((one) => ({ ...one, judges: { go: one.result, openssl: null } }));
    expect(unnoted('go', bundles, judgements)).toEqual([]);
    console.log(`${summary('go', suite.cases)}; of ${bundles.length} bundles it says what we do`);
  });

  test('says of random chains what we do', () => {
    const suite = randomChains(seed, count);
    const { good, differ } = differences(suite, judge(suite));
    console.log(`random chains from seed ${seed}: ${count}, of them ${good} good`);
    expect(good).toBeGreaterThan(count / 20);
    expect(differ).toEqual([]);
  });
});

function judge(suite: VectorSuite): readonly Judgement[] {
  const input = formatSuite(suite);
  return JSON.parse(execFileSync(program, { input, encoding: 'utf8', maxBuffer: 1 << 28 })) as Judgement[];
}
