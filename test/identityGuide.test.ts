/**
 * docs/identity.md, replayed in one shell: what the page shows is what happens. `…` stands for any text. What a command in
 * the background says is taken from a file of its own; everything a command in the foreground says must be on the page.
 * Needs dist/, which `npm test` builds first.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/identity.md'), 'utf8');
const command = join(root, 'dist/cli/q2q.js');

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

interface Step {
  readonly line: string;
  readonly printed: readonly string[];
}

function steps(): readonly Step[] {
  const blocks = [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) => block!);
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((part) => {
      const [line, ...printed] = part.trimEnd().split('\n');
      return { line: line!, printed };
    });
}

it('the session of docs/identity.md goes as the page says', async () => {
  expect(existsSync(command), 'npm run build makes it').toBe(true);
  const shell = new Shell();
  const took = new Map<string, number>();
  for (const { line, printed } of steps()) {
    const begun = performance.now();
    const said = await shell.run(line);
    await shell.expectLines(line, said, printed);
    took.set(line, performance.now() - begun);
  }
  // From the moment that the phone's command has ended, the channel has a second to be gone.
  expect(took.get('wait $!; echo exit code $?')).toBeLessThan(1_500);
}, 180_000);

class Shell {
  readonly #child: ChildProcess;
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'q2q-guide-'));
  /** Lines of background commands that the page has not shown yet. */
  readonly #background: { file: string; taken: number }[] = [];
  /** Where the foreground speaks: a file, for the pipes of Node are sockets, which one command could close for all. */
  readonly #output: string = join(this.#folder, '.foreground');
  #marks = 0;
  #read = 0;

  constructor() {
    cleanups.push(() => rmSync(this.#folder, { recursive: true, force: true }));
    const env = { PATH: process.env['PATH'] ?? '', HOME: this.#folder };
    // A group of its own, so that whatever the page leaves in the background ends with it.
    this.#child = spawn('bash', [], {
      cwd: this.#folder,
      env,
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true,
    });
    const { pid } = this.#child;
    cleanups.push(() => process.kill(-pid!, 'SIGKILL'));
    this.#child.stdin!.write(
      `exec >> .foreground 2>&1\nq2q() { "${process.execPath}" "${command}" "$@"; }\n`,
    );
  }

  /** What the line prints in the foreground. */
  async run(line: string): Promise<readonly string[]> {
    // The port is the reader's to choose and the default may be taken here.
    let text = line.replace('q2q relay', 'q2q relay --listen 127.0.0.1:0');
    if (text.endsWith('&')) {
      const file = join(this.#folder, `.background-${this.#background.length}`);
      this.#background.push({ file, taken: 0 });
      // A function in the background is a shell around the command; `$!` must be the command itself.
      text = `${text.slice(0, -1).replace(/q2q (?=--home|relay)/, `exec "${process.execPath}" "${command}" `)}> ${file} 2>&1 &`;
    }
    const mark = `--- ${++this.#marks} ---`;
    this.#child.stdin!.write(`${text}\necho "${mark}"\n`);
    const deadline = performance.now() + 60_000;
    for (;;) {
      const output = existsSync(this.#output) ? readFileSync(this.#output, 'utf8').slice(this.#read) : '';
      const said = output.split(`${mark}\n`);
      if (said.length > 1) {
        this.#read += said[0]!.length + mark.length + 1;
        return said[0]!.split('\n').slice(0, -1);
      }
      if (performance.now() > deadline) throw new Error(`"${line}" still runs:\n${output}`);
      await new Promise((resume) => setTimeout(resume, 10));
    }
  }

  /** Each line of the page was said, in the foreground or in the background, and nothing else in the foreground. */
  async expectLines(line: string, said: readonly string[], printed: readonly string[]): Promise<void> {
    const left = [...said];
    for (const wanted of printed) {
      const at = left.findIndex((each) => matches(each, wanted));
      if (at >= 0) left.splice(at, 1);
      else await this.#expectBackground(line, wanted, said);
    }
    expect(left, line).toEqual([]);
  }

  async #expectBackground(line: string, wanted: string, said: readonly string[]): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      for (const source of this.#background) {
        const lines = existsSync(source.file)
          ? readFileSync(source.file, 'utf8').split('\n').slice(0, -1)
          : [];
        const at = lines.findIndex((each, i) => i >= source.taken && matches(each, wanted));
        if (at < 0) continue;
        source.taken = at + 1;
        return;
      }
      if (performance.now() > deadline)
        throw new Error(`"${line}" did not say "${wanted}", but:\n${said.join('\n')}`);
      await new Promise((resume) => setTimeout(resume, 20));
    }
  }
}

function matches(line: string, pattern: string): boolean {
  const parts = pattern.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(line);
}
