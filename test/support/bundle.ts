/** Makes a program of ours run in a plain Node process: child processes cannot read TypeScript. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Bundles `source` (an ES module whose imports are relative to `src/`) and returns the file to run. */
export async function bundleProgram(name: string, source: string): Promise<string> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const outfile = `${root}node_modules/.cache/q2q-test/${name}-${process.pid}.mjs`;
  await mkdir(`${root}node_modules/.cache/q2q-test`, { recursive: true });
  await build({
    stdin: { contents: source, resolveDir: `${root}src`, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    conditions: ['q2q-src'],
    logLevel: 'error',
  });
  return outfile;
}
