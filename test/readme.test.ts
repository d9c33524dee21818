/** The README's two transcripts, replayed: what it shows is what happens. Needs dist/, which `npm test` builds first. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const command = join(root, 'dist/cli/q2q.js');

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

it('the program of the README prints what the README says', async () => {
  const program = join(root, 'dist', `readme-${process.pid}.mjs`); // inside the package, so that 'q2q/node' is it
  writeFileSync(program, block('js'));
  cleanups.push(() => rmSync(program));
  const { output, code } = await finish(start(process.execPath, [program, folder()]));
  expect(output).toBe(block('text'));
  expect(code).toBe(0);
}, 30_000);

it('the shell session of the README prints what the README says', async () => {
  const home = folder();
  for (const { line, printed } of session()) {
    // The port is the reader's to choose and the default may be taken here.
    const local = line.replace('q2q relay', 'q2q relay --listen 127.0.0.1:0');
    const shell = start(
      'bash',
      ['-c', `q2q() { "${process.execPath}" "${command}" "$@"; }\n${withoutAmpersand(local)}`],
      home,
    );
    if (line.endsWith('&')) {
      await saysSomething(shell);
      continue;
    }
    const { output, code } = await finish(shell);
    expect(output, line).toBe(printed);
    expect(code, line).toBe(0);
  }
}, 60_000);

function block(language: string): string {
  const found = readme.match(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``));
  if (found === null) throw new Error(`README has no ${language} block`);
  return found[1]!;
}

/** The commands of the console block, each with what it prints on stdout. */
function session(): { line: string; printed: string }[] {
  return block('console')
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [line, ...rest] = part.split('\n');
      return { line: line!, printed: rest.join('\n') };
    });
}

function withoutAmpersand(line: string): string {
  return line.endsWith('&')
    ? `exec ${line.slice(0, -1).replace('q2q', `"${process.execPath}" "${command}"`)}`
    : line;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'q2q-readme-'));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function start(file: string, args: readonly string[], cwd: string = root): ChildProcess {
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  cleanups.push(() => child.kill('SIGKILL'));
  return child;
}

async function finish(child: ChildProcess): Promise<{ output: string; code: number | null }> {
  let output = '';
  let talk = '';
  child.stdout!.on('data', (chunk) => (output += chunk));
  child.stderr!.on('data', (chunk) => (talk += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) output += talk;
  return { output, code };
}

/** A background command is ready when it says so on stderr. */
async function saysSomething(child: ChildProcess): Promise<void> {
  await Promise.race([
    once(child.stderr!, 'data'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`ended with exit code ${code}`))),
  ]);
  child.stderr!.resume();
}
