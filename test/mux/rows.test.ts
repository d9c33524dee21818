/** What other multiplexers got wrong is numbered: each number stands at the start of the name of a test that would notice. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

/** Progress, windows, closing, keepalive, and defences; how many of each there are. */
const ROWS: Readonly<Record<string, number>> = { L: 6, W: 10, C: 10, K: 6, D: 6 };
const ROOT = resolve(import.meta.dirname, '..');
/** The name of a test or of a group of them, behind `it(`, `describe(` or the `)` of `it.each(…)`. */
const TITLE = /(?:\bit|\bdescribe|\))\(\s*(['"`])((?:[A-Z]\d+(?:, )?)+): /g;

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

it('every row has a test that carries its number', () => {
  const where = new Map<string, string[]>();
  for (const [letter, count] of Object.entries(ROWS))
    for (let i = 1; i <= count; i++) where.set(`${letter}${i}`, []);
  for (const file of testFiles(ROOT))
    for (const [, , ids] of readFileSync(file, 'utf8').matchAll(TITLE))
      for (const id of ids!.split(', ')) {
        const files = where.get(id);
        const name = relative(ROOT, file);
        if (files !== undefined && !files.includes(name)) files.push(name);
      }
  console.log([...where].map(([id, files]) => `${id.padEnd(4)}${files.join(' ')}`).join('\n'));
  const missing = [...where].filter(([, files]) => files.length === 0);
  expect(missing.map(([id]) => id)).toEqual([]);
});
