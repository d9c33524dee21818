/**
 * What goes wrong in practice, each with one clear message, its documented exit code, and every file as it was: keys,
 * accounts, invites and certificates of everybody.
 */
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fileError } from '../../src/cli/files.ts';
import { Overlay } from './support/overlay.ts';
import type { Ran } from './support/q2q.ts';
import { snapshot } from './support/snapshot.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let overlay: Overlay;
/** Another server that says it is example.org, too; what it issues soon expires. */
let impostor: Overlay;

beforeAll(async () => {
  [overlay, impostor] = await Promise.all([Overlay.start(), Overlay.start(['--user-lifetime', '2s'])]);
  await overlay.enroll('carol');
  await overlay.listen('chat/1', ['--exec', 'cat', '--allow', 'alice@example.org']);
  // What a domain says of itself is kept whenever it comes: they have heard it before anything is compared.
  for (const name of ['alice', 'carol'])
    await overlay.workspace.run(['dial', 'nobody@example.org/chat/1'], overlay.as(name));
}, 60_000);
afterAll(async () => {
  await Promise.all([overlay?.dispose(), impostor?.dispose()]);
});

interface Failure {
  readonly exit: number;
  readonly message: RegExp;
  readonly hint?: RegExp;
}

/** Runs a command that must fail as described and change nothing. */
async function fails(args: readonly string[], as: string, wanted: Failure, stdin = ''): Promise<Ran> {
  const before = snapshot(overlay.workspace.path);
  const ran = await overlay.workspace.run(args, { ...overlay.as(as), stdin });
  const [error = '', hint = '', ...more] = ran.stderr.trimEnd().split('\n');
  expect(error).toMatch(/^q2q: error: \S/);
  expect(error).toMatch(wanted.message);
  if (wanted.hint !== undefined) expect(hint).toMatch(wanted.hint);
  if (hint !== '') expect(hint).toMatch(/^q2q: hint: \S/);
  expect(more).toEqual([]);
  expect(ran.stdout.toString()).toBe('');
  expect(ran.code).toBe(wanted.exit);
  expect(snapshot(overlay.workspace.path)).toEqual(before);
  return ran;
}

async function inviteOf(from: Overlay, args: readonly string[] = []): Promise<string> {
  const ran = await from.workspace.run([
    'domain',
    'invite',
    'dave@example.org',
    '--data',
    from.path('relay'),
    ...args,
  ]);
  return ran.stdout.toString();
}

describe('an invite', () => {
  test.each([
    ['that is empty', () => '', /the invite is empty/],
    ['that is something else', () => 'hello', /does not begin with "q2q-invite:"/],
    ['that is cut short', (invite: string) => invite.slice(0, -9), /cut short/],
    [
      'with a letter changed',
      (invite: string) => invite.replace(/.(?=.{20}\n$)/, (c) => (c === 'A' ? 'B' : 'A')),
      /checksum/,
    ],
  ])('%s is malformed', async (_what, spoil, message) => {
    const invite = spoil(await inviteOf(overlay));
    await fails(['enroll'], 'dave', { exit: 3, message, hint: /copy the whole line/ }, invite);
  });

  test('with a wrong secret is refused', async () => {
    const line = withSecret(await inviteOf(overlay), new Uint8Array(16));
    await fails(
      ['enroll'],
      'dave',
      { exit: 5, message: /does not know this invite/, hint: /ask for a new invite/ },
      line,
    );
  });

  test('of the past is told without asking anybody', async () => {
    const line = await inviteOf(overlay, ['--expires', '1s']);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await fails(['enroll'], 'dave', { exit: 5, message: /the invite expired at 20/ }, line);
  });

  test('works once', async () => {
    const line = await inviteOf(overlay);
    const first = await overlay.workspace.run(['enroll'], { ...overlay.as('dave'), stdin: line });
    expect(first.code).toBe(0);
    await fails(['enroll'], 'dora', { exit: 5, message: /used/ }, line);
  });

  test('that leads to another server of the same name meets a wrong root', async () => {
    const line = await inviteOf(overlay, ['--relay', impostor.relayUrl]);
    await fails(['enroll'], 'dan', { exit: 5, message: /is not the example\.org we know/ }, line);
  });

  test('whose server is gone reaches nobody', async () => {
    const line = await inviteOf(overlay, ['--relay', 'ws://127.0.0.1:1/']);
    await fails(['enroll'], 'dan', { exit: 4, message: /refused|could not be reached/ }, line);
  });

  test('in a file that is not there is told by the file’s name', async () => {
    await fails(['enroll', '--invite-file', 'no.invite'], 'dan', {
      exit: 3,
      message: /invite file no\.invite does not exist/,
    });
  });
});

describe('a dial', () => {
  const notFound = {
    exit: 5,
    message: /bob@example\.org\/\S+/,
    hint: /absent, not listening and not allowed all look the same/,
  };

  test('of a name that is not enrolled, a protocol nobody listens to and a peer who does not list us are one answer', async () => {
    const started = performance.now();
    const absent = await fails(['dial', 'nobody@example.org/chat/1'], 'alice', {
      ...notFound,
      message: /nobody@/,
    });
    const wrong = await fails(['dial', 'bob@example.org/other/1'], 'alice', notFound);
    const unlisted = await fails(['dial', 'bob@example.org/chat/1'], 'carol', notFound);
    const plain = ({ stderr }: Ran): string => stderr.replace(/\w+@example\.org\/\w+\/1/g, 'WHO');
    expect(plain(wrong)).toBe(plain(absent));
    expect(plain(unlisted)).toBe(plain(absent));
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('without an identity says how to get one', async () => {
    await fails(['dial', 'bob@example.org/chat/1'], 'nobody-at-all', {
      exit: 3,
      message: /no identity/,
      hint: /q2q enroll/,
    });
  });

  test('without a protocol, or of no address, is wrong usage', async () => {
    await fails(['dial', 'bob@example.org'], 'alice', { exit: 2, message: /no protocol/ });
    await fails(['dial', 'bob'], 'alice', { exit: 2, message: /no "@"/ });
  });

  test('by a relay that is not there is unreachable', async () => {
    await fails(['dial', 'bob@example.org/chat/1', '--relay', 'ws://127.0.0.1:1/'], 'alice', {
      exit: 4,
      message: /127\.0\.0\.1:1/,
    });
  });

  test('by another server of the same name is told that it is not example.org', async () => {
    const args = ['dial', 'bob@example.org/chat/1', '--relay', impostor.relayUrl];
    await fails(args, 'alice', { exit: 5, message: /example\.org/ });
  });

  test('with a certificate that has expired says so', async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_000)); // at least that long after it was issued
    const before = snapshot(impostor.workspace.path);
    const ran = await impostor.workspace.run(['dial', 'bob@example.org/chat/1'], impostor.as('alice'));
    expect(ran.stderr).toMatch(/^q2q: error: .*(expired|not valid after).*\nq2q: hint: .*\n$/);
    expect(ran.code).toBe(3);
    expect(snapshot(impostor.workspace.path)).toEqual(before);
  });

  test('by a key peer where only users are let in is refused', async () => {
    const made = await overlay.workspace.run(['id', 'new'], overlay.as('alice'));
    const key = made.stdout.toString().trim();
    await fails(['dial', 'bob@example.org/chat/1', '--from', key], 'alice', {
      exit: 3,
      message: /admit|enrol/,
    });
  });
});

describe('our own files', () => {
  /** A copy of carol's home that may be spoiled; returns the path of her identity. */
  function spoiledHome(name: string): string {
    cpSync(overlay.path('carol'), overlay.path(name), { recursive: true });
    const folder = overlay.path(name, 'identities');
    return join(folder, readdirSync(folder)[0]!);
  }

  test('a key that others can read is not used', async () => {
    chmodSync(spoiledHome('open'), 0o644);
    await fails(['dial', 'bob@example.org/chat/1'], 'open', {
      exit: 3,
      message: /mode 0644, wanted 0600/,
      hint: /chmod 600/,
    });
  });

  test('an identity cut short is told by its file', async () => {
    const file = spoiledHome('cut');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, 400), { mode: 0o600 });
    await fails(['dial', 'bob@example.org/chat/1'], 'cut', {
      exit: 3,
      message: /is damaged|cut short|no "-----END/,
    });
  });

  test('a file that this user may not read is told so', () => {
    const error = fileError('key file', 'me.key', Object.assign(new Error('EACCES'), { code: 'EACCES' }));
    expect(error.message).toBe('key file me.key is not readable by this user');
  });

  test('settings that make no sense are told by their file', async () => {
    spoiledHome('odd');
    writeFileSync(overlay.path('odd', 'config.json'), '{"relais": "ws://127.0.0.1/"}');
    await fails(['dial', 'bob@example.org/chat/1'], 'odd', {
      exit: 3,
      message: /unknown setting "relais"/,
      hint: /relay/,
    });
  });
});

describe('listening', () => {
  test('without saying who may come in is refused', async () => {
    await fails(['listen', 'x/1', '--stdout'], 'bob', {
      exit: 2,
      message: /nobody is allowed/,
      hint: /--allow/,
    });
  });

  test('without saying what to do is refused', async () => {
    await fails(['listen', 'x/1', '--allow', 'alice@example.org'], 'bob', {
      exit: 2,
      message: /nothing to do/,
    });
  });

  test('on a port in use is told, by relay, forward and tls serve', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const wanted = { exit: 3, message: new RegExp(`:${port}: address is in use`), hint: /another process/ };
    await fails(
      ['relay', '--domain', 'new.example', '--data', overlay.path('new'), '--listen', String(port)],
      'bob',
      wanted,
    );
    await fails(['forward', String(port), 'bob@example.org/chat/1'], 'alice', wanted);
    const pair = ['--cert', overlay.path('relay', 'root.pem'), '--key', overlay.path('relay', 'root.key')];
    await fails(['tls', 'serve', '--port', String(port), '--echo', ...pair], 'bob', wanted);
    taken.close();
  });

  test('of two relays on one data folder is refused to the second', async () => {
    await fails(['relay', '--data', overlay.path('relay'), '--listen', '0'], 'bob', {
      exit: 3,
      message: /process \d+ serves/,
    });
  });

  test('of a relay without a domain, or with another one than its folder holds, is refused', async () => {
    const data = overlay.path('relay');
    await fails(['domain', 'invite', 'a@example.com', '--data', data], 'bob', {
      exit: 3,
      message: /example\.com/,
    });
    await fails(['domain', 'invite', 'a@example.org', '--data', overlay.path('none')], 'bob', {
      exit: 3,
      message: /holds no domain/,
    });
  });
});

/** The same invite with another secret and a checksum that fits (docs/protocol.md §6). */
function withSecret(line: string, secret: Uint8Array): string {
  const raw = Buffer.from(line.trim().slice('q2q-invite:'.length), 'base64url');
  const body = raw.subarray(0, -4);
  const at = body.length - secret.length - 9; // the secret is followed by an 8-byte integer and its marker
  body.set(secret, at);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return `q2q-invite:${Buffer.concat([body, sum]).toString('base64url')}\n`;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
