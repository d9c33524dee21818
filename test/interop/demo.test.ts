/** `npm run demo`'s script, with small files: it must hold without a terminal and leave nothing behind. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { collect, commandLine } from '../cli/support/q2q.ts';

const demo = fileURLToPath(new URL('../../examples/demo/demo.mjs', import.meta.url));
const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('q2q-demo-'));

test('the demo holds with files of 4 MiB, and cleans up after itself', async () => {
  const before = leftovers();
  const env = { ...process.env, Q2Q_CLI: commandLine(), Q2Q_DEMO_MIB: '4' };
  const ran = await collect(
    spawn(process.execPath, [demo], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
    60_000,
    'demo',
  );
  expect(ran.stdout.toString()).toMatch(/demo: (\d+) of \1 checks hold/);
  expect(ran.code).toBe(0);
  expect(leftovers()).toEqual(before);
});
