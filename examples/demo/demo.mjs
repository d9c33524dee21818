// The main job, end to end: a domain with its relay, two people, TLS 1.3 from one to the other in every channel, and a
// relay that could read none of it. Run by `npm run demo`. $Q2Q_DEMO_MIB makes the files smaller (default 256 MiB).
import { createHash, randomBytes, randomFillSync } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFrames, sampleFile, search } from './evidence.mjs';
import { killAll, ready, run, said, start, stop, succeeded } from './processes.mjs';

const MIB = 1 << 20;
const DOMAIN = 'example.org';
const ALICE = `alice@${DOMAIN}`;
const BOB = `bob@${DOMAIN}`;
const SAMPLES = 2_000; // 32-byte samples of each file that are searched for in what the relay saw
const BUDGET_SECONDS = 60;

const begun = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'q2q-demo-'));
const at = (...names) => join(folder, ...names);
const checks = [];

process.on('exit', () => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

try {
  await main();
} catch (error) {
  console.error(`\ndemo: error: ${error.message}`);
  process.exit(1);
}

async function main() {
  const size = fileSize();
  heading('A domain, its relay, two people');
  const relay = await startRelay();
  await enroll(ALICE, 'alice');
  await enroll(BOB, 'bob');

  heading('Bob’s web server, seen by Alice');
  const page = `Bob’s page, for Alice only: ${randomBytes(4096).toString('hex')}`;
  await fetchThroughForward(page);

  heading(`${size / MIB} MiB from Alice to Bob, ${size / MIB} MiB from Bob to Alice`);
  const fromAlice = makeFile('alice.bin', size);
  const fromBob = makeFile('bob.bin', size);
  await sendFile({ from: 'alice', to: 'bob', address: BOB, allow: ALICE, file: fromAlice });
  await sendFile({ from: 'bob', to: 'alice', address: ALICE, allow: BOB, file: fromBob });
  await stop(relay);

  heading('What each end knows of its channels');
  showChannels();

  heading('What the relay saw');
  showRelaysView(page, [fromAlice, fromBob], size);

  summary();
}

// --- the story ----------------------------------------------------------------------------------------------------

async function startRelay() {
  const args = [
    'relay',
    '--domain',
    DOMAIN,
    '--data',
    at('relay'),
    '--listen',
    '127.0.0.1:0',
    '--tcp',
    '127.0.0.1:0',
    '--record',
    at('record'),
    '--json',
  ];
  const relay = start('relay', args);
  const { urls } = await ready(relay);
  tell(`relay of ${DOMAIN} at ${urls.join(' and ')}, recording every byte it forwards`);
  return relay;
}

async function enroll(who, name) {
  const invite = await run('invite', ['domain', 'invite', who, '--data', at('relay')]);
  await run('enroll', ['enroll'], { home: at(name), input: invite });
  const [identity] = (await run('id', ['id', '--json'], { home: at(name) }))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  check(`${who} is enrolled`, identity.address === who);
  tell(
    `${who} enrolled by invite; key ${identity.keyId.slice(0, 16)}…, certificate until ${identity.expiresAt.slice(0, 10)}`,
  );
}

async function fetchThroughForward(page) {
  const web = http.createServer((_request, response) => response.end(page));
  await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve));
  const target = `127.0.0.1:${web.address().port}`;
  const bob = start(
    'bob',
    ['listen', 'http/1', '--tcp', target, '--allow', ALICE, '--report', at('bob.report'), '--json'],
    { home: at('bob') },
  );
  await ready(bob);
  const alice = start(
    'alice',
    ['forward', '127.0.0.1:0', `${BOB}/http/1`, '--report', at('alice.report'), '--json'],
    { home: at('alice') },
  );
  const { address } = await ready(alice);
  tell(`alice’s http://${address}/ leads to ${BOB}/http/1, which is bob’s http://${target}/`);
  const got = await fetchText(`http://${address}/`);
  check('the page fetched through the forward is Bob’s', got === page);
  await stop(alice);
  await stop(bob);
  web.close();
}

async function sendFile({ from, to, address, allow, file }) {
  const receiver = start(
    to,
    ['listen', 'file/1', '--stdout', '--once', '--allow', allow, '--report', at(`${to}.report`)],
    { home: at(to) },
  );
  const hash = createHash('sha256');
  let received = 0;
  receiver.child.stdout.on('data', (chunk) => {
    hash.update(chunk);
    received += chunk.length;
  });
  await said(receiver, /listening/);
  const input = openSync(file.path, 'r');
  const started = performance.now();
  const sender = start(from, ['dial', `${address}/file/1`, '--progress', '--report', at(`${from}.report`)], {
    home: at(from),
    stdio: [input, 'ignore', 'inherit'],
  });
  closeSync(input);
  await succeeded(sender);
  await succeeded(receiver);
  const seconds = (performance.now() - started) / 1000;
  tell(
    `${received / MIB} MiB in ${seconds.toFixed(1)} s: ${(received / MIB / seconds).toFixed(0)} MiB/s through the relay`,
  );
  check(`the file from ${from} arrived whole (SHA-256)`, hash.digest('hex') === file.hash);
}

function showChannels() {
  tell('bytes by layer; a payload of 1 is the byte by which a listener lets its caller in');
  for (const name of ['alice', 'bob']) {
    const records = reportOf(name);
    for (const channel of records.filter((record) => record.event === 'channel')) {
      const { peer, suite, group, bytes, path } = channel;
      tell(
        `${name}: ${channel.protocol} with ${peer.name} (${peer.assurance}; key ${peer.keyId.slice(0, 16)}…), ${path.kind}`,
      );
      tell(`       ${suite}, ${group}; out ${layers(bytes.out)}; in ${layers(bytes.in)}`);
      check(
        `${name}’s channel ${channel.protocol} was with ${name === 'alice' ? BOB : ALICE}`,
        peer.name === (name === 'alice' ? BOB : ALICE),
      );
      check(
        `${name}’s channel ${channel.protocol} ended well`,
        channel.error === undefined,
        channel.error?.message,
      );
    }
    check(
      `${name} reported every channel`,
      records.filter((record) => record.event === 'channel').length >= 3,
    );
  }
}

function layers({ payload, tls, mux, link }) {
  return `payload ${count(payload)}, TLS ${count(tls)}, mux ${count(mux)}, link ${count(link)}`;
}

function showRelaysView(page, files, size) {
  const paths = readdirSync(at('record'))
    .filter((name) => name.endsWith('.bin'))
    .map((name) => at('record', name));
  const views = paths.map((path) => readFrames(path));
  const total = (of) => views.reduce((sum, view) => sum + of(view), 0);
  tell(
    `${paths.length / 2} paths, ${show(total((view) => view.bytes))} in all; frames by kind: ${kinds(views)}`,
  );
  for (const line of histogram(views)) tell(line);
  tell(`${total((view) => view.records).toLocaleString('en')} frames begin with a TLS record’s header`);
  check(
    'every recorded byte belongs to a frame',
    views.every((view) => view.whole && view.preface),
  );
  check('the record holds both files’ worth of bytes', total((view) => view.payload) > 2 * size);

  const started = performance.now();
  const samples = {
    files: files.flatMap(({ path }) => sampleFile(path, SAMPLES)),
    http: [...chop(Buffer.from(page)), Buffer.from('HTTP/1.1 200'), Buffer.from('Host: 127.0.0.1')],
    control: [Buffer.from('Q2QM'), Buffer.from([0x17, 0x03, 0x03, 0x3f]), ...recordedSamples(paths)],
  };
  const found = search(paths, samples);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  tell(`searched ${show(total((view) => view.bytes))} at every offset in ${seconds} s:`);
  tell(`  ${samples.files.length} pieces of the two files: ${found.files} found`);
  tell(`  ${samples.http.length} pieces of the web page and its HTTP headers: ${found.http} found`);
  const control = `${samples.control.length} pieces that must be there (preface, TLS record header, ciphertext)`;
  tell(`  ${control}: ${found.control} found`);
  check('none of the files’ content is in what the relay saw', found.files === 0);
  check('none of the HTTP exchange is in what the relay saw', found.http === 0);
  check('the search finds what is there', found.control === samples.control.length);
}

/** The search must be able to find: pieces of the record itself, taken elsewhere than the search begins. */
function recordedSamples(paths) {
  return paths.flatMap((path) => (statSync(path).size > 4096 ? sampleFile(path, 5) : []));
}

// --- helpers ------------------------------------------------------------------------------------------------------

/** The source files, and the relay's record of both, must fit on the disk. */
function fileSize() {
  const wanted = Number(process.env.Q2Q_DEMO_MIB ?? 256);
  if (!(wanted >= 1 && wanted <= 4096))
    throw new Error(`Q2Q_DEMO_MIB is "${process.env.Q2Q_DEMO_MIB}", wanted 1 to 4096`);
  const { bavail, bsize } = statfsSync(folder);
  const fits = Math.floor((bavail * bsize) / MIB / 5);
  if (fits < 1) throw new Error(`no room in ${tmpdir()}`);
  if (fits < wanted) tell(`only ${fits} MiB a file: ${tmpdir()} has no room for more`);
  return Math.floor(Math.min(wanted, fits)) * MIB;
}

function makeFile(name, size) {
  const path = at(name);
  const hash = createHash('sha256');
  const file = openSync(path, 'w', 0o600);
  const block = Buffer.allocUnsafe(4 * MIB);
  for (let left = size; left > 0; left -= block.length) {
    const part = randomFillSync(block).subarray(0, Math.min(left, block.length));
    hash.update(part);
    writeSync(file, part);
  }
  closeSync(file);
  return { path, hash: hash.digest('hex') };
}

function fetchText(url) {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve(text));
      })
      .on('error', reject);
  });
}

function reportOf(name) {
  const path = at(`${name}.report`);
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
}

function chop(bytes) {
  const pieces = [];
  for (let at = 0; at + 32 <= bytes.length; at += 32) pieces.push(bytes.subarray(at, at + 32));
  return pieces;
}

function kinds(views) {
  const counts = {};
  for (const view of views)
    for (const [kind, count] of Object.entries(view.kinds)) counts[kind] = (counts[kind] ?? 0) + count;
  return Object.entries(counts)
    .sort((a, b) => b[1] - a[1])
    .map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`)
    .join(', ');
}

function histogram(views) {
  const counts = new Map();
  for (const { sizes } of views)
    for (const [size, count] of sizes) counts.set(size, (counts.get(size) ?? 0) + count);
  const most = Math.max(...counts.values());
  return [...counts]
    .sort((a, b) => a[0] - b[0])
    .map(([size, count]) => {
      const bar = '#'.repeat(Math.ceil((count / most) * 40));
      return `data frames up to ${String(size === Number.POSITIVE_INFINITY ? 'more' : size).padStart(6)} bytes  ${String(count.toLocaleString('en')).padStart(8)}  ${bar}`;
    });
}

function count(bytes) {
  return bytes.toLocaleString('en');
}

function show(bytes) {
  return bytes < MIB ? `${bytes.toLocaleString('en')} B` : `${(bytes / MIB).toFixed(1)} MiB`;
}

function heading(text) {
  console.log(`\n${text}`);
}

function tell(text) {
  console.log(`  ${text}`);
}

function check(what, holds, reason) {
  checks.push({ what, holds });
  if (!holds) console.log(`  FAILED: ${what}${reason === undefined ? '' : ` (${reason})`}`);
}

function summary() {
  const seconds = (performance.now() - begun) / 1000;
  check(`all of it in under ${BUDGET_SECONDS} s`, seconds < BUDGET_SECONDS);
  const failed = checks.filter(({ holds }) => !holds);
  heading(failed.length === 0 ? 'All of it holds' : 'Something does not hold');
  for (const { what, holds } of checks) tell(`${holds ? 'ok    ' : 'FAILED'}  ${what}`);
  console.log(
    `\ndemo: ${checks.length - failed.length} of ${checks.length} checks hold, ${seconds.toFixed(1)} s`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}
