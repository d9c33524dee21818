/**
 * Our own vectors (docs/vectors.md) through both providers, and the file against its generator:
 * `npx vitest run test/identity/vectors.test.ts -u` writes it anew.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { formatSuite, makeSuite } from '../vectors/identity/suite.ts';
import { answer, answerBundle, VECTORS } from './vectors.ts';
import { withTables } from './vectorsPage.ts';

const suite = makeSuite();

test('the file is what its generator makes', async () => {
  await expect(formatSuite(suite)).toMatchFileSnapshot(VECTORS);
});

test('docs/vectors.md counts the cases and lists the differences', async () => {
  const page = resolve(import.meta.dirname, '..', '..', 'docs', 'vectors.md');
  await expect(withTables(readFileSync(page, 'utf8'), suite)).toMatchFileSnapshot(page);
});

test.each([node, noble])('every case is answered as it says ($name)', (provider) => {
  const wrong = suite.cases.flatMap((one) => {
    const { result, code, message } = answer(suite, one, provider);
    const wanted = one.code ?? one.result;
    return (code ?? result) === wanted
      ? []
      : [`${one.id}: wanted ${wanted}, ${code ?? result} ${message ?? ''}`];
  });
  expect(wrong).toEqual([]);
});

test.each([node, noble])('every bundle is answered as it says ($name)', (provider) => {
  const wrong = suite.bundle_cases.flatMap((one) => {
    const { result, code, message, after } = answerBundle(suite, one, provider);
    const wanted = one.code ?? one.result;
    if ((code ?? result) !== wanted)
      return [`${one.id}: wanted ${wanted}, ${code ?? result} ${message ?? ''}`];
    return one.after === undefined || isDeepStrictEqual(after, one.after)
      ? []
      : [`${one.id}: afterwards ${JSON.stringify(after)} is held`];
  });
  expect(wrong).toEqual([]);
});
