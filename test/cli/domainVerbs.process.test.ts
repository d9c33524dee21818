/** What the person does who is responsible for a domain, beside its running relay and without it. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Overlay } from './support/overlay.ts';
import type { Ran } from './support/q2q.ts';
import { snapshot } from './support/snapshot.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let overlay: Overlay;
beforeAll(async () => {
  overlay = await Overlay.start();
  overlay.write('secret', 'correct horse battery\n');
  overlay.write('wrong', 'incorrect horse\n');
}, 60_000);
afterAll(async () => {
  await overlay?.dispose();
});

const domain = (...args: readonly string[]): Promise<Ran> =>
  overlay.workspace.run(['domain', ...args, '--data', overlay.path('relay')]);

const login = (who: string, ...args: readonly string[]): Promise<Ran> =>
  overlay.workspace.run(['enroll', ...args], overlay.as(who));

describe('a password', () => {
  beforeAll(async () => {
    const set = await domain(
      'accounts',
      'password',
      'erin@example.org',
      '--password-file',
      overlay.path('secret'),
    );
    expect(set.stderr).toMatch(/^q2q: erin@example\.org can enrol devices with that password/);
    expect(set.code).toBe(0);
  });

  test('enrols a device where the root and the relay are known', async () => {
    const root = ['--root', overlay.path('relay', 'root.pem'), '--relay', overlay.relayUrl];
    const ran = await login(
      'erin',
      'erin@example.org',
      '--password-file',
      overlay.path('secret'),
      '--device',
      'desk',
      ...root,
    );
    expect(ran.stderr).toMatch(/^q2q: this device is erin@example\.org now/);
    expect(ran.code).toBe(0);
    const again = [
      'enroll',
      'erin@example.org',
      '--password-file',
      overlay.path('secret'),
      '--device',
      'desk2',
    ];
    expect((await overlay.workspace.run(again, overlay.as('erin'))).code).toBe(0); // both are known by now
    const [, erin] = (await domain('accounts', '--json')).stdout
      .toString()
      .trim()
      .split('\n')
      .slice(-2)
      .map((line) => JSON.parse(line) as { name: string; devices: object[] });
    expect(erin).toMatchObject({
      name: 'erin@example.org',
      blocked: false,
      devices: [{ label: 'desk' }, { label: 'desk2' }],
    });
  });

  test('that is wrong is refused, and leaves no key behind', async () => {
    const root = ['--root', overlay.path('relay', 'root.pem'), '--relay', overlay.relayUrl];
    const before = snapshot(overlay.path('erin'));
    const ran = await login('erin', 'erin@example.org', '--password-file', overlay.path('wrong'), ...root);
    expect(ran.stderr).toMatch(
      /^q2q: error: erin@example\.org: .*does not take this name with this password\nq2q: hint: /,
    );
    expect(ran.code).toBe(5);
    expect(snapshot(overlay.path('erin'))).toEqual(before);
  });

  test('leaves for no domain whose root is not known', async () => {
    const ran = await login(
      'eve',
      'erin@example.org',
      '--password-file',
      overlay.path('secret'),
      '--relay',
      overlay.relayUrl,
    );
    expect(ran.stderr).toMatch(
      /^q2q: error: no root of example\.org is known here\nq2q: hint: .*--root FILE/,
    );
    expect(ran.code).toBe(3);
    expect(readdirSync(overlay.workspace.path)).not.toContain('eve');
  });

  test('is nobody’s without a name, and is one way to enrol', async () => {
    expect((await login('eve', '--password')).code).toBe(2);
    expect((await login('eve', 'erin@example.org', '--password', '--invite-file', 'x')).code).toBe(2);
  });

  test('of another domain’s account is refused', async () => {
    const ran = await domain(
      'accounts',
      'password',
      'erin@example.com',
      '--password-file',
      overlay.path('secret'),
    );
    expect(ran.stderr).toMatch(/^q2q: error: erin@example\.com is not of example\.org/);
    expect(ran.code).toBe(2);
  });
});

test('the log tells what was done and tried, and no secret', async () => {
  const lines = (await domain('log')).stdout.toString().trim().split('\n');
  expect(lines.join('\n')).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}invite_made {7}user=alice {2}/m);
  expect(lines.some((line) => /password_set +user=erin/.test(line))).toBe(true);
  const records = (await domain('log', '--json', '--last', '2')).stdout.toString().trim().split('\n');
  expect(records).toHaveLength(2);
  expect(JSON.parse(records[1]!)).toMatchObject({
    at: expect.stringMatching(/Z$/),
    what: expect.any(String),
  });
  expect(readFileSync(overlay.path('relay', 'audit.log'), 'utf8')).not.toMatch(/horse/);
});

test('the control socket is its owner’s alone', () => {
  expect(statSync(overlay.path('relay', 'admin.sock')).mode & 0o777).toBe(0o600);
});
