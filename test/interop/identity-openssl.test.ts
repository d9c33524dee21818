/**
 * OpenSSL as a judge: of our own vectors (docs/vectors.md), and of random chains without what it is known to judge otherwise, of
 * which it must say what we do. `$Q2Q_SEED` begins those elsewhere, `$Q2Q_CHAINS` tries more.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSuite } from '../identity/vectors.ts';
import { randomChains } from '../support/randomChains.ts';
import { OpensslJudge } from './support/opensslJudge.ts';
import { differences, haveJudge, summary, unnoted } from './support/vectorJudge.ts';

const folder = mkdtempSync(join(tmpdir(), 'q2q-vectors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const seed = Number(process.env['Q2Q_SEED'] ?? 1);
const count = Number(process.env['Q2Q_CHAINS'] ?? 200);

describe.skipIf(!haveJudge('openssl', 'OpenSSL 3.0.'))('OpenSSL', () => {
  test('says of every vector what is noted', async () => {
    const suite = readSuite();
    const judgements = await new OpensslJudge(suite, folder).all();
    expect(unnoted('openssl', suite.cases, judgements)).toEqual([]);
    console.log(summary('openssl', suite.cases));
  });

  test('says of random chains what we do', async () => {
    const suite = randomChains(seed, count, { plain: true });
    const { good, differ } = differences(suite, await new OpensslJudge(suite, folder).all());
    console.log(`random chains from seed ${seed}: ${count}, of them ${good} good`);
    expect(good).toBeGreaterThan(count / 20);
    expect(differ).toEqual([]);
  });
});
