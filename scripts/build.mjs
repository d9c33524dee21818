// Builds dist/: the library by tsc, the command line and the browser page by esbuild, one file each.
import { chmodSync, cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bin, digest, root, run } from './lib.mjs';
import { licenseText, packagesIn } from './licenses.mjs';

export const buildStamp = join(root, 'dist', '.stamp');

/** What went into each bundle, as esbuild tells. */
const metafiles = join(root, 'node_modules', '.q2q-bundles');

export const buildDigest = () =>
  digest([
    'src',
    'examples/07-browser',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/build.mjs',
    'scripts/licenses.mjs',
  ]);

export async function build() {
  const stamp = buildDigest();
  for (const made of [join(root, 'dist'), metafiles]) rmSync(made, { recursive: true, force: true });
  const steps = [
    () => run(bin('tsc'), ['-p', 'tsconfig.build.json']),
    bundleCommandLine,
    bundlePage,
    addLicenses,
  ];
  for (const step of steps) {
    const code = await step();
    if (code !== 0) return code;
  }
  writeFileSync(buildStamp, stamp);
  return 0;
}

/**
 * The command line in one file: its extras (commander, prompts) weigh on no user of the library, and every command starts a quarter
 * sooner than if Node had to find the packages and to read what those in CommonJS export.
 */
async function bundleCommandLine() {
  const outfile = 'dist/cli/q2q.js';
  rmSync(join(root, 'dist/cli'), { recursive: true, force: true });
  const { version } = (await import(pathToFileURL(join(root, 'package.json')), { with: { type: 'json' } }))
    .default;
  const code = await run(bin('esbuild'), [
    'src/cli/main.ts',
    '--bundle',
    '--platform=node',
    '--format=esm',
    '--target=node20.19',
    '--conditions=q2q-src,node',
    '--external:#mlkem', // loaded when asked for: its package may be missing
    '--banner:js=#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    `--define:Q2Q_VERSION="${version}"`,
    `--outfile=${outfile}`,
    `--metafile=${join(metafiles, 'cli.json')}`,
    '--log-level=warning',
  ]);
  if (code === 0) chmodSync(join(root, outfile), 0o755);
  return code;
}

/** The browser example: the portable entry and the page's script in one module, beside its HTML and CSS. */
async function bundlePage() {
  const page = join(root, 'examples/07-browser');
  if (!existsSync(page)) return 0;
  cpSync(page, join(root, 'dist/web'), { recursive: true, filter: (from) => !/\.(ts|md)$/.test(from) });
  return run(bin('esbuild'), [
    'examples/07-browser/page.ts',
    '--bundle',
    '--format=esm',
    '--platform=browser',
    '--target=es2022',
    '--conditions=q2q-src',
    '--minify',
    '--outfile=dist/web/page.js',
    `--metafile=${join(metafiles, 'page.json')}`,
    '--log-level=warning',
  ]);
}

/** Of all that is bundled; the build fails for a package without one. */
function addLicenses() {
  const made = readdirSync(metafiles).map((name) => join(metafiles, name));
  writeFileSync(join(root, 'dist/LICENSES.txt'), licenseText(packagesIn(made)));
  return 0;
}

if (process.argv[1] === join(root, 'scripts', 'build.mjs')) process.exit(await build());
