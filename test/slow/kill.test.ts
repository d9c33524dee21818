/**
 * kill -9 of every process of the overlay, at random points, in many rounds. Whoever is left says so in bounded time with
 * a typed error and a documented exit code; nothing hangs, no process is left, and a relay that is started again on its
 * folder knows everybody. `Q2Q_SEED` replays a run.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exitCodes.ts';
import { DirectoryDomainStore } from '../../src/relay/store.node.ts';
import { Overlay } from '../cli/support/overlay.ts';
import type { Ran, Server } from '../cli/support/q2q.ts';
import { SeededRandom } from '../support/random.ts';

const seed = Number(process.env['Q2Q_SEED'] ?? Date.now() % 100_000);
const random = new SeededRandom(seed);

/** Longest time that anybody may take to notice: far below the mux's 60 s of silence, as a killed process closes its sockets. */
const NOTICED = 8_000;
/** Longest time until a listener is reachable again: its back-off doubles from 250 ms while the relay is away. */
const BACK = 15_000;

const overlay = new Overlay();
const relayData = overlay.path('relay');
let listenAt = '';
let bob: Server;
/** Everybody who was told that they are enrolled. */
const enrolled = new Set<string>();
const exits = new Map<string, number>();

beforeAll(async () => {
  console.log(`seed ${seed}`);
  listenAt = `127.0.0.1:${await freePort()}`;
  await startRelay();
  for (const name of ['alice', 'bob']) {
    await overlay.enroll(name);
    enrolled.add(name);
  }
  bob = await listen();
}, 60_000);
afterAll(async () => {
  console.log(`seed ${seed}, exits: ${[...exits].map(([what, count]) => `${what} ×${count}`).join(', ')}`);
  await overlay.dispose();
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

const startRelay = (): Promise<void> => overlay.startRelay(['--listen', listenAt]);
const listen = (): Promise<Server> => overlay.listen('echo/1', ['--exec', 'cat', '--allow-any-enrolled']);
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Alice dials and pours without end, and waits for nobody who is gone; her process is the caller's to watch. */
function pourForEver(): Server {
  const args = ['dial', 'bob@example.org/echo/1', '--timeout', '5s', '--outlive', '0s'];
  const server = overlay.workspace.serve(args, { ...overlay.as('alice'), timeout: 60_000 });
  const { stdin } = server.child;
  const chunk = Buffer.alloc(65_536, 'all work and no play ');
  const pump = (): void => {
    while (stdin?.writable === true && stdin.write(chunk));
  };
  stdin?.on('drain', pump);
  pump();
  return server;
}

async function ask(name = 'alice', text = 'are you there?'): Promise<Ran> {
  const args = ['dial', 'bob@example.org/echo/1', '--timeout', '5s'];
  return overlay.workspace.run(args, { ...overlay.as(name), stdin: text, timeout: 20_000 });
}

/** An honest pair can talk, sooner or later: the listener was not restarted unless the test did so. */
async function talksAgain(name = 'alice'): Promise<void> {
  const deadline = performance.now() + BACK;
  for (;;) {
    const ran = await ask(name);
    if (ran.code === EXIT.ok) {
      expect(ran.stdout.toString()).toBe('are you there?');
      return;
    }
    expectTyped(ran, 'a dial while the relay comes back');
    if (performance.now() > deadline) throw new Error(`nobody answers after ${BACK} ms: ${ran.stderr}`);
    await wait(200);
  }
}

/** Kills one process and returns how another one ended, which must be soon. */
async function endsSoon(victim: Server, survivor: Server, what: string): Promise<Ran> {
  const killed = performance.now();
  victim.child.kill('SIGKILL');
  const ran = await survivor.ended;
  const took = performance.now() - killed;
  expect(took, `${what} took ${Math.round(took)} ms to notice`).toBeLessThan(NOTICED);
  return ran;
}

const FAILURES: ReadonlySet<number> = new Set([EXIT.unreachable, EXIT.refused, EXIT.timeout]);

/** One error, one line, one documented exit code; nothing that looks like a crash. */
function expectTyped(ran: Ran, what: string): void {
  const errors = ran.stderr.split('\n').filter((line) => line.startsWith('q2q: error: '));
  expect(errors, `${what}: ${ran.stderr}`).toHaveLength(1);
  expect(ran.stderr, what).not.toMatch(/^\s+at .*:\d+:\d+|Unhandled|node:internal/m);
  expect(FAILURES, `${what} ended with ${ran.code}: ${ran.stderr}`).toContain(ran.code);
  const key = `${what.replace(/ \d+$/, '')} → ${ran.code}`;
  exits.set(key, (exits.get(key) ?? 0) + 1);
}

/** Processes whose parent is this one, as the system tells. */
function childrenOf(pid: number): string[] {
  return execFileSync('ps', ['-A', '-o', 'ppid=,pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => Number(line.trim().split(/\s+/)[0]) === pid && !line.includes('ps -A'));
}

describe('kill -9 of the relay', () => {
  test('ends a dial or transfer with a typed error; the listener comes back by itself', async () => {
    for (let round = 0; round < 7; round++) {
      const alice = pourForEver();
      await wait(random.int(0, 1_200));
      const ran = await endsSoon(overlay.relay, alice, `alice without relay, round ${round}`);
      expectTyped(ran, `alice without relay, round ${round}`);
      expectTyped(await ask(), 'a dial without relay');
      if (random.next() < 0.5) await wait(random.int(0, 1_000));
      await startRelay();
      await talksAgain();
      expect(bob.child.exitCode, bob.stderr).toBeNull();
    }
  });

  test('during enrolments keeps what was promised, and a used invite stays used', async () => {
    for (let round = 0; round < 6; round++) {
      const name = `user${round}`;
      const invite = await inviteOf(name);
      const device = overlay.workspace.serve(['enroll'], { ...overlay.as(name), stdin: invite });
      await somewhereInEnrolment(round);
      const ran = await endsSoon(overlay.relay, device, `enrolment ${round}`);
      if (ran.code === EXIT.ok) enrolled.add(name);
      else expectTyped(ran, 'enrolment without relay');
      await startRelay();
      await expectWholeOrNothing(name, invite);
    }
    await talksAgain();
  });
});

describe('kill -9 of the listening peer', () => {
  test('ends the transfer with a typed error; later callers hear that nobody answers', async () => {
    for (let round = 0; round < 5; round++) {
      const alice = pourForEver();
      await wait(random.int(0, 1_200));
      const ran = await endsSoon(bob, alice, `alice without bob, round ${round}`);
      expectTyped(ran, `alice without bob, round ${round}`);
      const gone = await ask();
      expectTyped(gone, 'a dial without bob');
      expect(gone.code).toBe(EXIT.refused); // not found: absent
      bob = await listen();
      await talksAgain();
    }
  });
});

describe('kill -9 of the dialling client', () => {
  test('ends its channel at the listener, with its command, and nothing else', async () => {
    for (let round = 0; round < 8; round++) {
      const alice = pourForEver();
      await wait(random.int(100, 1_200));
      alice.child.kill('SIGKILL');
      await alice.ended;
      await expect
        .poll(() => childrenOf(bob.child.pid!), { timeout: NOTICED, message: `round ${round}` })
        .toEqual([]);
      expect(bob.child.exitCode, bob.stderr).toBeNull();
    }
    expect(bob.stderr).toContain('channel with alice@example.org failed');
    expect(bob.stderr).not.toMatch(/^\s+at .*:\d+:\d+|Unhandled/m);
    await talksAgain();
  });

  test('while it enrols leaves a whole identity or none', async () => {
    for (let round = 0; round < 10; round++) {
      const name = `device${round}`;
      const invite = await inviteOf(name);
      const device = overlay.workspace.serve(['enroll'], { ...overlay.as(name), stdin: invite });
      await somewhereInEnrolment(round);
      device.child.kill('SIGKILL');
      await device.ended;
      await expectWholeOrNothing(name, invite);
    }
  });
});

describe('a relay that freezes', () => {
  test('costs a dial its time limit and no more', async () => {
    overlay.relay.child.kill('SIGSTOP');
    const begun = performance.now();
    const args = ['dial', 'bob@example.org/echo/1', '--timeout', '2s'];
    const ran = await overlay.workspace.run(args, { ...overlay.as('alice'), timeout: 20_000 });
    expect(performance.now() - begun).toBeLessThan(2_000 + NOTICED);
    expect(ran.code).toBe(EXIT.timeout);
    expectTyped(ran, 'a dial through a frozen relay');
    overlay.relay.child.kill('SIGCONT');
    await talksAgain();
  });
});

describe('SIGTERM of the relay', () => {
  test('is a graceful end: exit code 0, peers are told, the folder is free, everybody comes back', async () => {
    for (let round = 0; round < 3; round++) {
      const alice = pourForEver();
      await wait(random.int(300, 1_500));
      const stopped = performance.now();
      const ran = await overlay.relay.stop('SIGTERM');
      expect(performance.now() - stopped).toBeLessThan(3_000);
      expect(ran.code, ran.stderr).toBe(EXIT.ok);
      expect(existsSync(overlay.path('relay', 'lock'))).toBe(false);
      expectTyped(await alice.ended, 'alice when the relay stops');
      await startRelay();
      await talksAgain();
      expect(bob.child.exitCode, bob.stderr).toBeNull();
    }
  });
});

test('after all this every account is there, every used invite is used, and no process or half file is left', async () => {
  const store = await DirectoryDomainStore.open(relayData, { exclusive: false });
  const accounts = new Map((await store.accounts()).map((account) => [account.user, account.devices]));
  const issued = (await store.audit(100_000)).filter(({ what }) => what === 'issued');
  for (const name of enrolled) {
    expect(accounts.get(name)?.length, name).toBeGreaterThan(0);
    expect(
      issued.some(({ user }) => user === name),
      name,
    ).toBe(true);
  }
  await store.close();
  const left = readdirSync(relayData, { recursive: true, encoding: 'utf8' });
  expect(
    left.filter((name) => /root|domain|accounts$|invites$|lock$|audit/.test(name)).length,
  ).toBeGreaterThan(5);
  expect(readFileSync(overlay.path('relay', 'audit.log'), 'utf8').endsWith('\n')).toBe(true);
  expect((await bob.stop('SIGTERM')).code).toBe(EXIT.ok);
  expect((await overlay.relay.stop('SIGTERM')).code).toBe(EXIT.ok);
  await expect.poll(() => childrenOf(process.pid).filter((line) => line.includes('q2q.js'))).toEqual([]);
});

/** Every other round waits for the moment that matters: the relay has begun to write down that the invite is used. */
async function somewhereInEnrolment(round: number): Promise<void> {
  if (round % 2 === 0) return wait(random.int(150, 700));
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 2_000);
    const watcher = watch(overlay.path('relay', 'invites'), () => {
      clearTimeout(timer);
      watcher.close();
      resolve();
    });
  });
  await wait(random.int(0, 20));
}

async function inviteOf(name: string): Promise<string> {
  const ran = await overlay.workspace.run(['domain', 'invite', `${name}@example.org`, '--data', relayData]);
  expect(ran.code, ran.stderr).toBe(EXIT.ok);
  return ran.stdout.toString();
}

/** The folder holds a whole identity or none; either way the same invite on the same device ends with one that works. */
async function expectWholeOrNothing(name: string, invite: string): Promise<void> {
  const listed = await overlay.workspace.run(['id', '--json'], overlay.as(name));
  expect(listed.code, listed.stderr).toBe(EXIT.ok);
  const identities = listed.stdout.toString().split('\n').filter(Boolean);
  if (identities.length > 0)
    expect(JSON.parse(identities[0]!)).toMatchObject({ address: `${name}@example.org` });
  const again = await overlay.workspace.run(['enroll'], { ...overlay.as(name), stdin: invite });
  const outcome = `enrolment cut: ${identities.length} identity, asked again: exit ${again.code}`;
  exits.set(outcome, (exits.get(outcome) ?? 0) + 1);
  if (identities.length === 0) expect(again.code, again.stderr).toBe(EXIT.ok);
  expect(
    readdirSync(overlay.path(name)).filter((file) => file.startsWith('enrolling-')),
    again.stderr,
  ).toEqual([]);
  const other = { env: { Q2Q_HOME: overlay.path(`${name}-2`) }, stdin: invite };
  const elsewhere = await overlay.workspace.run(['enroll'], other);
  expect(elsewhere.code, 'a used invite works for nobody else').toBe(EXIT.refused);
  expect(elsewhere.stderr).toContain('the invite was used');
  enrolled.add(name);
  await talksAgain(name);
}
