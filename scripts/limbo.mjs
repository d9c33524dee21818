// x509-limbo's harness contract on stdin and stdout: `npm run -s limbo < suite.json > results.json`. What differs from the
// suite's expectations, and why, is in test/identity/limbo-exceptions.json.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { root } from './lib.mjs';

const folder = join(root, 'node_modules/.cache/q2q-limbo');
mkdirSync(folder, { recursive: true });
const outfile = join(folder, 'harness.mjs');
await build({
  absWorkingDir: root,
  entryPoints: ['test/identity/limboHarness.ts'],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  conditions: ['q2q-src'],
  outfile,
  logLevel: 'warning',
});
await import(pathToFileURL(outfile).href);
