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
    const source = fileURLToPath(new URL('go/verify.go', import.meta.url));
    const env = {
      GOCACHE: join(tmpdir(), 'q2q-go-cache'),
      ...process.env,
      GO111MODULE: 'off',
      CGO_ENABLED: '0',
    };
    execFileSync('go', ['build', '-o', program, source], { env });
    const output = execFileSync(program, { input: readFileSync(VECTORS), encoding: 'utf8' });
    expect(unnoted('go', suite.cases, JSON.parse(output) as Judgement[])).toEqual([]);
    console.log(summary('go', suite.cases));
  });
});
