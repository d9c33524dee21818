// BoringSSL's BoGo against our engine: `node test/bogo/runner.mjs [pattern …]`
//
// Takes the runner from Debian's source package and builds it with Debian's Go; nothing of BoringSSL is kept in this
// repository, and the system's apt sources stay as they are. Without patterns it runs the whole slice: TLS 1.3 over a
// stream. Fails when a test fails, or when the whole slice passes fewer tests than FLOOR.
//
//   BOGO_SOURCE   another BoringSSL tree to build the runner from, in place of Debian's: wants a BOGO_DIR of its own
//   BOGO_DIR      where the runner is built once (default: node_modules/.cache/q2q-bogo)
//   BOGO_WORKERS  tests at a time (default: 2)
//   BOGO_REPORT   a file for the totals, in the words of vitest's
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Tests of the whole slice that pass; raised when more do, never lowered. */
const FLOOR = 939;

const PACKAGE = 'android-platform-external-boringssl';
const TOOLS = ['golang-go', 'golang-golang-x-crypto-dev', 'dpkg-dev'];
const MODULE = 'boringssl.googlesource.com/boringssl';
/** What the module is called since 2025. */
const NEWER_MODULE = `${MODULE}.git`;

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const dir = process.env.BOGO_DIR ?? join(root, 'node_modules/.cache/q2q-bogo');
const runner = join(dir, 'runner');
const shim = join(dir, 'shim.cjs');
const shimConfig = join(dir, 'config.json');
const testsOf = (module) => join(dir, 'gopath/src', module, 'ssl/test/runner');
const tests = testsOf(MODULE);

function sh(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28, cwd: dir, ...options });
  if (result.error) throw result.error;
  return result;
}

function must(command, args, options) {
  const result = sh(command, args, options);
  if (result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} ended with ${result.status}\n${result.stdout}${result.stderr}`,
    );
  return result.stdout;
}

/** The machine's own Debian sources, asked for source packages. */
function sourcesOfSources() {
  const files = ['/etc/apt/sources.list', ...listed('/etc/apt/sources.list.d')].filter(existsSync);
  const stanzas = files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    if (file.endsWith('.sources'))
      return text.split(/\n\s*\n/).map((stanza) => stanza.replace(/^Types:.*$/m, 'Types: deb-src'));
    return text.split('\n').map((line) => {
      const [, options, uri, suite, parts] = /^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      const key = /signed-by=(\S+)/.exec(options ?? '')?.[1];
      const signed = key === undefined ? '' : `Signed-By: ${key}\n`;
      return `Types: deb-src\nURIs: ${uri}\nSuites: ${suite}\nComponents: ${parts}\n${signed}`;
    });
  });
  return [...new Set(stanzas.filter((stanza) => /^URIs:.*\/debian\/?\s*$/m.test(stanza)))].join('\n\n');
}

function listed(folder) {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function fetchSource() {
  const parts = join(dir, 'apt');
  mkdirSync(join(parts, 'lists/partial'), { recursive: true });
  writeFileSync(join(parts, 'debian.sources'), `${sourcesOfSources()}\n`);
  const options = [
    ['Dir::Etc::SourceList', '/dev/null'],
    ['Dir::Etc::SourceParts', parts],
    ['Dir::State::Lists', join(parts, 'lists')],
    ['APT::Sandbox::User', 'root'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  must('apt-get', [...options, 'update']);
  must('apt-get', [...options, 'source', PACKAGE]);
}

function installTools() {
  if (sh('dpkg-query', ['--show', ...TOOLS]).status === 0) return;
  must('apt-get', ['update']);
  must('apt-get', ['install', '--yes', '--no-install-recommends', ...TOOLS]);
}

function buildRunner() {
  const source = process.env.BOGO_SOURCE ?? PACKAGE;
  console.log(`building the runner of ${source} in ${dir}`);
  mkdirSync(dir, { recursive: true });
  installTools();
  const unpacked = () => readdirSync(dir).find((name) => name.startsWith(`${PACKAGE}-`));
  if (source === PACKAGE && unpacked() === undefined) fetchSource();
  const tree = source === PACKAGE ? join(dir, unpacked(), 'src') : source;
  for (const link of [MODULE, NEWER_MODULE].map((module) => join(dir, 'gopath/src', module))) {
    mkdirSync(join(link, '..'), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(tree, link);
  }
  copyFileSync(join(here, 'slice_test.go'), join(tests, 'q2q_slice_test.go'));
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: `${join(dir, 'gopath')}:/usr/share/gocode` };
  const isNewer = readFileSync(join(tree, 'go.mod'), 'utf8').startsWith(`module ${NEWER_MODULE}\n`);
  const cwd = isNewer ? testsOf(NEWER_MODULE) : tests;
  must('go', ['test', '-c', '-vet=off', '-o', runner, '.'], { cwd, env });
}

async function buildShim() {
  await build({
    entryPoints: [join(here, 'shim/main.ts')],
    outfile: shim,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    conditions: ['q2q-src'],
    banner: { js: '#!/usr/bin/env node' },
    logLevel: 'error',
  });
  chmodSync(shim, 0o755);
}

/** Newer runners take lists of our texts for one of theirs. */
function writeConfig() {
  const config = JSON.parse(readFileSync(join(here, 'config.json'), 'utf8'));
  const isNewer = readFileSync(join(tests, 'runner.go'), 'utf8').includes('ErrorMap map[string][]string');
  for (const [theirs, ours] of Object.entries(config.ErrorMap))
    config.ErrorMap[theirs] = isNewer ? [ours] : ours;
  writeFileSync(shimConfig, JSON.stringify(config));
}

function slice() {
  const lines = must(runner, ['-test.run', 'TestSlice', '-shim-path', shim], { cwd: tests }).split('\n');
  return lines.filter((line) => line.startsWith('slice\t')).map((line) => line.split('\t')[1]);
}

function matches(glob, name) {
  const pattern = glob
    .replace(/[^*]+/g, (text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .replaceAll('*', '.*');
  return new RegExp(`^${pattern}$`).test(name);
}

if (!existsSync(runner)) buildRunner();
await buildShim();
writeConfig();
const patterns = process.argv.slice(2);
const wanted = slice().filter(
  (name) => patterns.length === 0 || patterns.some((glob) => matches(glob, name)),
);
const started = performance.now();
const { stdout, stderr } = sh(
  runner,
  [
    ...['-test.run', 'TestAll', '-pipe', '-allow-unimplemented'],
    ...['-shim-path', shim, '-shim-config', shimConfig],
    ...['-num-workers', process.env.BOGO_WORKERS ?? '2', '-test.timeout', '1h'],
    ...['-test', wanted.join(';')],
  ],
  { cwd: tests },
);
writeFileSync(join(dir, 'last.log'), stdout + stderr);
const seconds = ((performance.now() - started) / 1000).toFixed(0);
const named = (verdict) => stdout.match(new RegExp(`^${verdict} \\(`, 'gm'))?.length ?? 0;
const [passed, failed, unimplemented] = [named('PASSED'), named('FAILED'), named('UNIMPLEMENTED')];
const ran = passed + failed + unimplemented;
for (const text of stdout.match(/^FAILED [\s\S]*?(?=^(?:PASSED|FAILED|UNIMPLEMENTED) \(|$(?![\s\S]))/gm) ??
  [])
  console.log(text.trimEnd());
if (ran === 0)
  console.log(wanted.length === 0 ? `no test is called ${patterns.join(' or ')}` : stdout + stderr);
console.log(
  `bogo: ${passed} passed, ${failed} failed, ${unimplemented} unimplemented, ` +
    `${wanted.length - ran} disabled (${seconds} s)`,
);
if (process.env.BOGO_REPORT !== undefined)
  writeFileSync(
    process.env.BOGO_REPORT,
    // What is disabled or unimplemented is no test of ours, and none of ours is skipped.
    JSON.stringify({
      numTotalTests: ran,
      numPassedTests: passed,
      numFailedTests: failed,
      numPendingTests: 0,
    }),
  );
const tooFew = patterns.length === 0 && passed < FLOOR;
if (tooFew) console.log(`bogo: fewer than ${FLOOR} passed, which have passed before`);
process.exitCode = ran === 0 || failed > 0 || tooFew ? 1 : 0;
