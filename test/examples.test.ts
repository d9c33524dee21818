import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const examples = readdirSync(`${root}examples`).filter((name) => /^\d\d-.*\.mjs$/.test(name));
const built = existsSync(`${root}dist/index.js`);
if (!built) console.log('examples are not run: dist/ is missing, `npm run build` makes it');

async function run(name: string): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, [`examples/${name}`], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (errors += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), 12_000);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return { code, output, errors };
}

describe('every numbered example', () => {
  test('is there', () => expect(examples.length).toBeGreaterThanOrEqual(4));

  for (const name of built ? examples : [])
    test.concurrent(`${name} ends with ok`, async () => {
      const { code, output, errors } = await run(name);
      expect(errors).not.toMatch(/error/i);
      expect(output.trimEnd().split('\n').at(-1)).toBe('ok');
      expect(code).toBe(0);
    });
});
