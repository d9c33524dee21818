/** Enrolment as the domain sees it: one secret, one key, one name, and nothing the request asks for. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type Bytes, utf8 } from '../../src/base/bytes.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { signatureIdentifier } from '../../src/identity/algorithms.ts';
import {
  bitString,
  context,
  der,
  integer,
  octetString,
  sequence,
  TAG,
  utf8String,
} from '../../src/identity/der.ts';
import {
  createCsr,
  parseCertificate,
  peerId,
  Trust,
  VerifiedPeer,
  verifyPeer,
} from '../../src/identity/index.ts';
import type { Invite } from '../../src/peer/invite.ts';
import { DomainService } from '../../src/relay/domain.ts';
import type { EnrolRequest } from '../../src/relay/enrolments.ts';
import { MemoryDomainStore } from '../../src/relay/store.ts';

const DAY = 86_400_000;
let now: number;
let store: MemoryDomainStore;
let domain: DomainService;
let invite: Invite;
let key: PrivateKey;

beforeEach(async () => {
  now = Date.UTC(2026, 10, 1);
  store = new MemoryDomainStore();
  const clock = { now: () => now, monotonic: () => now, after: () => () => {} };
  domain = await DomainService.open({ store, provider, clock, logger: silent, domain: 'example.org' });
  invite = await domain.invite('alice', { url: 'ws://relay/' });
  key = provider.generateKey('ed25519');
});

function request(change: Partial<EnrolRequest> = {}): EnrolRequest {
  const { id, secret } = invite;
  const provedKeyId = peerId(key.spki);
  return { invite: id, secret, csr: createCsr(key), device: 'laptop', provedKeyId, ...change };
}

async function issued(change?: Partial<EnrolRequest>): Promise<readonly Uint8Array[]> {
  const answer = await domain.enrol(request(change));
  if (typeof answer === 'string') throw new Error(answer);
  return answer.chain;
}

describe('an invite', () => {
  test('gives a certificate for its name and the key, seven days at most', async () => {
    const chain = await issued();
    const proof = verifyPeer(
      chain,
      { kind: 'name', name: 'alice@example.org' },
      Trust.of([domain.anchors]),
      'client',
      now,
      provider,
    );
    expect(proof).toBeInstanceOf(VerifiedPeer);
    expect((proof as VerifiedPeer).identity).toMatchObject({ keyId: peerId(key.spki), device: 'laptop' });
    expect(parseCertificate(chain[0]!).notAfter - now).toBeLessThanOrEqual(7 * DAY);
    expect(chain).toHaveLength(1);
    const line = { what: 'issued', user: 'alice', by: 'invite', keyId: peerId(key.spki) };
    expect((await domain.auditLog()).at(-1)).toMatchObject(line);
  });

  test('works once, but again for the same key, whose answer was lost', async () => {
    await issued();
    await issued();
    now += 30 * DAY;
    await issued(); // even when the invite ran out meanwhile
    const other = provider.generateKey('p256');
    expect(await domain.enrol(request({ csr: createCsr(other), provedKeyId: peerId(other.spki) }))).toBe(
      'invite_used',
    );
    expect((await store.account('alice'))?.devices).toHaveLength(1);
  });

  test('used by two keys at the same moment enrols one of them', async () => {
    const other = provider.generateKey('ed25519');
    const answers = await Promise.all([
      domain.enrol(request()),
      domain.enrol(request({ csr: createCsr(other), provedKeyId: peerId(other.spki) })),
    ]);
    expect(answers.filter((answer) => answer === 'invite_used')).toHaveLength(1);
  });

  test('ends at its expiry', async () => {
    now = invite.expires;
    expect(await domain.enrol(request())).toBe('invite_expired');
  });

  test('with a wrong secret is refused as one that never was, and closed after ten tries', async () => {
    expect(await domain.enrol(request({ invite: new Uint8Array(8) }))).toBe('invite_refused');
    for (let i = 0; i < 10; i++)
      expect(await domain.enrol(request({ secret: new Uint8Array(16).fill(i) }))).toBe('invite_refused');
    expect(await domain.enrol(request())).toBe('invite_refused');
  });

  test('is not spent by a request that is wrong otherwise', async () => {
    const other = provider.generateKey('ed25519');
    const broken = createCsr(key);
    broken[broken.length - 1]! ^= 1;
    expect(await domain.enrol(request({ csr: createCsr(other) }))).toBe('invalid'); // not the proven key
    expect(await domain.enrol(request({ csr: broken }))).toBe('invalid');
    expect(await domain.enrol(request({ csr: new Uint8Array(9) }))).toBe('invalid');
    expect(await domain.enrol(request({ device: '../x' }))).toBe('invalid');
    await issued();
  });

  test('of a second device adds it to the account', async () => {
    await issued();
    invite = await domain.invite('alice', { url: 'ws://relay/' });
    key = provider.generateKey('p256');
    await issued({ device: 'phone' });
    expect((await domain.accounts())[0]!.devices.map(({ label }) => label)).toEqual(['laptop', 'phone']);
  });

  test.each(['', 'a b', 'alice@example.org', '../alice'])('for the user %j is not made', async (user) => {
    await expect(domain.invite(user, { url: 'ws://relay/' })).rejects.toMatchObject({
      code: 'ERR_IDENTITY_ADDRESS',
    });
  });
});

describe('a request for a certificate', () => {
  const name = (text: string): Bytes =>
    sequence(der(TAG.set, sequence(der(TAG.oid, Uint8Array.of(0x55, 4, 3)), utf8String(text))));
  /** extensionRequest (RFC 2986, RFC 2985 §5.4.2) with a subjectAltName. */
  const wishes = (...names: Bytes[]): Bytes => {
    const oid = (...bytes: number[]) => der(TAG.oid, Uint8Array.from(bytes));
    const san = sequence(oid(0x55, 29, 17), octetString(sequence(...names)));
    const request = oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14);
    return der(context(0, true), sequence(request, der(TAG.set, sequence(san))));
  };
  const signed = (subject: Bytes, attributes: Bytes): Bytes => {
    const info = sequence(integer(0), subject, key.spki, attributes);
    const { scheme, identifier } = signatureIdentifier(key.kind);
    return sequence(info, identifier, bitString(key.sign(scheme, info)));
  };
  const mail = (text: string): Bytes => der(context(1), utf8(text));
  const host = (text: string): Bytes => der(context(2), utf8(text));

  test.each([
    ['the wrong domain', () => signed(name('alice@example.com'), wishes(mail('alice@example.com')))],
    ['another user', () => signed(name('bob'), wishes(mail('bob@example.org')))],
    [
      'a host beside the mailbox',
      () => signed(name(''), wishes(mail('alice@example.org'), host('example.org'))),
    ],
  ])('that asks for %s gets the account’s own name and nothing else', async (_, csr) => {
    const { names, isCa, serial } = parseCertificate((await issued({ csr: csr() }))[0]!);
    expect(names.email).toEqual(['alice@example.org']);
    expect(names.uri).toEqual(['q2q://example.org/alice/laptop']);
    expect(names.dns.length + names.ip.length + names.directory.length).toBe(0);
    expect(isCa).toBe(false);
    expect(serial.length).toBeGreaterThanOrEqual(8); // random, 64 bits at least
  });

  test('whose signature is wrong is invalid, whatever it asks for', async () => {
    const csr = signed(name('alice'), wishes(mail('alice@example.org')));
    csr[csr.length - 1]! ^= 1;
    expect(await domain.enrol(request({ csr }))).toBe('invalid');
  });
});

describe('an account', () => {
  test('that is blocked gets no certificate and is not admitted', async () => {
    await issued();
    const identity = { name: 'alice@example.org', domain: 'example.org', keyId: peerId(key.spki) };
    const peer = { ...identity, assurance: 'domain', expiresAt: now + DAY } as const;
    expect(await domain.refusal(peer)).toBeUndefined();
    expect(await domain.renew(peer, key.spki)).toMatchObject({ expiresAt: expect.any(Number) });
    await store.putAccount({ ...(await store.account('alice'))!, blocked: true });
    expect(await domain.refusal(peer)).toBe('revoked');
    expect(await domain.renew(peer, key.spki)).toBe('refused');
    expect(await domain.enrol(request())).toBe('refused');
  });

  test('of nobody, of another domain or of a bare key is not admitted', async () => {
    const rest = { keyId: 'k', assurance: 'domain', expiresAt: now } as const;
    expect(await domain.refusal({ ...rest, name: 'eve@example.org', domain: 'example.org' })).toBe(
      'notAdmitted',
    );
    expect(await domain.refusal({ ...rest, name: 'alice@example.com', domain: 'example.com' })).toBe(
      'notAdmitted',
    );
    expect(await domain.refusal(rest)).toBe('notAdmitted');
  });

  test('is had by no bare key: its list is empty, and the rest is refused', async () => {
    const bare = { keyId: peerId(key.spki), assurance: 'key', expiresAt: now + DAY } as const;
    expect(await domain.devices(bare)).toEqual([]);
    expect(await domain.revokeOwn(bare, bare.keyId)).toBe('refused');
    expect(await domain.userCa(bare, createCsr(key))).toBe('refused');
    expect(await domain.adopt(bare, [])).toBe('refused');
    expect(await domain.renew(bare, key.spki)).toBe('refused');
  });
});

test('one key gets ten certificates at once and then one now and then, and holds nobody up', async () => {
  await issued();
  const identity = { name: 'alice@example.org', domain: 'example.org', keyId: peerId(key.spki) };
  const proven = { ...identity, assurance: 'domain', expiresAt: now + DAY } as const;
  const answers = await Promise.all(Array.from({ length: 2_000 }, () => domain.renew(proven, key.spki)));
  expect(answers.filter((answer) => answer !== 'busy')).toHaveLength(9);
  expect(await domain.enrol(request())).toBe('busy'); // the same key by its invite
  expect((await domain.auditLog()).filter(({ what }) => what === 'issued')).toHaveLength(10);
  const other = provider.generateKey('ed25519');
  const { id, secret } = await domain.invite('bob', { url: 'ws://relay/' });
  await issued({ invite: id, secret, csr: createCsr(other), provedKeyId: peerId(other.spki) });
  now += 7 * DAY * (2 / 3);
  expect(await domain.renew(proven, key.spki)).not.toBe('busy');
});

test('the server certificate is renewed at two thirds of its life', () => {
  const first = domain.serverCredential();
  now += 19 * DAY;
  expect(domain.serverCredential()).toBe(first);
  now += 2 * DAY;
  const second = domain.serverCredential();
  expect(second).not.toBe(first);
  expect(parseCertificate(second.chain[0]!).names.dns).toEqual(['example.org']);
});
