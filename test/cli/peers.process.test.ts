/** The peer verbs in processes of their own: relay, enrolled people, key peers, pipes, ends and reports. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Overlay } from './support/overlay.ts';
import { collect, commandLine, environment } from './support/q2q.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const MEGABYTE = randomBytes(1 << 20);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let overlay: Overlay;

beforeAll(async () => {
  overlay = await Overlay.start(['--admit-keys']);
}, 30_000);
afterAll(async () => {
  await overlay?.dispose();
});

const dial = (address: string, args: readonly string[] = [], stdin: string | Uint8Array = '') =>
  overlay.workspace.run(['dial', address, ...args], { ...overlay.as('alice'), stdin });

describe('a dial', () => {
  test('passes bytes and ends both ways: a command sees the end of its input and answers after it', async () => {
    const bob = await overlay.listen('hash/1', ['--exec', 'sha256sum', '--allow', 'alice@example.org']);
    const ran = await dial('bob@example.org/hash/1', [], MEGABYTE);
    expect(ran.stdout.toString().split(' ')[0]).toBe(sha256(MEGABYTE));
    expect(ran.code).toBe(0);
    expect((await bob.stop()).code).toBe(0);
  });

  test('says who answered and what protects it, on stderr, and nothing with --quiet', async () => {
    const bob = await overlay.listen('who/1', [
      '--exec',
      'echo "$Q2Q_PEER $Q2Q_PROTOCOL"',
      '--allow',
      'alice@example.org',
    ]);
    const ran = await dial('bob@example.org/who/1');
    expect(ran.stdout.toString()).toBe('alice@example.org who/1\n');
    expect(ran.stderr).toMatch(
      /^q2q: dialled who\/1 with bob@example\.org \(domain\), TLS_\w+, x25519, by relay ws:.*\n$/,
    );
    expect((await dial('bob@example.org/who/1', ['--quiet'])).stderr).toBe('');
    await bob.stop();
  });

  test('gets all of a command’s output though the command has not read its input', async () => {
    const bob = await overlay.listen('deaf/1', [
      '--exec',
      'head -c 300000 /dev/zero',
      '--allow',
      'alice@example.org',
    ]);
    const ran = await dial('bob@example.org/deaf/1', [], MEGABYTE);
    expect(ran.stdout.length).toBe(300_000);
    expect(ran.code).toBe(0);
    await bob.stop();
  });

  test('reports every layer’s bytes, and writes the key log, into files of their owner', async () => {
    const bob = await overlay.listen('count/1', ['--exec', 'cat', '--allow', 'alice@example.org']);
    const [report, keys] = [overlay.path('count.report'), overlay.path('count.keys')];
    await dial('bob@example.org/count/1', ['--report', report, '--keylog', keys], MEGABYTE);
    const record = JSON.parse(readFileSync(report, 'utf8')) as Record<string, unknown>;
    const { out } = record['bytes'] as { out: Record<'payload' | 'tls' | 'mux' | 'link', number> };
    expect(out.payload).toBe(MEGABYTE.length);
    expect(out.tls).toBeGreaterThan(out.payload);
    expect(out.mux).toBeGreaterThan(out.tls);
    expect(out.link).toBeGreaterThan(out.mux);
    expect(record).toMatchObject({
      protocol: 'count/1',
      peer: { name: 'bob@example.org' },
      path: { kind: 'relayed' },
    });
    expect(readFileSync(keys, 'utf8')).toMatch(/^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} /m);
    for (const path of [report, keys]) expect(statSync(path).mode & 0o777).toBe(0o600);
    await bob.stop();
  });

  test('ends quietly when the reader of its stdout goes away', async () => {
    const bob = await overlay.listen('yes/1', ['--exec', 'yes', '--allow', 'alice@example.org']);
    const command = `'${process.execPath}' '${commandLine()}' dial bob@example.org/yes/1 --quiet | head -c 4`;
    const child = spawn('sh', ['-c', command], {
      env: environment(overlay.workspace.path, overlay.as('alice').env),
    });
    const ran = await collect(child, 10_000, command);
    expect(ran.stdout.toString()).toBe('y\ny\n');
    expect(ran.stderr).toBe('');
    await bob.stop();
  });

  test('interrupted, ends with 130 and one line', async () => {
    const bob = await overlay.listen('wait/1', ['--exec', 'cat', '--allow', 'alice@example.org']);
    const alice = overlay.workspace.serve(['dial', 'bob@example.org/wait/1'], overlay.as('alice'));
    await alice.until(/dialled wait\/1/);
    const ran = await alice.stop('SIGINT');
    expect(ran.code).toBe(130);
    expect(ran.stderr).toMatch(/q2q: error: interrupted by SIGINT\n$/);
    await bob.stop();
  });
});

describe('a listener', () => {
  test('writes one file to stdout and ends', async () => {
    const bob = await overlay.listen('file/1', ['--stdout', '--once', '--allow', 'alice@example.org']);
    expect((await dial('bob@example.org/file/1', ['--progress'], MEGABYTE)).stderr).toMatch(
      /moved .* 1\.0 MiB/,
    );
    const ran = await bob.ended;
    expect(sha256(ran.stdout)).toBe(sha256(MEGABYTE));
    expect(ran.code).toBe(0);
  });

  test('pipes its own stdin and stdout through one channel', async () => {
    const bob = await overlay.listen('talk/1', ['--stdio', '--allow-any-enrolled'], 'bob', 'from bob');
    const ran = await dial('bob@example.org/talk/1', [], 'from alice');
    expect(ran.stdout.toString()).toBe('from bob');
    expect((await bob.ended).stdout.toString()).toBe('from alice');
  });

  test('whose service is not there fails the one channel, and lives', async () => {
    const bob = await overlay.listen('gone/1', ['--tcp', '127.0.0.1:1', '--allow', 'alice@example.org']);
    for (const _ of [1, 2]) expect((await dial('bob@example.org/gone/1')).code).toBe(4);
    expect((await bob.stop()).code).toBe(0);
  });

  test('is found again by the same address after the relay was restarted', async () => {
    const own = await Overlay.start();
    const { port } = JSON.parse(own.relay.stdout.split('\n')[0]!) as { port: number };
    await own.listen('echo/1', ['--exec', 'cat', '--allow', 'alice@example.org']);
    await own.relay.stop('SIGKILL');
    await own.startRelay(['--listen', `127.0.0.1:${port}`]);
    const deadline = performance.now() + 10_000;
    let code: number | null = null;
    while (code !== 0 && performance.now() < deadline) {
      code = (await own.workspace.run(['dial', 'bob@example.org/echo/1'], { ...own.as('alice'), stdin: 'x' }))
        .code;
    }
    expect(code).toBe(0);
    await own.dispose();
  });
});

test('key peers meet by key, trusting the relay’s domain by its root', async () => {
  for (const name of ['kim', 'kai']) {
    const trust = [
      'trust',
      'add',
      'example.org',
      '--root',
      overlay.path('relay', 'root.pem'),
      '--relay',
      overlay.relayUrl,
    ];
    expect((await overlay.workspace.run(trust, overlay.as(name))).code).toBe(0);
  }
  const [kim, kai] = await Promise.all(
    ['kim', 'kai'].map(async (name) =>
      (await overlay.workspace.run(['id', 'new'], overlay.as(name))).stdout.toString().trim(),
    ),
  );
  const listening = await overlay.listen('hi/1', ['--exec', 'cat', '--allow', kim!], 'kai');
  const ran = await overlay.workspace.run(['dial', `${kai}/hi/1`], { ...overlay.as('kim'), stdin: 'hello' });
  expect(ran.stdout.toString()).toBe('hello');
  await listening.stop();
});
