/** docs/cli.md and the help must tell of the same commands and options. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Workspace } from './support/q2q.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A verb in brackets may be left out: it is the one meant when none is given. */
const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8').replaceAll('[list]', 'list');
const workspace = new Workspace();
afterAll(() => workspace.dispose());

/** The help of every command there is, by its words. */
const helps = new Map<string, string>();
beforeAll(() => visit([]));

async function visit(words: readonly string[]): Promise<void> {
  const { stdout } = await workspace.run([...words, '--help']);
  const help = stdout.toString();
  helps.set(words.join(' '), help);
  const section = help.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '';
  const names = [...section.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name!);
  await Promise.all(names.filter((name) => name !== 'help').map((name) => visit([...words, name])));
}

describe('docs/cli.md', () => {
  test('names every command', () => {
    expect(helps.size).toBeGreaterThan(15);
    const written = [...helps.keys()].filter((words) => words !== '');
    expect(written.filter((words) => !new RegExp(`q2q ${words}\\b`).test(page))).toEqual([]);
  });

  test('names every option', () => {
    const missing = [...helps].flatMap(([words, help]) => {
      const own = help.split('Global Options:')[0]!;
      const options = [...own.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option!);
      return options.filter((option) => !page.includes(option)).map((option) => `${words} ${option}`);
    });
    expect(
      missing.filter((option) => !/ --(help|version|home|quiet|verbose|no-color)$/.test(option)),
    ).toEqual([]);
  });

  test('names no command that is not there', () => {
    const named = [...page.matchAll(/^ {4}(?:\w+\$ +)?q2q ((?:[a-z]+ ?)+)/gm)].map(([, words]) =>
      words!.trim(),
    );
    const unknown = named.filter((words) => {
      const [first, second] = words.split(' ');
      return (
        !helps.has(first!) || (helps.has(`${first} ${second}`) ? false : /^(domain|tls|cert)$/.test(first!))
      );
    });
    expect(unknown).toEqual([]);
  });
});
