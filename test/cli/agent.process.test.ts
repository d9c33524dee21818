/** A key identity whose key stays in a real ssh agent. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Overlay } from './support/overlay.ts';
import type { Ran } from './support/q2q.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const hasAgent = ['ssh-agent', 'ssh-add', 'ssh-keygen'].every((name) => {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});
if (!hasAgent) console.log('skipped: OpenSSH is not installed');

let overlay: Overlay;
let agent: Record<string, string>;

beforeAll(async () => {
  if (!hasAgent) return;
  overlay = await Overlay.start(['--admit-keys']);
  const socket = overlay.path('agent.sock');
  const said = execFileSync('ssh-agent', ['-a', socket]).toString();
  agent = { SSH_AUTH_SOCK: socket, SSH_AGENT_PID: /SSH_AGENT_PID=(\d+)/.exec(said)![1]! };
  const file = overlay.path('id_ed25519');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'kim@home', '-f', file]);
  execFileSync('ssh-add', ['-q', file], { env: { ...process.env, ...agent }, stdio: 'ignore' });
}, 60_000);
afterAll(async () => {
  if (agent !== undefined) process.kill(Number(agent['SSH_AGENT_PID']));
  await overlay?.dispose();
});

const kim = (args: readonly string[], stdin = '', env: Record<string, string> = agent): Promise<Ran> =>
  overlay.workspace.run(args, { env: { ...overlay.as('kim').env, ...env }, stdin });

test.runIf(hasAgent)('is made of a key of the agent, dials with it, and holds no key itself', async () => {
  const made = await kim(['id', 'new', '--agent', 'kim@home']);
  const key = made.stdout.toString().trim();
  expect(key, made.stderr).toMatch(/^key:[a-z2-7]{56}$/);
  const root = ['--root', overlay.path('relay', 'root.pem'), '--relay', overlay.relayUrl];
  await kim(['trust', 'add', 'example.org', ...root]);
  const bob = await overlay.listen('hi/1', ['--exec', 'cat', '--allow', key]);
  expect((await kim(['dial', 'bob@example.org/hi/1'], 'hello')).stdout.toString()).toBe('hello');
  const folder = overlay.path('kim', 'identities');
  for (const file of readdirSync(folder))
    expect(readFileSync(join(folder, file), 'utf8')).not.toContain('PRIVATE');
  const exported = await kim(['id', 'export', '--no-passphrase']);
  expect(exported.stderr).toMatch(/^q2q: error: the key of key:\S+ is not in a file of ours\n/);
  expect(exported.code).toBe(3);
  await bob.stop();
});

test.runIf(hasAgent)('is not made without an agent, nor of a key that it has not', async () => {
  const none = await kim(['id', 'new', '--agent'], '', {});
  expect(none.stderr).toMatch(/^q2q: error: no ssh agent is named by \$SSH_AUTH_SOCK\n/);
  expect(none.code).toBe(3);
  const other = await kim(['id', 'new', '--agent', 'zoe@home']);
  expect(other.stderr).toMatch(
    /^q2q: error: the agent has 0 keys that could be meant\nq2q: hint: say which one.*kim@home/,
  );
  expect(other.code).toBe(2);
});
