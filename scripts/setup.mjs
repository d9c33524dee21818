// Brings a clone to the point where it runs: installs from the lock file and builds, each only when missing or stale.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, buildDigest, buildStamp } from './build.mjs';
import { digest, npm, root, run } from './lib.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`q2q: error: Node ${process.versions.node} is too old, wanted 20.19 or newer`);
  process.exit(2);
}

const installStamp = join(root, 'node_modules', '.q2q-stamp');
const wanted = digest(['package-lock.json']);
if (!isCurrent(installStamp, wanted)) {
  console.error('q2q: installing the packages named in package-lock.json …');
  const code = await run(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
  });
  if (code !== 0) process.exit(code);
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(installStamp, wanted);
}

if (!isCurrent(buildStamp, buildDigest())) {
  console.error('q2q: building dist/ …');
  const code = await build();
  if (code !== 0) process.exit(code);
}

function isCurrent(stamp, value) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === value;
}
