import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const text = readFileSync(new URL('../dist/LICENSES.txt', import.meta.url), 'utf8');
const parts = text.split(`\n${'-'.repeat(78)}\n\n`);

it.each(['commander', '@clack/prompts', 'ws', 'msgpackr', '@noble/curves'])(
  'the licence of %s, which is bundled, goes along with the bundle',
  (name) => {
    const part = parts.find((one) => one.startsWith(`${name} `));
    expect(part).toMatch(/^\S+ \d+\.\d+\.\d+ \(MIT\)\n/);
    expect(part).toMatch(/Permission is hereby granted, free of charge/);
  },
);

it('no package is named twice, and none of those that only build or test', () => {
  const names = parts.map((part) => part.split(' ')[0]);
  expect(new Set(names).size).toBe(names.length);
  for (const name of ['esbuild', 'typescript', 'vitest']) expect(names).not.toContain(name);
});
