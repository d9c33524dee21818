/** A person's devices in processes of their own: signed by code, renewed, and put out while they are at work. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { nodeProvider } from '../../src/crypto/node.node.ts';
import { identityFromChain, UserAuthority } from '../../src/identity/index.ts';
import { DirectoryIdentityStore } from '../../src/identity/store.node.ts';
import { Overlay } from '../cli/support/overlay.ts';
import type { Ran, Server } from '../cli/support/q2q.ts';
import { snapshot } from '../cli/support/snapshot.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

let overlay: Overlay;
let bob: Server;

beforeAll(async () => {
  overlay = await Overlay.start();
  bob = await overlay.listen('hold/1', ['--exec', 'cat', '--allow', 'alice@example.org']);
}, 90_000);
afterAll(async () => {
  await overlay?.dispose();
});

const as = (name: string, ...args: readonly string[]): Promise<Ran> =>
  overlay.workspace.run(args, overlay.as(name));
const given = (name: string, stdin: string | Uint8Array, ...args: readonly string[]): Promise<Ran> =>
  overlay.workspace.run(args, { ...overlay.as(name), stdin });

/** A person's first device signs another. */
async function addDevice(name: string, person = 'alice'): Promise<void> {
  const code = await as(name, 'enroll', '--code', '--device', name);
  expect(code.stdout.toString()).toMatch(/^q2q-device:[\w-]+\n$/);
  const grant = await given(person, code.stdout, 'id', 'devices', 'add');
  expect(grant.stdout.toString(), grant.stderr).toMatch(/^q2q-grant:[\w-]+\n$/);
  const enrolled = await given(name, grant.stdout, 'enroll', '--grant-file', '-');
  expect(enrolled.stderr).toContain(`this device is ${person}@example.org now`);
  expect(enrolled.code).toBe(0);
}

interface Row {
  readonly label: string;
  readonly by: string;
  readonly keyId: string;
  readonly revoked: boolean;
  readonly current: boolean;
}

async function devices(name = 'alice'): Promise<readonly Row[]> {
  const { stdout } = await as(name, 'id', 'devices', '--json');
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

describe('a device added by code', () => {
  test('is the person’s, listed, and known by the same words as the one that signed it', async () => {
    await addDevice('laptop');
    const rows = await devices('laptop');
    expect(rows.map(({ by }) => by).sort()).toEqual(['authority', 'user_ca', 'user_ca']);
    expect(rows.find(({ current }) => current)?.label).toBe('laptop');
    const [first, second] = await Promise.all(['alice', 'laptop'].map((name) => as(name, 'id', 'words')));
    expect(first!.stdout.toString()).toBe(second!.stdout.toString());
    expect((await given('laptop', 'hi', 'dial', 'bob@example.org/hold/1')).stdout.toString()).toBe('hi');
  });

  test('is renewed by the one that signed it, whose own certificate it renews itself', async () => {
    const own = await as('alice', 'renew', '--json');
    expect(JSON.parse(own.stdout.toString())).toMatchObject({
      event: 'renewed',
      address: 'alice@example.org',
    });
    const refused = await as('laptop', 'renew');
    expect(refused.stderr).toMatch(/^q2q: error: .*user CA.*\nq2q: hint: /);
    expect(refused.code).toBe(5);
    const code = await as('laptop', 'renew', '--code');
    const grant = await given('alice', code.stdout, 'id', 'devices', 'add');
    const renewed = await given('laptop', grant.stdout, 'renew', '--grant-file', '-');
    expect(renewed.stderr).toMatch(/^q2q: alice@example\.org has a certificate until 20/);
    expect((await devices()).filter(({ label }) => label === 'laptop')).toHaveLength(1);
  });

  test('takes no other device’s grant, no code that was changed, and no name twice; nothing is changed by that', async () => {
    const code = (await as('tablet', 'enroll', '--code', '--device', 'laptop')).stdout.toString();
    const before = snapshot(overlay.workspace.path);
    const twice = await given('alice', code, 'id', 'devices', 'add');
    expect(twice.stderr).toMatch(
      /^q2q: error: there is a device called laptop already\nq2q: hint: .*--label/,
    );
    expect(twice.code).toBe(2);
    const changed = await given(
      'alice',
      code.replace(/.(?=.{9}\n$)/, (c) => (c === 'A' ? 'B' : 'A')),
      'id',
      'devices',
      'add',
    );
    expect(changed.stderr).toMatch(/^q2q: error: .*checksum/);
    expect(changed.code).toBe(3);
    expect(snapshot(overlay.workspace.path)).toEqual(before);
    const other = await given(
      'alice',
      (await as('laptop', 'renew', '--code')).stdout,
      'id',
      'devices',
      'add',
    );
    const grant = await given('tablet', other.stdout, 'enroll', '--grant-file', '-');
    expect(grant.stderr).toMatch(/^q2q: error: the grant is for another device\n/);
    expect(grant.code).toBe(3);
    const nobody = await given('nobody', other.stdout, 'enroll', '--grant-file', '-');
    expect(nobody.stderr).toMatch(/^q2q: error: this device waits for no grant\n/);
  });
});

test('the device that signs renews itself when the time comes', async () => {
  await overlay.enroll('nora');
  await addDevice('watch', 'nora');
  const provider = nodeProvider();
  const store = await DirectoryIdentityStore.open(overlay.path('nora'), provider);
  const own = UserAuthority.load(provider, (await store.userAuthority('nora@example.org'))!);
  const { signer, device = '' } = (await store.get('nora@example.org'))!;
  const [now, lifetime] = [Date.now(), 60_000]; // backdated by a minute: it is past two thirds at once
  await store.put(identityFromChain(own.issueDevice({ spki: signer.spki, device, now, lifetime }), signer));
  const server = overlay.workspace.serve(
    ['--verbose', 'listen', 'own/1', '--exec', 'cat', '--allow', 'bob@example.org'],
    overlay.as('nora'),
  );
  await server.until(/certificate signed by our own CA until 20/, 60_000);
  await expect
    .poll(async () => (await store.find('nora@example.org'))!.notAfter - Date.now(), { timeout: 5_000 })
    .toBeGreaterThan(86_400_000);
  await server.stop();
});

describe('a device that is revoked', () => {
  test('ends its dial and its listening within a second, with exit code 5 and the reason', async () => {
    await addDevice('lost');
    const work = [
      overlay.workspace.serve(['dial', 'bob@example.org/hold/1'], overlay.as('lost')),
      overlay.workspace.serve(
        ['listen', 'own/1', '--exec', 'cat', '--allow', 'bob@example.org'],
        overlay.as('lost'),
      ),
    ] as const;
    await work[0].until(/dialled hold\/1/);
    await work[1].until(/listening as/);
    const ends = work.map((server) => server.ended.then((ran) => ({ ran, at: performance.now() })));
    const revoked = await as('alice', 'id', 'devices', 'revoke', 'lost');
    const done = performance.now();
    expect(revoked.stderr).toMatch(/^q2q: lost is revoked: its key [a-z2-7-]{63} proves nothing any more\n$/);
    for (const { ran, at } of await Promise.all(ends)) {
      expect(ran.stderr).toMatch(/q2q: error: example\.org has withdrawn this identity\nq2q: hint: .*\n$/);
      expect(ran.code).toBe(5);
      expect(at - done).toBeLessThan(1_000);
    }
    await bob.until(/channel with alice@example\.org failed: .*withdrawn the key/);
    expect((await devices()).find(({ label }) => label === 'lost')).toMatchObject({ revoked: true });
    const again = await given('lost', '', 'dial', 'bob@example.org/hold/1');
    expect(again.stderr).toMatch(/^q2q: error: example\.org has withdrawn this identity\n/);
    expect(again.code).toBe(5);
  });

  test('is none that does not exist, nor the one in hand', async () => {
    expect((await as('alice', 'id', 'devices', 'revoke', 'toaster')).code).toBe(3);
    const current = (await devices()).find((row) => row.current)!;
    const self = await as('alice', 'id', 'devices', 'revoke', current.keyId);
    expect(self.stderr).toMatch(/^q2q: error: that is this device\n/);
    expect(self.code).toBe(2);
  });
});

describe('the domain', () => {
  const domain = (...args: readonly string[]): Promise<Ran> =>
    as('bob', 'domain', ...args, '--data', overlay.path('relay'));

  test('puts a key out beside its running relay, and a forward on it ends', async () => {
    await overlay.enroll('carol');
    const shown = JSON.parse((await as('carol', 'id', 'show', '--json')).stdout.toString()) as {
      keyId: string;
    };
    const server = overlay.workspace.serve(
      ['forward', '127.0.0.1:0', 'bob@example.org/hold/1'],
      overlay.as('carol'),
    );
    const [, port] = await server.until(/forwarding 127\.0\.0\.1:(\d+)/);
    const { connect } = await import('node:net');
    connect(Number(port), '127.0.0.1').on('error', () => {});
    await server.until(/bob@example\.org|connection from/); // refused, for carol is not on bob's list: the link to the relay is up
    const begun = performance.now();
    const ran = await domain('revoke', `key:${shown.keyId}`);
    expect(ran.stderr).toMatch(/^q2q: the key [a-z2-7-]{63} proves nothing any more/);
    const ended = await server.ended;
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(ended.stderr).toMatch(/q2q: error: example\.org has withdrawn this identity\n/);
    expect(ended.code).toBe(5);
  });

  test('puts a person out and lets them in again', async () => {
    await overlay.enroll('dora');
    expect((await domain('accounts', 'block', 'dora@example.org')).code).toBe(0);
    expect((await as('dora', 'id', 'devices')).code).toBe(5);
    expect((await domain('accounts', 'unblock', 'dora@example.org')).code).toBe(0);
    expect((await as('dora', 'id', 'devices')).code).toBe(0);
    expect((await domain('revoke', 'zoe@example.org')).stderr).toMatch(/has no account "zoe"/);
  });

  test('says in a numbered bundle what it took back, and writes it to a file', async () => {
    const keyId = (await devices())[0]!.keyId;
    await domain('revoke', '--issuer', keyId, '--serial', '0A:0B');
    const file = overlay.path('bundle.der');
    const bundle = JSON.parse((await domain('bundle', '--json', '--out', file)).stdout.toString()) as Record<
      string,
      unknown
    >;
    expect(bundle['deniedCertificates']).toEqual([{ issuer: keyId, serial: '0a0b' }]);
    expect(bundle['sequence']).toBeGreaterThan(1);
    expect(readFileSync(file)[0]).toBe(0x30);
    expect((await domain('bundle')).stdout.toString()).toMatch(/^example\.org, bundle \d+\n {2}signed {5}20/);
    expect((await domain('bundle', '--out', file)).code).toBe(3);
  });

  test.each([
    ['nothing', []],
    ['two things', ['bob@example.org', '--issuer', 'x', '--serial', '01']],
    ['half a certificate', ['--serial', '01']],
    ['no serial number', ['--issuer', 'x', '--serial', 'one']],
  ])('is not asked to take back %s', async (_what, args) => {
    expect((await domain('revoke', ...args)).code).toBe(2);
  });
});

test('a root key under a passphrase is opened by it alone', async () => {
  const data = overlay.path('closed');
  const secret = overlay.write('root.secret', 'correct horse battery\n');
  const wrong = overlay.write('root.wrong', 'incorrect horse\n');
  expect(
    (await as('bob', 'domain', 'init', 'closed.example', '--data', data, '--passphrase-file', secret)).code,
  ).toBe(0);
  const before = snapshot(data);
  for (const args of [[], ['--passphrase-file', wrong]]) {
    const ran = await as('bob', 'domain', 'roll', '--data', data, ...args);
    expect(ran.stderr).toMatch(/^q2q: error: .*passphrase/);
    expect(ran.code).toBe(3);
    const relay = await as('bob', 'relay', '--data', data, '--listen', '0', ...args);
    expect(relay.code).toBe(3);
  }
  expect(snapshot(data)).toEqual(before);
  const rolled = await as('bob', 'domain', 'roll', '--data', data, '--passphrase-file', secret);
  expect(rolled.stderr).toMatch(/is believed beside it/);
  const invite = await as(
    'bob',
    'domain',
    'invite',
    'a@closed.example',
    '--data',
    data,
    '--relay',
    'wss://closed.example/',
  );
  expect(invite.code).toBe(0); // needs no key
});
