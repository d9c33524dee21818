/** A domain in a folder: what is promised is there after anything, and only one process serves it. */
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { AuditEntry } from '../../src/relay/audit.ts';
import { DomainService } from '../../src/relay/domain.ts';
import { DirectoryDomainStore } from '../../src/relay/store.node.ts';

import { killRounds } from '../support/killRounds.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2q-store-'));
});
afterEach(() => rm(folder, { recursive: true }));

const openDomain = (store: DirectoryDomainStore, domain?: string) =>
  DomainService.open({ store, provider, clock: systemClock, logger: silent, ...(domain && { domain }) });
const account = { user: 'alice', created: 1, blocked: false, devices: [] };
const entry: AuditEntry = {
  at: 1,
  what: 'issued',
  user: 'alice',
  keyId: 'k',
  device: '',
  until: 2,
  by: 'invite',
};

describe('a data folder', () => {
  test('keeps domain, accounts, invites and the log over a restart', async () => {
    const store = await DirectoryDomainStore.open(folder, { exclusive: true });
    const domain = await openDomain(store, 'example.org');
    const invite = await domain.invite('alice', { url: 'ws://relay/' });
    await store.putAccount(account);
    await store.log(entry);
    await domain.setUrls(['ws://relay/']);
    await store.close();

    const again = await DirectoryDomainStore.open(folder, { exclusive: true });
    const same = await openDomain(again);
    expect(same.domain).toBe('example.org');
    expect(same.authority.rootPin).toEqual(domain.authority.rootPin);
    expect((await again.domain())?.urls).toEqual(['ws://relay/']);
    expect(await again.account('alice')).toEqual(account);
    expect(await again.accounts()).toEqual([account]);
    expect(await again.audit(1)).toEqual([entry]);
    expect(await again.invite(Buffer.from(invite.id).toString('hex'))).toMatchObject({ user: 'alice' });
    await again.close();
  });

  test('is private, names no user in a file name, and holds no secret of an invite', async () => {
    const store = await DirectoryDomainStore.open(folder, { exclusive: true });
    const domain = await openDomain(store, 'example.org');
    const { secret } = await domain.invite('alice', { url: 'ws://relay/' });
    await store.putAccount(account);
    await store.close();
    for (const name of ['.', 'accounts', 'invites'])
      expect((await stat(join(folder, name))).mode & 0o077, name).toBe(0);
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const file of files.filter((found) => found.isFile())) {
      const path = join(file.parentPath, file.name);
      expect((await stat(path)).mode & 0o077, path).toBe(0);
      expect(file.name).not.toContain('alice');
      const text = await readFile(path, 'utf8');
      expect(text).not.toContain(Buffer.from(secret).toString('hex'));
      expect(text).not.toContain(Buffer.from(secret).toString('base64'));
    }
  });

  test('is served by one process; invites can be made beside it', async () => {
    const store = await DirectoryDomainStore.open(folder, { exclusive: true });
    const domain = await openDomain(store, 'example.org');
    await expect(DirectoryDomainStore.open(folder, { exclusive: true })).rejects.toMatchObject({
      code: 'ERR_RELAY_LOCKED',
      message: expect.stringContaining(String(process.pid)),
    });
    const beside = await DirectoryDomainStore.open(folder, { exclusive: false });
    const invite = await (await openDomain(beside)).invite('bob', { url: 'ws://relay/' });
    await beside.close();
    expect(await store.invite(Buffer.from(invite.id).toString('hex'))).toMatchObject({ user: 'bob' });
    expect(domain.domain).toBe('example.org');
    await store.close();
    await (await DirectoryDomainStore.open(folder, { exclusive: true })).close();
  });

  test.each([
    ['of a process that is gone', '999999999 1\n'],
    ['of another process with the same id', `${process.pid} 1\n`],
    ['that is garbage', 'x'],
  ])('is taken over from a lock %s', async (_, lock) => {
    await writeFile(join(folder, 'lock'), lock);
    await (await DirectoryDomainStore.open(folder, { exclusive: true })).close();
    expect(await readdir(folder)).not.toContain('lock');
  });

  test('is taken over by one of many who find a dead lock at once', async () => {
    for (let round = 0; round < 10; round++) {
      await writeFile(join(folder, 'lock'), '999999999 1\n');
      const opened = await Promise.allSettled(
        Array.from({ length: 6 }, () => DirectoryDomainStore.open(folder, { exclusive: true })),
      );
      const stores = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(stores).toHaveLength(1);
      await stores[0]!.close();
    }
    expect((await readdir(folder)).filter((name) => name.includes('lock'))).toEqual([]);
  });

  test('loses half a line of the log, and nothing before it', async () => {
    const store = await DirectoryDomainStore.open(folder, { exclusive: true });
    await store.log(entry);
    await store.close();
    await appendFile(join(folder, 'audit.log'), '{"at":3,"user":"bo');
    const again = await DirectoryDomainStore.open(folder, { exclusive: true });
    expect(await again.audit(9)).toEqual([entry]);
    await again.log({ ...entry, user: 'carol' });
    expect((await again.audit(9)).map(({ user }) => user)).toEqual(['alice', 'carol']);
    await again.close();
  });

  test('takes over the log of version 0.1, and reads as much of a long one as is asked for', async () => {
    const old = { at: 1, user: 'alice', keyId: 'k', device: '', notAfter: 2, by: 'invite' };
    await writeFile(join(folder, 'issued.log'), `${JSON.stringify(old)}\n`);
    const store = await DirectoryDomainStore.open(folder, { exclusive: true });
    expect(await store.audit(9)).toEqual([entry]);
    await store.close();
    const lines = Array.from({ length: 40_000 }, (_, at) => JSON.stringify({ ...entry, at, user: 'bøb' }));
    await appendFile(join(folder, 'audit.log'), `${lines.join('\n')}\n`);
    const again = await DirectoryDomainStore.open(folder, { exclusive: true });
    expect((await again.audit(3)).map(({ at }) => at)).toEqual([39_997, 39_998, 39_999]);
    expect(await again.audit(0)).toEqual([]);
    expect(await again.audit(100_000)).toHaveLength(40_001);
    await appendFile(join(folder, 'audit.log'), '{"at":1,"what":"nothing we know"}\n');
    await expect(again.audit(1)).rejects.toMatchObject({ code: 'ERR_RELAY_DATA' });
    await again.close();
  });

  test('keeps passwords as hashes, in private files', async () => {
    const store = await DirectoryDomainStore.open(folder, { exclusive: true });
    const domain = await openDomain(store, 'example.org');
    await domain.setPassword('alice', 'correct horse battery');
    const [name] = await readdir(join(folder, 'passwords'));
    const path = join(folder, 'passwords', name!);
    expect((await stat(path)).mode & 0o077).toBe(0);
    expect(name).not.toContain('alice');
    const text = await readFile(path, 'utf8');
    expect(text).not.toContain('correct');
    expect(await store.password('alice')).toEqual(JSON.parse(text));
    expect(await store.password('bob')).toBeUndefined();
    await writeFile(path, text.replace('"N": 32768', '"N": 33554432'));
    await expect(store.password('alice')).rejects.toMatchObject({ code: 'ERR_RELAY_DATA' });
    await store.close();
  });

  test('of another domain, or damaged, is refused by name', async () => {
    const store = await DirectoryDomainStore.open(folder, { exclusive: true });
    await expect(openDomain(store)).rejects.toMatchObject({ code: 'ERR_RELAY_NO_DOMAIN' });
    await openDomain(store, 'example.org');
    await expect(openDomain(store, 'example.com')).rejects.toMatchObject({ code: 'ERR_RELAY_OTHER_DOMAIN' });
    await chmod(join(folder, 'root.key'), 0o644);
    await expect(openDomain(store)).rejects.toMatchObject({ code: 'ERR_IDENTITY_STORE_MODE' });
    await chmod(join(folder, 'root.key'), 0o600);
    await writeFile(join(folder, 'domain.json'), '{"domain": 5}');
    await expect(openDomain(store)).rejects.toMatchObject({ code: 'ERR_RELAY_DATA' });
    await writeFile(join(folder, 'domain.json'), '{"dom');
    await expect(openDomain(store)).rejects.toMatchObject({ code: 'ERR_RELAY_DATA' });
    await store.close();
  });
});

test('nothing that was promised is lost when the process is killed', async () => {
  expect(await killRounds(3, 1)).toBeGreaterThanOrEqual(3);
}, 60_000);
