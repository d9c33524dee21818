// Fetches one Node of each line whose `node:tls` the interop tests talk to, as npm packages of plain binaries; what is there
// stays. Where they are goes into node_modules/.cache/q2q/nodes.json.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, npm, root } from './lib.mjs';

const VERSION = "process.version + ', OpenSSL ' + process.versions.openssl";
const LINES = [20, 22, 24, 26]; // OpenSSL 3.0 to 3.5

const cache = join(root, 'node_modules', '.cache', 'q2q');
const found = {};
mkdirSync(cache, { recursive: true });
for (const line of LINES) {
  const binary = await fetched(line);
  if (binary === undefined) continue;
  const { output } = await capture(binary, ['-p', VERSION]);
  console.log(`node ${line}: ${output.trim()}`);
  found[line] = binary;
}
writeFileSync(join(cache, 'nodes.json'), JSON.stringify(found));
process.exit(Object.keys(found).length === LINES.length ? 0 : 1);

/** The binary of a line; this very Node where it is of that line. */
async function fetched(line) {
  if (process.versions.node.startsWith(`${line}.`)) return process.execPath;
  const system = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${system}-${process.arch}`; // the binary itself: no install script fetches anything
  const folder = join(cache, `node-${line}`);
  const binary = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(binary)) return binary;
  const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { code, output } = await capture(npm, ['install', '--prefix', folder, ...quiet, `${name}@${line}`]);
  if (code === 0) return binary;
  console.log(`node ${line}: npm install ${name}@${line} failed\n${output}`);
  return undefined;
}
