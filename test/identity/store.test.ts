import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { MemoryIdentityStore } from '../../src/identity/index.ts';
import { DirectoryIdentityStore } from '../../src/identity/store.node.ts';
import { authority, describeStore, errorOf, user } from './storeSuite.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2q-store-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = (): Promise<DirectoryIdentityStore> =>
  DirectoryIdentityStore.open(join(folder, 'store'), provider);

describeStore('memory', { keepsSigners: true, make: async () => new MemoryIdentityStore() });
describeStore('a directory', { keepsSigners: false, make: open });

describe('the directory store', () => {
  test('finds everything after a restart', async () => {
    const alice = user('alice');
    const before = await open();
    await before.put(alice.identity, alice.key);
    await before.putAnchors({ domain: 'example.org', roots: [authority.root] });
    const after = await open();
    expect(await after.list()).toEqual(['alice@example.org']);
    expect(await after.defaultLabel()).toBe('alice@example.org');
    expect((await after.trust()).domains).toEqual(['example.org']);
  });

  test('has folders of mode 0700 and files of mode 0600', async () => {
    const store = await open();
    const { identity, key } = user('alice');
    await store.put(identity, key);
    await store.putAnchors({ domain: 'example.org', roots: [authority.root] });
    let files = 0;
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const { mode } = await lstat(join(entry.parentPath, entry.name));
      expect(mode & 0o777).toBe(entry.isDirectory() ? 0o700 : 0o600);
      if (entry.isFile()) files++;
    }
    expect(files).toBe(3);
  });

  test('makes no name of the network into a path', async () => {
    const store = await open();
    for (const label of ['../x@d', '/etc/passwd', 'a/b@c', 'nul', '.', '..', 'x'.repeat(5000), 'a\0b', '💥'])
      expect(await store.get(label)).toBeUndefined();
    for (const label of ['../../x', '..']) await store.remove(label);
    const { identity, key } = user('alice');
    await store.put(identity, key);
    const names = await readdir(folder, { recursive: true });
    expect(names.join('\n')).not.toContain('alice');
    expect(names.filter((name) => name.endsWith('.pem'))).toEqual([
      expect.stringMatching(/^store.identities.[0-9a-f]{32}\.pem$/),
    ]);
  });

  test('does not store a certificate with the key of another', async () => {
    const store = await open();
    const error = await errorOf(store.put(user('alice').identity, user('alice').key));
    expect(error.code).toBe('ERR_IDENTITY_MISMATCH');
    expect(await store.list()).toEqual([]);
  });

  /** The one identity file of a store with alice in it. */
  async function withAlice(): Promise<{ store: DirectoryIdentityStore; file: string }> {
    const store = await open();
    const { identity, key } = user('alice');
    await store.put(identity, key);
    const identities = join(store.folder, 'identities');
    return { store, file: join(identities, (await readdir(identities))[0]!) };
  }

  test.each([0o644, 0o640, 0o602])('refuses a key file of mode %o', async (mode) => {
    const { store, file } = await withAlice();
    await chmod(file, mode);
    const error = await errorOf(store.get('alice@example.org'));
    expect(error.code).toBe('ERR_IDENTITY_STORE_MODE');
    expect(error.hint).toContain('chmod 600');
    expect(error.message).not.toContain('PRIVATE');
    expect((await errorOf(store.list())).code).toBe('ERR_IDENTITY_STORE_MODE');
  });

  test.each<[string, (text: string) => string, string]>([
    ['cut short', (text) => text.slice(0, 200), 'ERR_IDENTITY_PEM_TRUNCATED'],
    ['empty', () => '', 'ERR_IDENTITY_PEM_NO_BLOCK'],
    [
      'without certificates',
      (text) => text.slice(0, text.indexOf('-----BEGIN CERT')),
      'ERR_IDENTITY_MISMATCH',
    ],
    ['without a key', (text) => text.slice(text.indexOf('-----BEGIN CERT')), 'ERR_IDENTITY_PEM_LABEL'],
    ['with two keys', (text) => text.slice(0, text.indexOf('-----BEGIN CERT')) + text, 'ERR_IDENTITY_KEY'],
    ['far too large', (text) => text + '\n'.repeat(2 ** 20), 'ERR_IDENTITY_STORE'],
  ])('refuses a file that is %s, naming it and not its content', async (_, damage, code) => {
    const { store, file } = await withAlice();
    const text = await readFile(file, 'utf8');
    await writeFile(file, damage(text));
    const error = await errorOf(store.get('alice@example.org'));
    expect(error.code).toBe(code);
    expect(error.message).toContain(file);
    expect(JSON.stringify([error.message, error.hint])).not.toContain(text.split('\n')[1]);
  });

  test('refuses a file whose content is another identity', async () => {
    const { store, file } = await withAlice();
    const { identity, key } = user('bob');
    await store.put(identity, key);
    const other = (await readdir(join(store.folder, 'identities'))).map((name) =>
      join(store.folder, 'identities', name),
    );
    const bobs = other.find((path) => path !== file)!;
    await writeFile(bobs, await readFile(file));
    expect((await errorOf(store.get('bob@example.org'))).message).toContain('alice@example.org');
  });

  test('says when a key file may not be read', async (context) => {
    if (process.getuid?.() === 0) {
      console.warn('skipped "says when a key file may not be read": root reads every file');
      context.skip();
    }
    const { store, file } = await withAlice();
    await chmod(file, 0);
    const error = await errorOf(store.get('alice@example.org'));
    expect(error.code).toBe('ERR_IDENTITY_STORE');
    expect(error.message).toContain('permission denied');
  });

  test('says when its folder is a file', async () => {
    await writeFile(join(folder, 'store'), '');
    expect((await errorOf(open())).code).toBe('ERR_IDENTITY_STORE');
  });

  test('says when an entry is a folder', async () => {
    const { store, file } = await withAlice();
    await rm(file);
    await mkdir(file, { mode: 0o700 });
    expect((await errorOf(store.get('alice@example.org'))).message).toContain('it is a folder');
  });

  test('replaces a symbolic link instead of writing through it', async () => {
    const { store, file } = await withAlice();
    const victim = join(folder, 'victim');
    await writeFile(victim, 'untouched');
    await rm(file);
    await symlink(victim, file);
    const { identity, key } = user('alice');
    await store.put(identity, key);
    expect(await readFile(victim, 'utf8')).toBe('untouched');
    expect((await lstat(file)).isFile()).toBe(true);
  });

  test('passes over the leftovers of writers that died, and removes the old ones', async () => {
    const { store } = await withAlice();
    const identities = join(store.folder, 'identities');
    const [fresh, old] = ['0', '1'].map((digit) => join(identities, `.tmp-${digit.repeat(24)}`));
    for (const path of [fresh!, old!]) await writeFile(path, '-----BEGIN PRIV');
    await utimes(old!, 1, 1);
    expect(await store.list()).toEqual(['alice@example.org']);
    expect((await readdir(identities)).filter((name) => name.startsWith('.tmp'))).toEqual([
      `.tmp-${'0'.repeat(24)}`,
    ]);
  });

  test.each([
    ['no JSON', '{', 'not JSON'],
    ['null', 'null', 'lacks'],
    ['other members', '{"domain":"example.org","roots":[1],"deniedKeys":[]}', 'lacks'],
    [
      'of a malformed sequence',
      '{"domain":"example.org","roots":[],"deniedKeys":[],"sequence":-1}',
      'sequence',
    ],
    ['of a malformed source', '{"domain":"example.org","roots":[],"deniedKeys":[],"source":"x"}', 'source'],
    ['of a malformed digest', '{"domain":"example.org","roots":[],"deniedKeys":[],"digest":"x"}', 'digest'],
    [
      'of malformed denials',
      '{"domain":"example.org","roots":[],"deniedKeys":[],"deniedCertificates":[1]}',
      'deniedCertificates',
    ],
    ['a malformed domain', '{"domain":"../x","roots":[],"deniedKeys":[]}', 'domain'],
    ['a malformed root', '{"domain":"example.org","roots":["x"],"deniedKeys":[]}', 'BEGIN'],
  ])('refuses anchors that are %s', async (_, text, reason) => {
    const store = await open();
    await store.putAnchors({ domain: 'example.org', roots: [authority.root] });
    const [file] = await readdir(join(store.folder, 'anchors'));
    await writeFile(join(store.folder, 'anchors', file!), text);
    expect((await errorOf(store.trust())).message).toContain(reason);
  });

  test('reads anchors of earlier versions', async () => {
    const store = await open();
    await store.putAnchors({ domain: 'example.org', roots: [authority.root], sequence: 3 });
    const [file] = await readdir(join(store.folder, 'anchors'));
    await writeFile(
      join(store.folder, 'anchors', file!),
      '{"domain":"example.org","roots":[],"deniedKeys":["x"]}',
    );
    expect(await store.anchors('example.org')).toMatchObject({ sequence: 0, deniedKeys: ['x'] });
  });

  test.each([
    ['no JSON', '{', 'not JSON'],
    ['null', 'null', 'lacks'],
    ['without a time', '{"address":"bob@example.org","keys":[],"verified":true}', 'firstSeen'],
    ['of nobody', '{"address":"bob","keys":[],"verified":true,"firstSeen":1,"lastSeen":1}', 'file "'],
  ])('refuses a pin that is %s', async (_, text, reason) => {
    const store = await open();
    await store.putPin({
      ...{ address: 'bob@example.org', keys: [], verified: false },
      ...{ firstSeen: 0, lastSeen: 0 },
    });
    const [file] = await readdir(join(store.folder, 'pins'));
    await writeFile(join(store.folder, 'pins', file!), text);
    expect((await errorOf(store.pin('bob@example.org'))).message).toContain(reason);
    await store.putPin({
      ...{ address: 'bob@example.org', keys: [], verified: false },
      ...{ firstSeen: 0, lastSeen: 0 },
    });
    expect(await store.pins()).toHaveLength(1);
  });

  test('is shared by writers at once: each file is one of theirs, whole', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const pairs = stores.map(() => user('alice'));
    await Promise.all(stores.map((store, i) => store.put(pairs[i]!.identity, pairs[i]!.key)));
    const found = await stores[0]!.get('alice@example.org');
    expect(pairs.map(({ identity }) => identity.keyId)).toContain(found!.keyId);
  });
});
