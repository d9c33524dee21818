/** Runs named checks in a page and writes what came out into it, where the test reads it. */
export class Checks {
  readonly #checks: [name: string, run: () => void | Promise<void>][] = [];

  add(name: string, run: () => void | Promise<void>): void {
    this.#checks.push([name, run]);
  }

  async run(): Promise<void> {
    const list = document.querySelector('ol')!;
    for (const [name, run] of this.#checks) {
      const item = document.createElement('li');
      try {
        await run();
        item.textContent = `ok ${name}`;
      } catch (error) {
        item.textContent = `failed ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
      }
      list.append(item);
    }
    document.body.dataset['state'] = 'done';
  }
}

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

export function same(got: unknown, wanted: unknown, what: string): void {
  if (got !== wanted) throw new Error(`${what}: got ${String(got)}, wanted ${String(wanted)}`);
}
