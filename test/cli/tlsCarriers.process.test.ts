/** `q2q tls` over every carrier there is, in processes of their own. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { DomainAuthority, formatPem, writePrivateKey } from '../../src/identity/index.ts';
import { commandLine, type Ran, type Server, Workspace } from './support/q2q.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const NAME = 'service.test';
const PAIR = ['--cert', 'server.crt', '--key', 'server.key'];
const BELIEVE = ['--ca', 'ca.crt', '--servername', NAME];
const TEXT = 'as it was\n';
/** Ourselves, as a word of the person's shell. */
const SELF = `'${process.execPath}' '${commandLine()}'`;

const workspace = new Workspace();

beforeAll(() => {
  const now = Date.now();
  const authority = DomainAuthority.create(provider, NAME, now);
  const key = provider.generateKey('p256');
  const chain = authority.issueServer({ spki: key.spki, now });
  write('ca.crt', formatPem('CERTIFICATE', authority.root.der));
  write('server.crt', chain.map((der) => formatPem('CERTIFICATE', der)).join(''));
  write('server.key', writePrivateKey(key));
});
afterAll(() => workspace.dispose());

describe('TLS goes over', () => {
  test.each([
    ['a unix socket', 'unix:service.sock'],
    ['the messages of a WebSocket', 'tls+ws://127.0.0.1:0/service'],
    ['TCP, by its URL', 'tls+tcp://127.0.0.1:0'],
  ])('%s', async (_what, where) => {
    const server = workspace.serve(['tls', 'serve', where, ...PAIR, '--echo', '--json']);
    const { address, port } = await eventOf(server, 'ready');
    expect(port).toBe(where.startsWith('unix') ? null : Number(/:(\d+)/.exec(address as string)![1]));
    const piped = await connect([address as string, ...BELIEVE], TEXT);
    expect(piped.stderr).toContain(NAME);
    expect(piped.stdout.toString()).toBe(TEXT);
    expect(piped.code).toBe(0);
    const report = await connect([address as string, ...BELIEVE, '--json']);
    expect(JSON.parse(report.stdout.toString())).toMatchObject({
      remote: address,
      suite: expect.stringMatching(/^TLS_/),
    });
    expect((await server.stop()).code).toBe(0);
    expect(existsSync(join(workspace.path, 'service.sock'))).toBe(false);
  });

  test('the pipes of a command, whose own are standard input and output', async () => {
    const command = `${SELF} tls serve stdio: --echo ${PAIR.join(' ')} 2>server.log`;
    const ran = await connect([`exec:${command}`, ...BELIEVE], TEXT);
    expect(ran.stdout.toString()).toBe(TEXT);
    expect(ran.code).toBe(0);
    expect(readFileSync(join(workspace.path, 'server.log'), 'utf8')).toMatch(/^q2q: serving stdio:\n/);
  });

  test('the same the other way round: the command is the client', async () => {
    const command = `${SELF} tls connect tls+stdio: ${BELIEVE.join(' ')} 2>client.log`;
    const ran = await workspace.run(['tls', 'serve', `exec:${command}`, '--echo', ...PAIR]);
    expect(ran.stderr).toContain('q2q: connection from command');
    expect(ran.code).toBe(0);
    expect(readFileSync(join(workspace.path, 'client.log'), 'utf8')).toMatch(/peer +service\.test\n/);
  });
});

describe('what fails is told', () => {
  const fails = async (args: readonly string[], code: number, message: RegExp): Promise<void> => {
    const ran = await workspace.run(['tls', ...args]);
    expect(ran.stderr).toMatch(message);
    expect(ran.stdout.toString()).toMatch(args.includes('--json') ? /^{"event":"error".*}\n$/ : /^$/);
    expect(ran.code).toBe(code);
  };

  test('a carrier that leads to no host, and nobody named', async () => {
    await fails(['connect', 'unix:x'], 2, /^q2q: error: unix:x names no host\nq2q: hint: .*--servername/);
  });

  test('a command that ends, and a socket that is not there', async () => {
    await fails(['connect', 'exec:exit 3', ...BELIEVE], 4, /the carrier ended without close_notify/);
    await fails(['connect', 'unix:none.sock', ...BELIEVE], 4, /unix:none\.sock/);
  });

  test('standard output wanted for TLS and for something else', async () => {
    await fails(['connect', 'stdio:', ...BELIEVE, '--json'], 2, /--json does not go with stdio:/);
    await fails(['serve', 'stdio:', ...PAIR], 2, /stdio: carries the TLS itself\nq2q: hint: .*--echo/);
    await fails(['serve', 'stdio:', '--echo', '--cert', '-', '--key', 'k'], 2, /"-" does not go with stdio:/);
  });

  test('where to serve: nowhere, twice, or below a TLS of its own', async () => {
    await fails(['serve', '--echo', ...PAIR], 2, /where to serve is not said/);
    await fails(['serve', '1', '--port', '1', '--echo', ...PAIR], 2, /said twice/);
    await fails(
      ['serve', '--port', 'unix:x', '--echo', ...PAIR],
      2,
      /--port is "unix:x", wanted \[HOST:\]PORT/,
    );
    await fails(['serve', 'wss://localhost/', '--echo', ...PAIR], 2, /wanted ws:\/\//);
  });
});

test('the roots believed without --ca are those of $SSL_CERT_FILE', async () => {
  const server = workspace.serve(['tls', 'serve', '0', ...PAIR, '--echo', '--json']);
  const { address } = await eventOf(server, 'ready');
  const args = ['tls', 'connect', address as string, '--servername', NAME];
  const without = await workspace.run(args);
  expect(without.code).toBe(5);
  const believed = await workspace.run(args, { env: { SSL_CERT_FILE: 'ca.crt' }, stdin: TEXT });
  expect(believed.stdout.toString()).toBe(TEXT);
  const missing = await workspace.run(args, { env: { SSL_CERT_FILE: 'none.crt' } });
  expect(missing.stderr).toMatch(/q2q: error: .*SSL_CERT_FILE=none\.crt cannot be read/);
  expect(missing.code).toBe(3);
  await server.stop();
});

describe('--groups X25519MLKEM768', () => {
  const GROUP = ['--groups', 'X25519MLKEM768,x25519'];

  test('is agreed upon', async () => {
    const server = workspace.serve(['tls', 'serve', '0', ...PAIR, ...GROUP, '--echo', '--json']);
    const { address } = await eventOf(server, 'ready');
    const ran = await connect([address as string, ...BELIEVE, ...GROUP, '--json']);
    expect(JSON.parse(ran.stdout.toString())).toMatchObject({ group: 'X25519MLKEM768', helloRetried: false });
    await server.stop();
  });

  test('says which package it needs, where it is not installed; all else works without', async () => {
    const cli = installWithout('@noble/post-quantum');
    const withGroup = await workspace.run(['tls', 'connect', 'localhost:1', ...GROUP], { cli });
    expect(withGroup.stderr).toBe(
      'q2q: error: X25519MLKEM768 needs the package @noble/post-quantum, which is not installed\n' +
        'q2q: hint: npm install @noble/post-quantum, beside q2q (with --global if q2q was)\n',
    );
    expect(withGroup.code).toBe(3);
    expect((await workspace.run(['--version'], { cli })).code).toBe(0);
  });
});

function write(name: string, text: string): void {
  writeFileSync(join(workspace.path, name), text, { mode: 0o600 });
}

function connect(args: readonly string[], stdin = ''): Promise<Ran> {
  return workspace.run(['tls', 'connect', ...args], { stdin });
}

async function eventOf(server: Server, event: string): Promise<Record<string, unknown>> {
  const [line] = await server.until(new RegExp(`^.*"event":"${event}".*$`, 'm'));
  return JSON.parse(line) as Record<string, unknown>;
}

/** What ships, with all that it needs but one package; returns the command line's file. */
function installWithout(missing: string): string {
  const root = resolve(dirname(commandLine()), '../..');
  const folder = join(workspace.path, 'installed');
  mkdirSync(join(folder, 'node_modules/@noble'), { recursive: true });
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  expect(Object.keys(dependencies)).not.toContain(missing);
  for (const name of Object.keys(dependencies))
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  return join(folder, 'dist/cli', commandLine().split('/').at(-1)!);
}
