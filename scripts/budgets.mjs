// Budgets that a user feels: what installing costs, and what a page loads.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bin, capture, root } from './lib.mjs';

const DEPENDENCIES = ['@noble/ciphers', '@noble/curves', '@noble/hashes', 'msgpackr', 'ws'];
/** Packages that `npm install q2q` may bring, q2q's own five and what those need (msgpackr's optional native part not counted). */
const MAX_PACKAGES = 10;
/**
 * What an entry weighs in a browser, in KB minified and gzipped: the goal, and the ceiling it must not pass. A ceiling
 * comes down; docs/decisions/0008 says why the first is above its goal, and why some went up: when TLS, when identity, when
 * the mux and when its sessions were complete.
 */
const TLS = "TlsConfig, TlsError, performOp } from 'q2q/tls'; export { provider } from '#provider'";
const BUNDLES = [
  [
    'a page that dials and listens',
    "export { Peer, enroll, selfSignedIdentity, provider } from 'q2q'",
    75,
    139,
  ],
  ['everything q2q exports', "export * from 'q2q'", 75, 150.7],
  ['q2q/tls that dials, portable provider', `export { ClientContext, ${TLS}`, 60, 60],
  ['q2q/tls that answers, portable provider', `export { ServerContext, ${TLS}`, 60, 60],
  [
    'q2q/tls, all of it, portable provider',
    "export * from 'q2q/tls'; export { provider } from '#provider'",
    60,
    65,
  ],
];
/**
 * What identity adds to a page that has the portable provider, which a validator cannot be without: with noble, in the same
 * units. "Parser and validator" are from bytes to a certificate and from a leaf to an anchor; the others add names, chains as
 * they come off the wire, revocation lists and proofs.
 */
const PROVIDER = "export { provider } from './src/crypto/noble.ts';";
const PARSER = "export { parseCertificate } from './src/identity/x509.ts';";
const BEYOND = [
  ['parser and validator', `${PARSER} export { findPath } from './src/identity/path.ts';`, 12, 12],
  [
    'parser and verifyServer',
    `${PARSER} export { verifyServer } from './src/identity/webVerify.ts';`,
    12,
    14,
  ],
  ['parser and verifyPeer', `${PARSER} export { verifyPeer } from './src/identity/verify.ts';`, 12, 15],
];

const problems = [];
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));

const direct = Object.keys(manifest.dependencies).sort();
if (direct.join() !== DEPENDENCIES.join()) {
  problems.push(`runtime dependencies are ${direct.join(', ')}, wanted exactly ${DEPENDENCIES.join(', ')}`);
}

const installed = Object.entries(lock.packages).filter(
  ([path, entry]) => path !== '' && !entry.dev && !entry.optional && !entry.devOptional && !entry.peer,
);
console.log(`  packages installed with q2q: ${installed.length} (budget ${MAX_PACKAGES})`);
if (installed.length > MAX_PACKAGES) problems.push(`${installed.length} packages, budget ${MAX_PACKAGES}`);

for (const [name, source, goal, ceiling] of BUNDLES) {
  const kilobytes = await bundled(source);
  console.log(`  ${name}: ${kilobytes.toFixed(1)} KB gzip in a browser (goal ${goal}, ceiling ${ceiling})`);
  if (kilobytes > ceiling)
    problems.push(`${name} weighs ${kilobytes.toFixed(1)} KB gzip, ceiling ${ceiling}`);
}

const provider = await bundled(PROVIDER);
for (const [name, source, goal, ceiling] of BEYOND) {
  const kilobytes = (await bundled(PROVIDER + source)) - provider;
  console.log(
    `  ${name} beyond the portable provider: ${kilobytes.toFixed(1)} KB gzip (goal ${goal}, ceiling ${ceiling})`,
  );
  if (kilobytes > ceiling)
    problems.push(`${name} weighs ${kilobytes.toFixed(1)} KB gzip beyond the provider, ceiling ${ceiling}`);
}

for (const problem of problems) console.error(`  over budget: ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);

/**
 * Size in KB (1000 bytes) of an entry bundled for a browser. The bundler fails when a module of Node is reached; that our
 * own files use no Buffer is for tsconfig.portable.json to see (msgpackr asks whether there is one before it does).
 */
async function bundled(source) {
  const folder = mkdtempSync(join(tmpdir(), 'q2q-size-'));
  try {
    const outfile = join(folder, 'out.js');
    const { code, output } = await capture('/bin/sh', [
      '-c',
      'printf "%s" "$1" | "$2" --bundle --minify --format=esm --platform=browser --target=es2022 --outfile="$3" --log-level=warning',
      'sh',
      source,
      bin('esbuild'),
      outfile,
    ]);
    if (code !== 0) throw new Error(`bundling for a browser failed:\n${output}`);
    return gzipSync(readFileSync(outfile), { level: 9 }).length / 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
