/** What a domain has withdrawn, as it keeps it: numbers, limits, and how long anything stays. */
import { sha256 } from '@noble/hashes/sha2.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { createCsr, type PeerIdentity, parseBundle, peerId } from '../../src/identity/index.ts';
import { DomainService } from '../../src/relay/domain.ts';
import { RELAY_LIMITS, type RelayLimits } from '../../src/relay/limits.ts';
import { MemoryDomainStore } from '../../src/relay/store.ts';

const DAY = 86_400_000;
let now: number;
let store: MemoryDomainStore;
let domain: DomainService;

const open = (limits: Partial<RelayLimits> = {}) => {
  const clock = { now: () => now, monotonic: () => now, after: () => () => {} };
  return DomainService.open({ store, provider, clock, logger: silent, domain: 'example.org', limits });
};
beforeEach(async () => {
  now = Date.UTC(2026, 10, 1);
  store = new MemoryDomainStore();
  domain = await open();
});

async function device(user: string, label = ''): Promise<PeerIdentity> {
  const { id, secret } = await domain.invite(user, { url: 'ws://relay/' });
  const key = provider.generateKey('ed25519');
  const keyId = peerId(key.spki);
  const issued = await domain.enrol({
    invite: id,
    secret,
    csr: createCsr(key),
    device: label,
    provedKeyId: keyId,
  });
  if (typeof issued === 'string') throw new Error(issued);
  const name = `${user}@example.org`;
  return { name, domain: 'example.org', keyId, assurance: 'domain', expiresAt: issued.expiresAt };
}
const someKey = (): string => peerId(provider.generateKey('ed25519').spki);
const bundle = async () => parseBundle(await domain.bundle());

describe('a bundle', () => {
  test('has a number that only rises, and is signed anew each week', async () => {
    const first = await domain.bundle();
    expect(await domain.bundle()).toBe(first);
    expect((await bundle()).sequence).toBe(1);
    now += 7 * DAY;
    const [one, two] = await Promise.all([domain.bundle(), domain.bundle()]);
    expect(one).toBe(two);
    expect((await bundle()).sequence).toBe(2);
    await domain.revoke({ keyId: someKey() });
    expect((await bundle()).sequence).toBe(3);
    domain = await open();
    expect((await bundle()).sequence).toBe(3);
    const signed = (await domain.auditLog()).filter(({ what }) => what === 'bundle');
    expect(signed.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  test('that ran out while nobody served still denies, and the next goes on from its number', async () => {
    const alice = await device('alice');
    await domain.revoke({ keyId: alice.keyId });
    now += 60 * DAY;
    domain = await open();
    expect(domain.anchors.deniedKeys).toEqual([alice.keyId]);
    expect((await bundle()).sequence).toBe(2);
  });

  test('lets go of a key when its last certificate has ended; the domain itself does not', async () => {
    const alice = await device('alice');
    await domain.revoke({ keyId: alice.keyId });
    expect((await bundle()).deniedKeys).toHaveLength(1);
    now += 9 * DAY;
    expect((await bundle()).deniedKeys).toEqual([]);
    expect(await domain.refusal(alice)).toBe('revoked');
    expect(await domain.renew(alice, new Uint8Array(1))).toBe('revoked');
  });

  test('denies an old root, never the one that signs', async () => {
    const root = peerId(domain.authority.root.spki);
    await expect(domain.revoke({ keyId: root })).rejects.toMatchObject({ code: 'ERR_RELAY_REVOKE' });
    await domain.roll();
    await domain.revoke({ keyId: root });
    expect((await bundle()).deniedKeys).toMatchObject([{ keyId: root }]);
  });

  test('never says the same of a key twice', async () => {
    const alice = await device('alice');
    await domain.revoke({ keyId: alice.keyId });
    await domain.revoke({ user: 'alice' });
    await domain.revoke({ keyId: alice.keyId });
    expect((await bundle()).deniedKeys).toHaveLength(1);
    await domain.unblock('alice');
    expect((await bundle()).deniedKeys).toHaveLength(1); // revoked before the account was blocked
  });

  test('that cannot hold more refuses, and stays as it was', async () => {
    const lists = {
      certificates: [],
      keys: Array.from({ length: 1_250 }, (_, i) => ({
        keyId: peerId(sha256(Uint8Array.of(i >> 8, i))),
        at: now,
        until: now + DAY,
      })),
    };
    await domain.bundle();
    await store.putRevocations({ ...(await store.revocations())!, ...lists });
    domain = await open();
    await expect(domain.revoke({ keyId: someKey() })).rejects.toMatchObject({ code: 'ERR_IDENTITY_ISSUE' });
    expect((await store.revocations())!.sequence).toBe(1);
  });
});

describe('an account', () => {
  test('has 64 devices, and room again when old ones are long gone', async () => {
    domain = await open({ devicesPerAccount: 3 });
    const [first] = [await device('alice'), await device('alice'), await device('alice')];
    await expect(device('alice')).rejects.toThrow('too_many_devices');
    await domain.revokeOwn(first, first.keyId);
    await expect(device('alice')).rejects.toThrow('too_many_devices'); // it is in the bundle still
    now += 9 * DAY;
    await device('alice');
    now += 40 * DAY;
    await device('alice');
    expect(RELAY_LIMITS.devicesPerAccount).toBe(64);
  });

  test('withdraws its own devices only, and not when the list fills up', async () => {
    domain = await open({ keysWithdrawnByUsers: 1 });
    const [phone, laptop, bob] = [await device('alice'), await device('alice'), await device('bob')];
    expect(await domain.revokeOwn(phone, bob.keyId)).toBe('not_found');
    expect(await domain.revokeOwn(phone, laptop.keyId)).toBeUndefined();
    expect(await domain.revokeOwn(phone, laptop.keyId)).toBeUndefined(); // again: it is so
    expect(await domain.revokeOwn(phone, phone.keyId)).toBe('busy');
    await domain.revoke({ keyId: phone.keyId }); // the administrator goes on
    expect((await bundle()).deniedKeys).toHaveLength(2);
  });

  test('says when its devices were seen, to the hour', async () => {
    const phone = await device('alice', 'phone');
    const seen = async () => {
      await domain.settled();
      return (await domain.devices(phone))[0]!.lastSeen;
    };
    await domain.refusal(phone);
    const first = now;
    expect(await seen()).toBe(first);
    now += 60_000;
    await domain.refusal(phone);
    expect(await seen()).toBe(first);
    now += RELAY_LIMITS.seenEvery;
    await domain.refusal(phone);
    expect(await seen()).toBe(now);
  });

  test('leaves a line for every order, with who gave it', async () => {
    const [phone, laptop] = [await device('alice'), await device('alice')];
    await domain.revokeOwn(phone, laptop.keyId);
    await domain.revoke({ user: 'alice' });
    await domain.unblock('alice');
    const orders = (await domain.auditLog()).filter(({ what }) => what === 'revoked' || what === 'unblocked');
    expect(orders).toMatchObject([
      { what: 'revoked', user: 'alice', keyId: laptop.keyId, by: phone.keyId },
      { what: 'revoked', user: 'alice', by: 'admin' },
      { what: 'unblocked', user: 'alice', by: 'admin' },
    ]);
  });
});
