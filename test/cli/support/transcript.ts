/**
 * Transcripts: what a person types and sees, as a text file that is also a test (after age's testscripts and trycmd).
 *
 *     # a comment
 *     > name.pem                     the file's content follows, up to the next blank line
 *     $ [VAR=value …] q2q … [< file] a command; words may be in single or double quotes
 *     a line of stdout
 *     2> a line of stderr
 *     ? 3                            the exit code; 0 when left out
 *
 * `[..]` stands for any text within a line, a line of `...` (or `2> ...`) for any number of lines. After a command that
 * failed, every file of the folder must be as it was.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Workspace } from './q2q.ts';
import { snapshot } from './snapshot.ts';

interface Step {
  readonly line: number;
  readonly command: string;
  readonly stdout: string[];
  readonly stderr: string[];
  exit: number;
}

interface Transcript {
  readonly files: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
}

export async function play(text: string, workspace: Workspace): Promise<number> {
  const { files, steps } = parse(text);
  for (const [name, content] of files) writeFileSync(join(workspace.path, name), content);
  for (const step of steps) await playStep(step, workspace);
  return steps.length;
}

async function playStep(step: Step, workspace: Workspace): Promise<void> {
  const where = `line ${step.line}: ${step.command}`;
  const { env, args, input } = parseCommand(step.command);
  const before = snapshot(workspace.path);
  const stdin = input === undefined ? '' : readFileSync(join(workspace.path, input));
  const ran = await workspace.run(args, { env, stdin });
  expectLines(ran.stderr, step.stderr, `${where}: stderr`);
  expectLines(ran.stdout.toString(), step.stdout, `${where}: stdout`);
  expect(ran.code, `${where}: exit code`).toBe(step.exit);
  if (step.exit !== 0) expect(snapshot(workspace.path), `${where}: files`).toEqual(before);
}

export function parse(text: string): Transcript {
  const files = new Map<string, string>();
  const steps: Step[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const step = steps.at(-1);
    if (line.startsWith('# ')) continue;
    if (line.startsWith('$ ')) {
      steps.push({ line: i + 1, command: line.slice(2), stdout: [], stderr: [], exit: 0 });
    } else if (line.startsWith('> ')) {
      const end = lines.indexOf('', i);
      files.set(
        line.slice(2),
        lines
          .slice(i + 1, end)
          .map((l) => `${l}\n`)
          .join(''),
      );
      i = end;
    } else if (step === undefined) {
      if (line !== '') throw new Error(`line ${i + 1} of the transcript stands before any command`);
    } else if (line.startsWith('? ')) step.exit = Number(line.slice(2));
    else if (line === '2>' || line.startsWith('2> ')) step.stderr.push(line.slice(3));
    else step.stdout.push(line);
  }
  for (const { stdout } of steps) while (stdout.at(-1) === '') stdout.pop(); // blank lines between commands
  return { files, steps };
}

function parseCommand(command: string): { env: Record<string, string>; args: string[]; input?: string } {
  const words = [...command.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replace(/['"]/g, ''),
  );
  const env: Record<string, string> = {};
  while (/^[A-Z0-9_]+=/.test(words[0] ?? '')) {
    const [name = '', ...value] = words.shift()!.split('=');
    env[name] = value.join('=');
  }
  if (words.shift() !== 'q2q') throw new Error(`not a q2q command: ${command}`);
  const redirect = words.indexOf('<');
  if (redirect < 0) return { env, args: words };
  return { env, args: words.slice(0, redirect), input: words[redirect + 1]! };
}

function expectLines(got: string, wanted: readonly string[], what: string): void {
  const lines = got.replace(/\n+$/, '').split('\n');
  const pattern = wanted.map((line) => (line === '...' ? '(?:.*\\n)*?' : `${linePattern(line)}\\n`)).join('');
  if (new RegExp(`^${pattern}$`).test(got === '' ? '' : `${lines.join('\n')}\n`)) return;
  expect(lines, what).toEqual(wanted); // shows the difference
}

function linePattern(line: string): string {
  return line
    .split('[..]')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('.*');
}
