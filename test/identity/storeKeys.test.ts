/** Keys at rest: under a passphrase, or elsewhere. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@noble/hashes/sha2.js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import type { Signer } from '../../src/crypto/provider.ts';
import { generateWebCryptoKey } from '../../src/crypto/webcrypto.ts';
import { formatPem, identityFromChain, peerId } from '../../src/identity/index.ts';
import { DirectoryIdentityStore } from '../../src/identity/store.node.ts';
import type { PassphraseUse, StoredKeyOptions } from '../../src/identity/storeKeys.ts';
import { NOW } from './maker.ts';
import { authority, describeStore, refuses, user, userCa } from './storeSuite.ts';

/** What a passphrase costs is tested beside PBES2; here it is asked for too often to pay each time. */
vi.mock('@noble/hashes/scrypt.js', () => ({
  scrypt: (password: Uint8Array, salt: Uint8Array) => sha256(new Uint8Array([...password, 0, ...salt])),
}));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2q-keys-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = (options: StoredKeyOptions = {}): Promise<DirectoryIdentityStore> =>
  DirectoryIdentityStore.open(folder, provider, options);

/** A person who types `passphrase`, and what they were asked. */
function person(passphrase: string | undefined): { asked: PassphraseUse[]; options: StoredKeyOptions } {
  const asked: PassphraseUse[] = [];
  return {
    asked,
    options: {
      passphrase: async (use) => {
        asked.push(use);
        return passphrase;
      },
    },
  };
}

async function files(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      found[path] = await readFile(path, 'utf8');
    }
  return found;
}

const labels = async (): Promise<string[]> =>
  Object.values(await files()).flatMap((text) => /BEGIN (\w* ?\w+ KEY)/.exec(text)?.[1] ?? []);

describe('a key under a passphrase', () => {
  test('is asked for once, when it is first needed', async () => {
    const alice = user('alice');
    const maker = person('correct horse');
    await (await open(maker.options)).put(alice.identity);
    expect(maker.asked).toEqual(['new']);
    expect(await labels()).toEqual(['ENCRYPTED PRIVATE KEY']);

    const { asked, options } = person('correct horse');
    const store = await open(options);
    expect(await store.list()).toEqual(['alice@example.org']);
    expect((await store.find('alice@example.org'))?.keyId).toBe(alice.identity.keyId);
    expect(await store.defaultLabel()).toBe('alice@example.org');
    await store.setDefault('alice@example.org');
    expect(asked).toEqual([]);
    const both = await Promise.all([store.get('alice@example.org'), store.get('alice@example.org')]);
    for (const found of both) expect(found?.signer.spki).toEqual(alice.key.spki);
    await store.put(user('bob').identity);
    expect(asked).toEqual(['open']);
    store.forgetPassphrase();
    await store.get('bob@example.org');
    expect(asked).toEqual(['open', 'open']);
  });

  test('stays shut to a wrong one: a typed error, the file unchanged, and the next use asks again', async () => {
    await (await open(person('right').options)).put(user('alice').identity);
    const before = await files();
    const answers = ['wrong', 'right'];
    const store = await open({ passphrase: () => answers.shift() });
    const error = await refuses(store.get('alice@example.org'), 'ERR_IDENTITY_PASSPHRASE_WRONG');
    expect(error.message).toContain(folder);
    expect(await files()).toEqual(before);
    expect((await store.get('alice@example.org'))?.name).toBe('alice@example.org');
  });

  test('needs somebody to ask', async () => {
    await (await open(person('right').options)).put(user('alice').identity);
    for (const store of [await open(), await open(person(undefined).options)]) {
      expect(await store.list()).toEqual(['alice@example.org']);
      await refuses(store.get('alice@example.org'), 'ERR_IDENTITY_PASSPHRASE_NEEDED');
      // A key in the clear beside one that is not, would not be what the person wanted.
      await refuses(store.put(user('bob').identity), 'ERR_IDENTITY_PASSPHRASE_NEEDED');
    }
    const gone = new Error('the person went away');
    const store = await open({ passphrase: () => Promise.reject(gone) });
    await expect(store.get('alice@example.org')).rejects.toBe(gone);
  });

  test('is under the same one as the others: a slip of the finger locks nothing away', async () => {
    await (await open(person('right').options)).put(user('alice').identity);
    const store = await open(person('rihgt').options);
    await refuses(store.put(user('bob').identity), 'ERR_IDENTITY_PASSPHRASE_WRONG');
    const { chain, key } = userCa('alice');
    await refuses(
      store.putUserAuthority('alice@example.org', { chain, key }),
      'ERR_IDENTITY_PASSPHRASE_WRONG',
    );
    expect(await store.list()).toEqual(['alice@example.org']);
    // One that is forgotten, of the only key, is no hindrance to a new key.
    await store.put(user('alice').identity);
    expect((await store.get('alice@example.org'))?.name).toBe('alice@example.org');
  });

  test('is not needed to renew a certificate of the same key', async () => {
    const { identity, key } = user('alice');
    await (await open(person('right').options)).put(identity);
    const chain = authority.issueUser({ spki: key.spki, user: 'alice', now: NOW + 86_400_000 });
    const renewed = identityFromChain(chain, key);
    const quiet = person(undefined);
    await (await open(quiet.options)).put(renewed);
    expect(quiet.asked).toEqual([]);
    const found = await (await open(person('right').options)).get('alice@example.org');
    expect(found?.notAfter).toBe(renewed.notAfter);
  });

  test('stays in the clear when the person wants none', async () => {
    const { asked, options } = person(undefined);
    const store = await open(options);
    await store.put(user('alice').identity);
    expect(asked).toEqual(['new']);
    expect(await labels()).toEqual(['PRIVATE KEY']);
    expect((await store.get('alice@example.org'))?.name).toBe('alice@example.org');
  });

  test('keeps user CAs, too', async () => {
    const { chain, key } = userCa('alice');
    await (await open(person('right').options)).putUserAuthority('alice@example.org', { chain, key });
    expect(await labels()).toEqual(['ENCRYPTED PRIVATE KEY']);
    await refuses((await open()).userAuthority('alice@example.org'), 'ERR_IDENTITY_PASSPHRASE_NEEDED');
    const found = await (await open(person('right').options)).userAuthority('alice@example.org');
    expect(found?.key.spki).toEqual(key.spki);
  });
});

describe('changing the passphrase', () => {
  test('writes every key anew, and opens with the new one only', async () => {
    const first = await open();
    const { chain, key } = userCa('alice');
    await first.put(user('alice').identity);
    await first.putUserAuthority('alice@example.org', { chain, key });
    await first.changePassphrase('one');
    expect(await labels()).toEqual(['ENCRYPTED PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']);
    await first.changePassphrase('two'); // it remembers the first
    expect((await first.get('alice@example.org'))?.name).toBe('alice@example.org');
    await refuses(
      (await open(person('one').options)).get('alice@example.org'),
      'ERR_IDENTITY_PASSPHRASE_WRONG',
    );
    const second = await open(person('two').options);
    expect((await second.userAuthority('alice@example.org'))?.key.spki).toEqual(key.spki);
    await second.changePassphrase(undefined);
    expect(await labels()).toEqual(['PRIVATE KEY', 'PRIVATE KEY']);
    expect((await (await open()).get('alice@example.org'))?.name).toBe('alice@example.org');
    expect(Object.keys(await files()).filter((path) => /passphrase|\.lock|\.tmp/.test(path))).toEqual([]);
  });

  test('changes nothing when the old one is wrong, the new one empty, or a file damaged', async () => {
    const maker = await open(person('right').options);
    await maker.put(user('alice').identity);
    const before = await files();
    const wrong = await open(person('wrong').options);
    await refuses(wrong.changePassphrase('next'), 'ERR_IDENTITY_PASSPHRASE_WRONG');
    await refuses(maker.changePassphrase(''), 'ERR_IDENTITY_PASSPHRASE_NEEDED');
    expect(await files()).toEqual(before);
    const other = join(folder, 'identities', `${'0'.repeat(32)}.pem`);
    await writeFile(other, 'no key', { mode: 0o600 });
    await refuses(maker.changePassphrase('next'), 'ERR_IDENTITY_PEM_NO_BLOCK');
    await rm(other);
    expect(await files()).toEqual(before);
  });

  test('is noticed by another process that is about to write a key under the old one', async () => {
    const first = await open(person('old').options);
    await first.put(user('alice').identity);
    const second = await open({
      passphrase: async () => {
        await first.changePassphrase('new'); // while the person types
        return 'old';
      },
    });
    await refuses(second.put(user('bob').identity), 'ERR_IDENTITY_PASSPHRASE_WRONG');
  });

  test('is noticed when the key would have been in the clear', async () => {
    const first = await open();
    await first.put(user('alice').identity);
    const asked: PassphraseUse[] = [];
    const second = await open({
      passphrase: async (use) => {
        asked.push(use);
        if (use === 'open') return 'secret';
        await first.changePassphrase('secret');
        return undefined;
      },
    });
    await second.put(user('bob').identity);
    expect(asked).toEqual(['new', 'open']);
    expect(await labels()).toEqual(['ENCRYPTED PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']);
  });

  test('that died in it is carried out by whoever comes next', async () => {
    const store = await open();
    await store.put(user('alice').identity);
    await store.put(user('bob').identity);
    const plain = await files();
    await store.changePassphrase('next');
    const sealed = await files();
    // As it is when the journal is written, and one of the files.
    const [one, two] = Object.keys(plain).filter((path) => path.endsWith('.pem'));
    const journal = Object.fromEntries(
      [one!, two!].map((path) => [path.slice(folder.length + 1), sealed[path]]),
    );
    await writeFile(two!, plain[two!]!);
    await writeFile(join(folder, 'passphrase-change'), JSON.stringify(journal), { mode: 0o600 });
    const { options } = person('next');
    const reader = await open(options);
    for (const label of await reader.list()) expect((await reader.get(label))?.name).toBe(label);
    await reader.setDefault('bob@example.org');
    expect(await labels()).toEqual(['ENCRYPTED PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']);
    expect(Object.keys(await files()).filter((path) => path.includes('change'))).toEqual([]);
    for (const bad of ['{', '{"../x.pem":""}', '{"identities/x.pem":""}', 'null', '[1]']) {
      await writeFile(join(folder, 'passphrase-change'), bad, { mode: 0o600 });
      await refuses(reader.get('bob@example.org'), 'ERR_IDENTITY_STORE');
    }
  });
});

describe('a key that is kept elsewhere', () => {
  async function agent(): Promise<{ signer: Signer; options: StoredKeyOptions }> {
    const { signer } = await generateWebCryptoKey('p256');
    const id = peerId(signer.spki);
    return { signer, options: { signers: async (keyId) => (keyId === id ? signer : undefined) } };
  }

  test('is named in the file and found when it is used', async () => {
    const { signer, options } = await agent();
    const { identity } = user('alice', signer);
    await (await open(options)).put(identity);
    expect(await labels()).toEqual(['PUBLIC KEY']);
    const found = await (await open(options)).get('alice@example.org');
    expect(found?.signer).toBe(signer);
    const blind = await open();
    expect(await blind.list()).toEqual(['alice@example.org']);
    expect((await blind.find('alice@example.org'))?.keyId).toBe(identity.keyId);
    const error = await refuses(blind.get('alice@example.org'), 'ERR_IDENTITY_STORE_SIGNER');
    expect(error.message).toContain(identity.keyId);
    await blind.put(identity); // renewing asks for nothing
    await blind.changePassphrase('next');
    expect(await labels()).toEqual(['PUBLIC KEY']);
  });

  test('is not stored when it could not be found again', async () => {
    const { signer } = await agent();
    const other = await agent();
    for (const options of [{}, other.options, { signers: async () => other.signer }])
      await refuses((await open(options)).put(user('alice', signer).identity), 'ERR_IDENTITY_STORE_SIGNER');
    expect(await labels()).toEqual([]);
  });

  test('is not taken for another when the agent answers with one', async () => {
    const { signer, options } = await agent();
    const other = await agent();
    await (await open(options)).put(user('alice', signer).identity);
    const lied = await open({ signers: async () => other.signer });
    await refuses(lied.get('alice@example.org'), 'ERR_IDENTITY_STORE_SIGNER');
  });

  test('is no key of a user CA, which signs at once', async () => {
    const { signer, options } = await agent();
    const chain = authority.issueUserCa({ spki: signer.spki, user: 'alice', now: NOW });
    const store = await open(options);
    const key = signer as never;
    await refuses(store.putUserAuthority('alice@example.org', { chain, key }), 'ERR_IDENTITY_STORE_SIGNER');
  });

  test('must be that of the certificate beside it', async () => {
    const { signer, options } = await agent();
    await (await open(options)).put(user('alice', signer).identity);
    const [path, text] = Object.entries(await files()).find(([name]) => name.endsWith('.pem'))!;
    const strange = formatPem('PUBLIC KEY', user('eve').key.spki);
    await writeFile(path, strange + text.slice(text.indexOf('-----BEGIN CERT')));
    await refuses((await open(options)).list(), 'ERR_IDENTITY_MISMATCH');
  });
});

describeStore('a directory whose keys are elsewhere', {
  keepsSigners: true,
  make: async () => {
    const known: Signer[] = [];
    const store = await open({ signers: (id) => known.find(({ spki }) => peerId(spki) === id) });
    const put = store.put.bind(store);
    store.put = (identity, key = identity.signer) => {
      known.push(key);
      return put(identity, key);
    };
    return store;
  },
});
