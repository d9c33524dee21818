/** Test vectors of others (Wycheproof, x509-limbo): data beside the repository, never inside it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TestContext } from 'vitest';

/** `$Q2Q_VECTORS`, or `../shared/vectors` beside the repository; undefined when neither is there. */
export function vectorsDir(): string | undefined {
  const folder =
    process.env['Q2Q_VECTORS'] ?? resolve(import.meta.dirname, '..', '..', '..', 'shared', 'vectors');
  return existsSync(folder) ? folder : undefined;
}

/** Reads a JSON file of vectors; the test that asks is skipped, and says why, when the file is not there. */
export function readVectors<T>(context: TestContext, ...path: readonly string[]): T {
  const folder = vectorsDir();
  const file = folder === undefined ? undefined : join(folder, ...path);
  if (file === undefined || !existsSync(file)) {
    const why = `no ${path.join('/')}: set Q2Q_VECTORS to the folder of test vectors`;
    console.warn(`skipped "${context.task.name}": ${why}`);
    context.skip(why);
  }
  return JSON.parse(readFileSync(file!, 'utf8')) as T;
}

/** `always`, and whatever else of that folder fits: more vectors are more tests, and missing ones are told by `readVectors`. */
export function vectorNames(folder: string, pattern: RegExp, always: readonly string[]): readonly string[] {
  const root = vectorsDir();
  const path = root === undefined ? undefined : join(root, folder);
  const found = path !== undefined && existsSync(path) ? readdirSync(path) : [];
  return [...new Set([...always, ...found.filter((name) => pattern.test(name))])].sort();
}
