/** ssh with q2q as its ProxyCommand, to a real sshd: login, 8 MB with equal hashes, and an end that passes. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Overlay } from '../cli/support/overlay.ts';
import { collect, commandLine, type Ran } from '../cli/support/q2q.ts';
import { have } from '../support/counterpart.ts';

const MEGABYTES = randomBytes(8_000_000);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const SSHD = '/usr/sbin/sshd';

describe.skipIf(!have('sshd') || !have('ssh'))('ssh through a dial', () => {
  let overlay: Overlay;
  let stopSshd: () => void = () => {};

  beforeAll(async () => {
    overlay = await Overlay.start();
    const port = await startSshd();
    await overlay.listen('ssh/1', ['--tcp', `127.0.0.1:${port}`, '--allow', 'alice@example.org']);
  });
  afterAll(async () => {
    stopSshd();
    await overlay?.dispose();
  });

  test('logs in and says who it is', async () => {
    const ran = await ssh(['id', '-un']);
    expect(ran.stdout.toString().trim()).toBe(userInfo().username);
    expect(ran.code).toBe(0);
  });

  test('moves 8 MB up and 8 MB down, whole', async () => {
    const up = await ssh(['sha256sum'], MEGABYTES);
    expect(up.stdout.toString().split(' ')[0]).toBe(sha256(MEGABYTES));
    const file = overlay.write('download', MEGABYTES);
    const down = await ssh(['cat', file]);
    expect(sha256(down.stdout)).toBe(sha256(MEGABYTES));
  });

  test('a command whose input is a file ends when the file does', async () => {
    const file = overlay.write('lines', 'one\ntwo\nthree\n');
    const ran = await collect(
      spawn('sh', ['-c', `${sshCommand(['wc', '-l'])} < ${file}`], {
        env: { ...process.env, ...overlay.as('alice').env },
      }),
      15_000,
      'ssh wc -l < file',
    );
    expect(ran.stdout.toString().trim()).toBe('3');
    expect(ran.code).toBe(0);
  });

  test('the exit code of the remote command comes back', async () => {
    expect((await ssh(['exit', '7'])).code).toBe(7);
  });

  function ssh(command: readonly string[], stdin: Uint8Array | string = ''): Promise<Ran> {
    const child = spawn('sh', ['-c', sshCommand(command)], {
      env: { ...process.env, ...overlay.as('alice').env },
    });
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    return collect(child, 30_000, `ssh ${command.join(' ')}`);
  }

  function sshCommand(command: readonly string[]): string {
    const proxy = `${process.execPath} ${commandLine()} dial bob@example.org/ssh/1 --quiet`;
    const options = [
      `ProxyCommand=${proxy}`,
      `IdentityFile=${overlay.path('ssh', 'user')}`,
      'IdentitiesOnly=yes',
      'BatchMode=yes',
      'StrictHostKeyChecking=accept-new',
      `UserKnownHostsFile=${overlay.path('ssh', 'known')}`,
      'LogLevel=ERROR',
    ];
    const words = [
      'ssh',
      '-F',
      'none',
      ...options.flatMap((option) => ['-o', option]),
      `${userInfo().username}@bob`,
      ...command,
    ];
    return words.map((word) => `'${word}'`).join(' ');
  }

  async function startSshd(): Promise<number> {
    const folder = overlay.path('ssh');
    mkdirSync(folder, { mode: 0o700 });
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true }); // where Debian's sshd wants to drop privileges
    for (const key of ['host', 'user']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `${folder}/${key}`]);
    }
    const port = await freePort();
    overlay.write('ssh/authorized', readFileSync(`${folder}/user.pub`));
    const config = overlay.write(
      'ssh/sshd.conf',
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${folder}/host`,
        `AuthorizedKeysFile ${folder}/authorized`,
        'UsePAM no',
        'StrictModes no',
        'PasswordAuthentication no',
        'PidFile none',
        '',
      ].join('\n'),
    );
    const sshd = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    stopSshd = () => void sshd.kill('SIGKILL');
    let log = '';
    await new Promise<void>((resolve, reject) => {
      sshd.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString();
        if (log.includes('Server listening')) resolve();
      });
      sshd.once('exit', () => reject(new Error(`sshd did not start: ${log}`)));
    });
    return port;
  }
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
