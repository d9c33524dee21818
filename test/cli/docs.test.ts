/** docs/cli.md and the help must tell of the same commands and options. */
import { readFileSync } from 'node:fs';
import { afterAll, expect, test, vi } from 'vitest';
import { Workspace } from './support/q2q.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
const workspace = new Workspace();
afterAll(() => workspace.dispose());

const COMMANDS = [
  ...['relay', 'invite', 'enroll', 'id', 'id new', 'id use', 'listen', 'dial', 'forward'],
  ...['trust add', 'trust list', 'trust remove', 'cert show', 'tls serve', 'tls connect'],
];

test.concurrent.each(COMMANDS)('every option of "%s" is in docs/cli.md', async (command) => {
  const { stdout } = await workspace.run([...command.split(' '), '--help']);
  const own = stdout.toString().split('Global Options:')[0]!;
  const options = [...own.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option!);
  expect(page).toContain(command.split(' ')[0]);
  for (const option of options.filter((each) => each !== '--help')) expect(page).toContain(option);
});

test('the page names every command there is', async () => {
  const { stdout } = await workspace.run(['--help']);
  const section = stdout.toString().split('Commands:')[1]!.split('\n\n')[0]!;
  const names = [...section.matchAll(/^ {2}(\w+)/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help');
  for (const name of names)
    expect(
      COMMANDS.some((command) => command.split(' ')[0] === name),
      name,
    ).toBe(true);
});
