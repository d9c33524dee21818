/**
 * The file system as the stores see it, failing at the n-th thing they ask of it. `fail`: that one step fails, and
 * what is asked after it works. `die`: as if the process had been killed there, nothing works any more. A write
 * that fails has written half. Put in place by `vi.mock('node:fs/promises', …)`.
 */
import type { FileHandle } from 'node:fs/promises';

type Call = (...args: never[]) => Promise<unknown>;
type Calls = Record<string, Call>;

export type Mode = 'fail' | 'die';

/** The steps that change something on the disk. */
export const CHANGING: ReadonlySet<string> = new Set(
  'mkdir create chmod file.chmod file.writeFile file.sync rename unlink'.split(' '),
);

export class Faults {
  /** Steps taken since `arm`, by name. */
  steps: string[] = [];
  #at = Number.POSITIVE_INFINITY;
  #mode: Mode = 'fail';
  #code = 'EIO';

  /** Counts anew, and fails at step `at`, counted from 0. */
  arm(at: number = Number.POSITIVE_INFINITY, mode: Mode = 'fail', code = 'EIO'): void {
    this.steps = [];
    this.#at = at;
    this.#mode = mode;
    this.#code = code;
  }

  wrap(real: Calls): Calls {
    const wrapped: Calls = { ...real };
    for (const name of ['mkdir', 'readdir', 'rename', 'stat', 'unlink', 'chmod', 'readFile', 'readlink'])
      wrapped[name] = async (...args) => {
        this.#step(name);
        return real[name]!(...args);
      };
    wrapped['open'] = async (...args) => {
      this.#step(args[1] === ('wx' as never) ? 'create' : 'open');
      return this.#handle((await real['open']!(...args)) as FileHandle);
    };
    return wrapped;
  }

  #handle(file: FileHandle): object {
    const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      this.#step(name);
      return work();
    };
    return {
      chmod: (mode: number) => step('file.chmod', () => file.chmod(mode)),
      stat: () => step('file.stat', () => file.stat()),
      readFile: (encoding: 'utf8') => step('file.readFile', () => file.readFile(encoding)),
      // What is lost when the power goes cannot be seen here; that it was asked for can.
      sync: () => step('file.sync', async () => {}),
      writeFile: async (text: string) => {
        try {
          this.#step('file.writeFile');
        } catch (error) {
          await file.writeFile(text.slice(0, text.length / 2));
          throw error;
        }
        await file.writeFile(text);
      },
      close: async () => {
        await file.close(); // or the test runs out of them
        this.#step('file.close');
      },
    };
  }

  #step(name: string): void {
    const now = this.steps.push(name) - 1;
    if (this.#mode === 'die' ? now >= this.#at : now === this.#at)
      throw Object.assign(new Error(`injected at step ${now}, ${name}`), { code: this.#code });
  }
}
