/** `q2q tls` over unix sockets and a command's pipes, against OpenSSL's s_server and s_client. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Workspace } from '../cli/support/q2q.ts';
import { haveOpenssl } from '../support/openssl.ts';
import { Program } from '../support/program.ts';
import { makePki, type Pki } from './support/pki.ts';

const folder = mkdtempSync(join(tmpdir(), 'q2q-pki-'));
const workspace = new Workspace();
const started: Program[] = [];

describe.skipIf(!haveOpenssl())('over a unix socket', () => {
  let pki: Pki;
  /** In the folder: s_server takes no path of more than 31 bytes. */
  const openssl = (args: readonly string[]): Program => {
    const program = new Program('openssl', args, { cwd: folder });
    started.push(program);
    return program;
  };

  beforeAll(() => {
    pki = makePki(folder, 'p256');
  });
  afterEach(async () => {
    for (const program of started.splice(0)) await program.stop();
  });
  afterAll(async () => {
    await workspace.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  test('q2q tls connect verifies s_server and passes data both ways', async () => {
    const { server, ca } = pki;
    const pair = ['-cert', server.cert, '-key', server.key];
    const s = openssl(['s_server', '-unix', 'service.sock', '-unlink', '-tls1_3', ...pair, '-rev']);
    await s.until(/ACCEPT/);
    const args = [
      'tls',
      'connect',
      `unix:${join(folder, 'service.sock')}`,
      '--servername',
      'a.test',
      '--ca',
      ca,
    ];
    const ran = await workspace.run(args, { stdin: 'hello\n' });
    expect(ran.stderr).toContain('a.test');
    expect(ran.stdout.toString()).toBe('olleh\n');
    expect(ran.code).toBe(0);
  });

  test('s_client verifies q2q tls serve and gets its data back', async () => {
    const { server, ca } = pki;
    const ours = join(folder, 'ours.sock');
    const pair = ['--cert', server.cert, '--key', server.key];
    const serving = workspace.serve(['tls', 'serve', `unix:${ours}`, ...pair, '--echo']);
    await serving.until(/listening on unix:/);
    const verify = ['-CAfile', ca, '-verify_hostname', 'a.test', '-verify_return_error'];
    const s = openssl(['s_client', '-unix', ours, '-tls1_3', ...verify, '-nocommands']);
    await s.until(/Verify return code: 0/);
    s.say('there and back\n');
    await s.until(/there and back/);
    expect((await serving.stop()).code).toBe(0);
  });

  test('q2q tls connect reaches s_server by a command that only passes bytes', async () => {
    const { server, ca } = pki;
    const pair = ['-cert', server.cert, '-key', server.key];
    const s = openssl(['s_server', '-accept', '127.0.0.1:0', '-tls1_3', ...pair, '-rev']);
    const [, port] = await s.until(/ACCEPT 127\.0\.0\.1:(\d+)/);
    const pass = `'${process.execPath}' -e 'const s = require("net").connect(${port}); process.stdin.pipe(s).pipe(process.stdout)'`;
    const args = ['tls', 'connect', `exec:${pass}`, '--servername', 'a.test', '--ca', ca];
    const ran = await workspace.run(args, { stdin: 'hello\n' });
    expect(ran.stdout.toString()).toBe('olleh\n');
    expect(ran.code).toBe(0);
  });
});
