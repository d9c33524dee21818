/** docs/cli.md and the help must tell of the same commands and options. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';

/** A verb in brackets may be left out: it is the one meant when none is given. */
const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8').replaceAll('[list]', 'list');
/** The help of every command there is, by its words. */
const helps = new Map<string, string>();
const silent = { writeOut: () => {}, writeErr: () => {} };
visit(
  buildProgram(async () => {}, silent),
  [],
);

function visit(command: Command, words: readonly string[]): void {
  helps.set(words.join(' '), command.helpInformation());
  for (const next of command.commands) visit(next, [...words, next.name()]);
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
