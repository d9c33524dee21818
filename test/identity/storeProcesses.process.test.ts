/** Several processes in one directory store. Hundreds of kills are in `test/slow/storeKill.test.ts`. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { lockFolder } from '../../src/identity/lock.node.ts';
import { DirectoryIdentityStore } from '../../src/identity/store.node.ts';
import { bundleProgram } from '../support/bundle.ts';
import { expectTidy, type Role, StoreProcess, storeKillRounds } from '../support/storeProcesses.ts';
import { refuses } from './storeSuite.ts';

const isRoot = process.geteuid?.() === 0;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'q2q-shared-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (): Promise<DirectoryIdentityStore> => DirectoryIdentityStore.open(folder, provider);

/** All of them at once; what each said. */
async function together(...roles: readonly (readonly [Role, number])[]): Promise<StoreProcess[]> {
  const processes = await Promise.all(roles.map(([role, count]) => StoreProcess.start(folder, role, count)));
  for (const process of processes) expect(await process.ended, process.errors).toBe(0);
  return processes;
}

describe('processes that share a store', () => {
  test('lose no change: each reads, changes and writes in one step', async () => {
    await together(['count', 12], ['count', 12], ['count', 12], ['count', 12]);
    const store = await open();
    expect((await store.pin('bob@example.org'))?.lastSeen).toBe(48);
    await expectTidy(folder, store, 'after counting');
  }, 60_000);

  test('leave the newest anchors, and one whole identity that speaks', async () => {
    const reader = await StoreProcess.start(folder, 'read');
    const writers = await together(['anchors', 15], ['anchors', 15], ['put', 10], ['put', 10]);
    reader.child.kill('SIGTERM');
    expect(await reader.ended, reader.errors).toBe('SIGTERM'); // it saw nothing it would end for
    const store = await open();
    const sequences = writers.flatMap(({ lines }) => lines.map((line) => Number(line.split(' ')[1] ?? 0)));
    expect((await store.anchors('example.org'))?.sequence).toBe(Math.max(...sequences));
    expect(await store.list()).toEqual(['alice@example.org']);
    expect((await store.get('alice@example.org'))?.name).toBe('alice@example.org');
    expect(await store.defaultLabel()).toBe('alice@example.org');
  }, 60_000);

  test('are not held up by one that dies', async () => {
    const dying = await StoreProcess.start(folder, 'change');
    const others = Promise.all(
      ['count', 'count'].map((role) => StoreProcess.start(folder, role as Role, 10)),
    );
    await dying.until('ready');
    await new Promise((resolve) => setTimeout(resolve, 30));
    dying.child.kill('SIGKILL');
    await dying.ended;
    for (const other of await others) expect(await other.ended, other.errors).toBe(0);
    expect((await (await open()).pin('bob@example.org'))?.lastSeen).toBeGreaterThanOrEqual(20);
  }, 60_000);

  test('find everything that one killed with -9 was done with', async () => {
    expect(await storeKillRounds(6, 1)).toBeGreaterThan(12);
  }, 60_000);
});

describe('the lock of a folder', () => {
  const locks = (): string[] => readdirSync(folder).filter((name) => name.startsWith('.lock-'));

  test('is one at a time', async () => {
    const first = await lockFolder(folder);
    const error = await refuses(lockFolder(folder, { wait: 60 }), 'ERR_IDENTITY_STORE_BUSY');
    expect(error.message).toContain(`process ${process.pid}`);
    expect(locks()).toHaveLength(1);
    const second = lockFolder(folder);
    await first.release();
    await (await second).release();
    expect(locks()).toEqual([]);
  });

  test('of a dead process is taken over, of one whose id went to another, too', async () => {
    const held = await lockFolder(folder);
    const [name] = locks();
    const [, pid, start, space, random] = /^\.lock-(\d+)-(\w+)-(\w+)-(\w+)$/.exec(name!)!;
    await held.release();
    for (const dead of [
      `.lock-4194305-${start}-${space}-${random}`,
      ...(start === 'x' ? [] : [`.lock-${pid}-1-${space}-${random}`]),
    ]) {
      writeFileSync(join(folder, dead), '', { mode: 0o600 });
      const lock = await lockFolder(folder, { wait: 0 });
      expect(lock.inherited).toBe(true);
      expect(locks()).not.toContain(dead);
      await lock.release();
    }
    // A name that is no lock of ours is nobody's lock.
    writeFileSync(join(folder, '.lock-me'), '');
    await (await lockFolder(folder, { wait: 0 })).release();
  });

  test('of a process in another container counts until it is old', async () => {
    const foreign = join(folder, `.lock-1-1-1-${'0'.repeat(16)}`);
    writeFileSync(foreign, '', { mode: 0o600 });
    await refuses(lockFolder(folder, { wait: 0 }), 'ERR_IDENTITY_STORE_BUSY');
    utimesSync(foreign, 1, 1);
    await (await lockFolder(folder, { wait: 0 })).release();
    expect(locks()).toEqual([]);
  });
});

describe('a store that is not ours to use', () => {
  test.each([0o777, 0o770, 0o702])(
    'is refused when others may write in its folder: mode %o',
    async (mode) => {
      chmodSync(folder, mode);
      const error = await refuses(open(), 'ERR_IDENTITY_STORE_MODE');
      expect(error.hint).toContain('chmod 700');
    },
  );

  test('is refused when it belongs to another user', async (context) => {
    if (!isRoot) {
      console.warn('skipped "is refused when it belongs to another user": only root gives files away');
      context.skip();
    }
    const store = await open();
    await store.putAnchors({ domain: 'example.org', roots: [] });
    const [file] = readdirSync(join(folder, 'anchors'));
    chownSync(join(folder, 'anchors', file!), 65534, 65534);
    await refuses(store.anchors('example.org'), 'ERR_IDENTITY_STORE_OWNER');
    chownSync(folder, 65534, 65534);
    expect((await refuses(open(), 'ERR_IDENTITY_STORE_OWNER')).message).toContain('65534');
  });

  test('is refused, anchors of it, when others may write them', async () => {
    const store = await open();
    await store.putAnchors({ domain: 'example.org', roots: [] });
    const path = join(folder, 'anchors', readdirSync(join(folder, 'anchors'))[0]!);
    chmodSync(path, 0o644); // as a copy often is
    expect((await store.anchors('example.org'))?.domain).toBe('example.org');
    chmodSync(path, 0o664);
    await refuses(store.anchors('example.org'), 'ERR_IDENTITY_STORE_MODE');
    await refuses(store.trust(), 'ERR_IDENTITY_STORE_MODE');
  });

  test.each([0o000, 0o077, 0o277, 0o777])('has its own modes whatever the umask: %o', async (mask) => {
    await asNobody(
      `process.umask(${mask});
       const store = await DirectoryIdentityStore.open(folder + '/a/b', provider);
       await store.putAnchors({ domain: 'example.org', roots: [] });`,
    );
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    expect(entries).toHaveLength(4);
    for (const entry of entries) {
      const { mode } = lstatSync(join(entry.parentPath, entry.name));
      expect(mode & 0o777, entry.name).toBe(entry.isDirectory() ? 0o700 : 0o600);
    }
  });

  test('can be read when it may not be written, and says so when told to', async () => {
    const store = await open();
    await store.putAnchors({ domain: 'example.org', roots: [] });
    const said = await asNobody(
      `for (const name of ['/anchors', '']) chmodSync(folder + name, 0o500);
       const store = await DirectoryIdentityStore.open(folder, provider);
       const error = await store.removeAnchors('example.org').catch((error) => error);
       console.log((await store.anchors('example.org')).domain, error.code, error.message);
       for (const name of ['', '/anchors']) chmodSync(folder + name, 0o700);`,
    );
    expect(said).toMatch(/^example\.org ERR_IDENTITY_STORE .*permission denied/);
  });

  test('is refused where a link leads in circles or its folder is a file', async () => {
    symlinkSync('loop', join(folder, 'loop'));
    writeFileSync(join(folder, 'file'), '');
    for (const name of ['loop', 'file', 'file/below', 'x'.repeat(300)])
      await refuses(DirectoryIdentityStore.open(join(folder, name), provider), 'ERR_IDENTITY_STORE');
  });
});

/** Runs a program that has no more rights than any user: root, who may do everything, becomes nobody for that. */
async function asNobody(body: string): Promise<string> {
  const program = await bundleProgram(
    'nobody',
    `import { chmodSync } from 'node:fs';
     import { provider } from './crypto/node.node.ts';
     import { DirectoryIdentityStore } from './identity/store.node.ts';
     const [folder] = process.argv.slice(2);
     if (process.geteuid() === 0) process.seteuid(65534);
     ${body}`,
  );
  if (isRoot)
    for (const name of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })])
      chownSync(join(folder, name), 65534, 65534);
  return execFileSync(process.execPath, [program, folder], { encoding: 'utf8' });
}
