/** What every identity store must do, whatever it keeps things in. A new store joins by one call of `describeStore`. */
import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import type { PrivateKey, Signer } from '../../src/crypto/provider.ts';
import { generateWebCryptoKey } from '../../src/crypto/webcrypto.ts';
import {
  type DomainAnchors,
  DomainAuthority,
  type Identity,
  IdentityError,
  type IdentityErrorCode,
  type IdentityStore,
  identityFromChain,
  identityLabel,
  type Pin,
  peerId,
  type StoredUserAuthority,
  selfSignedIdentity,
  UserAuthority,
} from '../../src/identity/index.ts';
import { NOW } from './maker.ts';

export const authority: DomainAuthority = DomainAuthority.create(provider, 'example.org', NOW);

export interface Pair<Key extends Signer = PrivateKey> {
  readonly identity: Identity;
  readonly key: Key;
}

export function user<Key extends Signer = PrivateKey>(
  name: string,
  key: Key = provider.generateKey('ed25519') as Signer as Key,
): Pair<Key> {
  const chain = authority.issueUser({ spki: key.spki, user: name, now: NOW });
  return { key, identity: identityFromChain(chain, key) };
}

export function keyPeer(): Pair {
  const key = provider.generateKey('p256');
  return { key, identity: selfSignedIdentity(key, NOW) };
}

export function userCa(name: string): StoredUserAuthority {
  const key = provider.generateKey('p256');
  return { chain: authority.issueUserCa({ spki: key.spki, user: name, now: NOW }), key };
}

export async function errorOf(work: Promise<unknown>): Promise<IdentityError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(IdentityError);
  return error as IdentityError;
}

export async function refuses(work: Promise<unknown>, code: IdentityErrorCode): Promise<IdentityError> {
  const error = await errorOf(work);
  expect(error.code, error.message).toBe(code);
  return error;
}

export interface StoreUnderTest {
  /** An empty store. */
  make(): Promise<IdentityStore>;
  /** True when it takes keys that cannot be exported. */
  readonly keepsSigners: boolean;
}

const KEY = peerId(authority.root.spki);
const PIN: Pin = {
  address: 'bob@example.org',
  keys: [KEY],
  userCa: KEY,
  firstSeen: NOW,
  lastSeen: NOW + 1,
  verified: false,
};

export function describeStore(name: string, { make, keepsSigners }: StoreUnderTest): void {
  describe(`a store in ${name}`, () => {
    test('keeps identities with their keys', async () => {
      const store = await make();
      const alice = user('alice');
      const peer = keyPeer();
      expect(await store.list()).toEqual([]);
      expect(await store.get('alice@example.org')).toBeUndefined();
      expect(await store.find('alice@example.org')).toBeUndefined();
      await store.put(alice.identity, alice.key);
      await store.put(peer.identity);
      expect(await store.list()).toEqual(['alice@example.org', identityLabel(peer.identity)]);
      const found = await store.get('alice@example.org');
      expect(found).toMatchObject({
        name: 'alice@example.org',
        keyId: alice.identity.keyId,
        chain: alice.identity.chain,
      });
      expect(found?.signer.spki).toEqual(alice.key.spki);
      expect(await found?.signer.sign('ed25519', new Uint8Array(3))).toHaveLength(64);
      expect((await store.get(identityLabel(peer.identity)))?.keyId).toBe(peer.identity.keyId);
      const { signer: _, ...shown } = alice.identity;
      expect(await store.find('alice@example.org')).toEqual(shown);
    });

    test('replaces an identity of the same name', async () => {
      const store = await make();
      for (const { identity, key } of [user('alice'), user('alice')]) {
        await store.put(identity, key);
        expect((await store.get('alice@example.org'))?.keyId).toBe(identity.keyId);
      }
      expect(await store.list()).toHaveLength(1);
    });

    test('refuses a certificate with the key of another', async () => {
      const store = await make();
      await refuses(store.put(user('alice').identity, user('alice').key), 'ERR_IDENTITY_MISMATCH');
      const { chain, key } = userCa('alice');
      const leaf = user('alice');
      for (const [name, wrong] of [
        ['alice@example.org', { chain, key: leaf.key }],
        ['alice@example.org', { chain: leaf.identity.chain, key: leaf.key }],
        ['alice@example.org', { chain: [authority.root.der], key: authority.rootKey }],
        ['bob@example.org', { chain, key }],
        ['alice@example.org', { chain: [], key }],
      ] as const)
        await refuses(store.putUserAuthority(name, wrong), 'ERR_IDENTITY_MISMATCH');
      expect(await store.list()).toEqual([]);
      expect(await store.userAuthority('alice@example.org')).toBeUndefined();
    });

    test('has a default: the first, until another is chosen or it goes', async () => {
      const store = await make();
      expect(await store.defaultLabel()).toBeUndefined();
      for (const { identity, key } of [user('alice'), user('bob')]) await store.put(identity, key);
      expect(await store.defaultLabel()).toBe('alice@example.org');
      await store.setDefault('bob@example.org');
      expect(await store.defaultLabel()).toBe('bob@example.org');
      await refuses(store.setDefault('carol@example.org'), 'ERR_IDENTITY_STORE');
      await store.remove('bob@example.org');
      expect(await store.defaultLabel()).toBeUndefined();
      await store.remove('bob@example.org');
      await store.put(user('carol').identity);
      expect(await store.defaultLabel()).toBe('carol@example.org');
    });

    test(`${keepsSigners ? 'keeps' : 'says that it cannot keep'} a key that cannot be exported`, async () => {
      const store = await make();
      const { signer } = await generateWebCryptoKey('p256');
      const { identity } = user('alice', signer);
      if (keepsSigners) {
        await store.put(identity);
        const found = await store.get('alice@example.org');
        expect(
          (await found!.signer.sign('ecdsa_secp256r1_sha256', new Uint8Array(3))).length,
        ).toBeGreaterThan(60);
      } else {
        const error = await refuses(store.put(identity), 'ERR_IDENTITY_STORE_SIGNER');
        expect(error.hint).toBeTruthy();
        expect(await store.list()).toEqual([]);
        expect(await store.defaultLabel()).toBeUndefined();
      }
    });

    test('keeps the anchors of domains', async () => {
      const store = await make();
      expect(await store.anchors('example.org')).toBeUndefined();
      const anchors: DomainAnchors = {
        domain: 'Example.org',
        roots: [authority.root],
        deniedKeys: ['x'],
        deniedCertificates: [{ issuer: KEY, serial: '0a' }],
        sequence: 7,
        digest: 'ab'.repeat(32),
        expiresAt: NOW + 1,
        source: 'tofu',
      };
      await store.putAnchors(anchors);
      const { roots: _, ...rest } = anchors;
      expect(await store.anchors('EXAMPLE.org')).toMatchObject({ ...rest, domain: 'example.org' });
      const trust = await store.trust();
      expect(trust.anchorsFor('example.org')?.roots[0]?.der).toEqual(authority.root.der);
      await store.removeAnchors('example.org');
      expect((await store.trust()).domains).toEqual([]);
      await store.removeAnchors('example.org');
    });

    test('never goes back to older anchors, unless told to', async () => {
      const store = await make();
      const at = (sequence: number | undefined, deniedKeys: readonly string[] = []): DomainAnchors => ({
        domain: 'example.org',
        roots: [authority.root],
        deniedKeys,
        ...(sequence === undefined ? {} : { sequence }),
      });
      await store.putAnchors(at(undefined));
      await store.putAnchors(at(undefined, ['x'])); // by hand, from no bundle
      await store.putAnchors(at(4, ['a']));
      await store.putAnchors(at(4, ['a'])); // the same again
      await store.putAnchors({ ...at(4, ['a']), source: 'web' }); // found elsewhere, too
      expect((await store.anchors('example.org'))?.source).toBe('web');
      for (const older of [at(3, ['a', 'b']), at(undefined), at(4), at(4, ['a', 'b'])]) {
        const error = await refuses(store.putAnchors(older), 'ERR_IDENTITY_STORE_OLDER');
        expect(error.message).toContain('sequence');
      }
      expect(await store.anchors('example.org')).toMatchObject({ sequence: 4, deniedKeys: ['a'] });
      await store.putAnchors(at(5));
      await store.putAnchors(at(1), { replace: true });
      expect(await store.anchors('example.org')).toMatchObject({ sequence: 1, deniedKeys: [] });
    });

    test('of writers of anchors at once the newest wins, whatever the order', async () => {
      const store = await make();
      const orders = [3, 9, 1, 8, 2].map((sequence) =>
        store.putAnchors({ domain: 'example.org', roots: [authority.root], sequence }),
      );
      const ended = await Promise.allSettled(orders);
      for (const { reason } of ended.filter((one) => one.status === 'rejected'))
        expect((reason as IdentityError).code).toBe('ERR_IDENTITY_STORE_OLDER');
      expect((await store.anchors('example.org'))?.sequence).toBe(9);
    });

    test('keeps pins by address', async () => {
      const store = await make();
      expect(await store.pin('bob@example.org')).toBeUndefined();
      await store.putPin(PIN);
      const { userCa: _, ...plain } = PIN;
      const byKey = { ...plain, address: `key:${KEY}` };
      await store.putPin(byKey);
      expect(await store.pin('BOB@example.org/chat/1')).toEqual(PIN);
      expect(await store.pin(`key:${KEY}`)).toEqual(byKey);
      expect(await store.pins()).toEqual([PIN, byKey]);
      await store.putPin({ ...PIN, verified: true });
      expect((await store.pin('bob@example.org'))?.verified).toBe(true);
      await store.removePin('bob@example.org');
      await store.removePin('bob@example.org');
      expect(await store.pins()).toEqual([byKey]);
      await refuses(store.pin('no address'), 'ERR_IDENTITY_ADDRESS');
    });

    test('changes a pin in one step', async () => {
      const store = await make();
      expect(await store.updatePin('bob@example.org', () => undefined)).toBeUndefined();
      expect(await store.updatePin('bob@example.org', (held) => held ?? PIN)).toEqual(PIN);
      expect(await store.updatePin('bob@example.org', () => undefined)).toEqual(PIN);
      const counts = Array.from({ length: 8 }, () =>
        store.updatePin('bob@example.org', (held) => ({ ...held!, lastSeen: held!.lastSeen + 1 })),
      );
      await Promise.all(counts);
      expect((await store.pin('bob@example.org'))?.lastSeen).toBe(PIN.lastSeen + 8);
      const others = { ...PIN, address: 'eve@example.org' };
      await refuses(
        store.updatePin('bob@example.org', () => others),
        'ERR_IDENTITY_MISMATCH',
      );
    });

    test('keeps the user CA of a person', async () => {
      const store = await make();
      const { chain, key } = userCa('alice');
      expect(await store.userAuthority('alice@example.org')).toBeUndefined();
      await store.putUserAuthority('Alice@example.org', { chain, key });
      const found = await store.userAuthority('alice@example.org');
      expect(found?.chain).toEqual(chain);
      const ca = UserAuthority.load(provider, found!);
      const { spki } = user('alice').key;
      expect(ca.issueDevice({ spki, device: 'phone', now: NOW })).toHaveLength(1 + chain.length);
      expect(await store.list()).toEqual([]);
      await store.removeUserAuthority('alice@example.org');
      await store.removeUserAuthority('alice@example.org');
      expect(await store.userAuthority('alice@example.org')).toBeUndefined();
    });

    test('takes hostile names for what they are: names of nothing', async () => {
      const store = await make();
      for (const label of [
        '../x@d',
        '/etc/passwd',
        'a/b@c',
        'nul',
        '.',
        '..',
        'x'.repeat(5000),
        'a\0b',
        '💥',
      ]) {
        expect(await store.get(label)).toBeUndefined();
        await store.remove(label);
        await refuses(store.setDefault(label), 'ERR_IDENTITY_STORE');
        await errorOf(store.putPin({ ...PIN, address: label }));
        await errorOf(store.putAnchors({ domain: `${label}\0`, roots: [] }));
        await errorOf(store.putUserAuthority(label, userCa('alice')));
      }
    });
  });
}
