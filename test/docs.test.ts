/**
 * The programs in `docs/tls.md`, `docs/channels.md` and `docs/metering.md`, run: each prints what the page says. Needs dist/, which `npm test`
 * builds first. And the files that any page names are there.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const PAGES = { 'docs/tls.md': 2, 'docs/channels.md': 1, 'docs/metering.md': 1 };
/** Inside the package, so that its own name leads to it. */
const folder = join(root, 'dist', `docs-${process.pid}`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(Object.entries(PAGES))('%s', (name, least) => {
  const page = readFileSync(join(root, name), 'utf8');
  const programs = [...page.matchAll(/```js\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g)];

  it('has programs, and each is followed by what it prints', () => {
    expect(existsSync(join(root, 'dist/index.js')), 'npm run build makes dist/').toBe(true);
    expect(programs.length).toBeGreaterThanOrEqual(least);
    expect(programs.length).toBe(page.match(/```js\n/g)?.length);
  });

  it.each(programs.map(([, program, output], i) => ({ number: i + 1, program, output })))(
    'program $number prints what the page says',
    async ({ number, program, output }) => {
      mkdirSync(folder, { recursive: true });
      const file = join(folder, `${basename(name, '.md')}-${number}.mjs`);
      writeFileSync(file, program!);
      const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: root, timeout: 20_000 });
      expect(stdout).toBe(output);
    },
    30_000,
  );
});

it('the source files that pages name exist', () => {
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const pages = ['ARCHITECTURE.md', 'README.md', ...inDocs.map((name) => join('docs', name))].filter((name) =>
    name.endsWith('.md'),
  );
  const gone = pages.flatMap((name) =>
    (readFileSync(join(root, name), 'utf8').match(/\bsrc\/[\w./-]+\.ts\b/g) ?? [])
      .filter((file) => !existsSync(join(root, file)))
      .map((file) => `${name}: ${file}`),
  );
  expect(gone).toEqual([]);
});
