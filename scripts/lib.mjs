// What the set-up, build and test scripts share. Plain Node, no dependency: it runs before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command in the repository, its output going where ours goes; resolves to the exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', shell: false, ...options });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });
}

/** Runs a command and returns what it printed. */
export function capture(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const out = [];
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => out.push(chunk));
    child.on('error', reject);
    child.on('exit', (code, signal) =>
      resolve({ code: signal ? 1 : (code ?? 1), output: Buffer.concat(out).toString() }),
    );
  });
}

export const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** The path of a tool that npm installed. */
export const bin = (name) =>
  join(root, 'node_modules', '.bin', name + (process.platform === 'win32' ? '.cmd' : ''));

/** A digest of files' names and contents: says whether what was made from them is stale. */
export function digest(paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(walk).sort()) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

function walk(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full).flatMap((name) => walk(join(path, name)));
}
