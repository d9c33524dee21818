/** Our own vectors (docs/vectors.md) through Go's crypto/x509, in one run of a program that is built here. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { readSuite, VECTORS } from '../identity/vectors.ts';
import { have } from '../support/counterpart.ts';
import { type Judgement, summary, unnoted } from './support/vectorJudge.ts';

const suite = readSuite();
const folder = mkdtempSync(join(tmpdir(), 'q2q-go-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!have('go'))('Go', () => {
  test('says of every vector what is noted', () => {
    const program = join(folder, 'verify');
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
    const output = execFileSync(program, { input: readFileSync(VECTORS), encoding: 'utf8' });
    const judgements = JSON.parse(output) as Judgement[];
    expect(unnoted('go', suite.cases, judgements)).toEqual([]);
    // Of bundles there is one format and one answer.
    const bundles = suite.bundle_cases.map((one) => ({ ...one, judges: { go: one.result, openssl: null } }));
    expect(unnoted('go', bundles, judgements)).toEqual([]);
    console.log(`${summary('go', suite.cases)}; of ${bundles.length} bundles it says what we do`);
  });
});
