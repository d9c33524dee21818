import { describe, expect, test } from 'vitest';
import type { Bytes } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import {
  DomainAuthority,
  type Expected,
  identityFromChain,
  parseCertificate,
  peerId,
  Refusal,
  Trust,
  UserAuthority,
  VerifiedPeer,
  verifyPeer,
} from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import {
  ALL_HOSTS,
  aki,
  ca,
  constraints,
  DAY,
  eku,
  type Made,
  make,
  type Named,
  NOW,
  root,
  san,
  server,
  ski,
  usage,
  userCa,
} from './maker.ts';

const org = DomainAuthority.create(node, 'example.org', NOW);
const TRUST = Trust.of([{ domain: 'example.org', roots: [org.root] }]);
const ALICE: Expected = { kind: 'name', name: 'alice@example.org' };
const ANY: Expected = { kind: 'anyPeer' };

const caKey = node.generateKey('ed25519');
const aliceCa = UserAuthority.load(node, {
  chain: org.issueUserCa({ spki: caKey.spki, user: 'Alice', now: NOW }),
  key: caKey,
});
const phoneKey = node.generateKey('p256');
const phone = aliceCa.issueDevice({ spki: phoneKey.spki, device: 'phone', now: NOW });

function judge(chain: readonly Uint8Array[], expected: Expected, trust = TRUST, now = NOW): string {
  const answer = verifyPeer(chain, expected, trust, 'server', now, node);
  return answer instanceof Refusal ? answer.code.replace('ERR_IDENTITY_', '') : answer.identity.assurance;
}

describe("a user's own CA", () => {
  test('signs a device that everyone who holds the domain root believes', () => {
    const proof = verifyPeer(phone, ALICE, TRUST, 'client', NOW, node) as VerifiedPeer;
    expect(proof).toBeInstanceOf(VerifiedPeer);
    expect(proof.identity).toEqual({
      name: 'alice@example.org',
      domain: 'example.org',
      device: 'phone',
      keyId: peerId(phoneKey.spki),
      userCa: peerId(caKey.spki),
      assurance: 'domain',
      expiresAt: NOW + 90 * DAY,
    });
    expect(proof.chain).toHaveLength(3);
    expect(judge(phone, ANY)).toBe('domain');
    expect(identityFromChain(phone, phoneKey)).toMatchObject({ name: 'alice@example.org', device: 'phone' });
  });

  test('says whose it is and how long', () => {
    expect(aliceCa).toMatchObject({
      name: 'alice@example.org',
      user: 'alice',
      domain: 'example.org',
      keyId: peerId(caKey.spki),
      notAfter: NOW + 365 * DAY,
    });
    expect(Object.isFrozen(aliceCa)).toBe(true);
  });

  test('is never the peer itself', () => {
    expect(judge(aliceCa.chain, ANY)).toBe('PROFILE');
    expect(judge(aliceCa.chain, ALICE)).toBe('PROFILE');
  });

  test('falls with its key, and all its devices with it', () => {
    const trust = Trust.of([{ domain: 'example.org', roots: [org.root], deniedKeys: [aliceCa.keyId] }]);
    expect(judge(phone, ALICE, trust)).toBe('DENIED');
    const serial = [...aliceCa.certificate.serial].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const denied = { issuer: peerId(org.root.spki), serial };
    expect(
      judge(
        phone,
        ALICE,
        Trust.of([{ domain: 'example.org', roots: [org.root], deniedCertificates: [denied] }]),
      ),
    ).toBe('DENIED');
  });

  test('is bounded in time, and so are its devices', () => {
    const short = org.issueUserCa({ spki: caKey.spki, user: 'alice', now: NOW, lifetime: DAY });
    const authority = UserAuthority.load(node, { chain: short, key: caKey });
    const chain = authority.issueDevice({ spki: phoneKey.spki, device: 'phone', now: NOW });
    expect(parseCertificate(chain[0]!).notAfter).toBe(NOW + DAY);
    const request = { spki: phoneKey.spki, device: 'phone', now: NOW };
    expect(() => aliceCa.issueDevice({ ...request, lifetime: 91 * DAY })).toThrow(/at most/);
    expect(() => authority.issueDevice({ ...request, now: NOW + 2 * DAY })).toThrow(/not valid now/);
    expect(() => aliceCa.issueDevice({ ...request, spki: caKey.spki })).toThrow(/issuer's own/);
    expect(() => aliceCa.issueDevice({ ...request, device: 'a/b' })).toThrow(/device label/);
    const wish = { spki: caKey.spki, user: 'alice', now: NOW };
    expect(() => org.issueUserCa({ ...wish, lifetime: 366 * DAY })).toThrow(/at most/);
    expect(() => org.issueUserCa({ ...wish, user: 'al ice' })).toThrow(
      /ERR_IDENTITY_ADDRESS|local part|user/,
    );
    expect(() => org.issueUserCa({ ...wish, spki: org.root.spki })).toThrow(/issuer's own/);
  });

  test.each<[string, readonly Uint8Array[], RegExp]>([
    ['no certificate', [], /empty/],
    ['a root', [org.root.der], /do not belong together/],
    ['a leaf', [phone[0]!], /do not belong together/],
  ])('is not loaded from %s', (_, chain, why) => {
    expect(() => UserAuthority.load(node, { chain, key: caKey })).toThrow(why);
  });

  test('is not loaded from a CA of more than one mailbox, whoever made it', () => {
    const top = rootOf();
    const wide = userCa('alice@example.org', top, constraints({ email: ['example.org'] }, ALL_HOSTS));
    expect(() => UserAuthority.load(node, { chain: [wide.der], key: wide.key })).toThrow(
      /not the CA of a user/,
    );
    const deep = userCa('alice@example.org', top, undefined, 1);
    expect(() => UserAuthority.load(node, { chain: [deep.der], key: deep.key })).toThrow(/path length 0/);
    const leaf = device(deep, { email: ['alice@example.org'] });
    expect(() => UserAuthority.load(node, { chain: [leaf.der], key: leaf.key })).toThrow(
      /not the CA of a user/,
    );
  });
});

function rootOf(): Made {
  return root(
    'example.org',
    constraints({ email: ['example.org'], dns: ['example.org'], uri: ['example.org'] }),
  );
}

function device(issuer: Made, names: Named): Made {
  return make({
    issuer,
    extensions: [
      usage('digitalSignature'),
      eku(OID.clientAuth, OID.serverAuth),
      san(names, true),
      aki(issuer.label),
    ],
  });
}

describe('a CA that could speak for others is refused when', () => {
  const top = rootOf();
  const trust = Trust.of([{ domain: 'example.org', roots: [top.certificate] }]);
  const mailbox = 'alice@example.org';
  const own: Named = { email: [mailbox], uri: ['example.org'] };
  const verdict = (made: Made): string =>
    judge([device(made, { email: [mailbox] }).der, made.der], ALICE, trust);

  test.each<[string, Bytes | undefined, number | undefined, string]>([
    ['it is a proper one (and then it is not)', undefined, 0, 'domain'],
    ['it may have CAs below', undefined, 1, 'USER_CA'],
    ['its permitted mail is the domain', constraints({ email: ['example.org'] }, ALL_HOSTS), 0, 'USER_CA'],
    [
      'its permitted mail is a second mailbox too',
      constraints({ email: [mailbox, 'bob@example.org'] }, ALL_HOSTS),
      0,
      'USER_CA',
    ],
    ['its permitted names leave mail out', constraints({ uri: ['example.org'] }, ALL_HOSTS), 0, 'USER_CA'],
    ['it permits hosts', constraints({ ...own, dns: ['example.org'] }, ALL_HOSTS), 0, 'USER_CA'],
    ['it permits addresses', constraints({ ...own, ip: [new Uint8Array(8)] }, ALL_HOSTS), 0, 'USER_CA'],
    ['it excludes nothing', constraints(own), 0, 'USER_CA'],
    ['it excludes one host only', constraints(own, { ...ALL_HOSTS, dns: ['example.org'] }), 0, 'USER_CA'],
    [
      'it excludes half the addresses',
      constraints(own, { dns: [''], ip: [new Uint8Array(8)] }),
      0,
      'USER_CA',
    ],
  ])('%s', (_, limits, pathLength, expected) => {
    expect(verdict(userCa(mailbox, top, limits, pathLength))).toBe(expected);
  });

  test.each([
    ['it is unlimited in depth', [constraints(own, ALL_HOSTS)]],
    ['it carries no constraints at all', []],
  ])('%s', (_, more) => {
    const extensions = [ca(), usage('keyCertSign'), ski(mailbox), aki('example.org'), ...more];
    expect(verdict(make({ subject: mailbox, issuer: top, extensions }))).toBe('USER_CA');
  });

  test('it signs bob, by its constraints', () => {
    const made = userCa(mailbox, top);
    const bob = device(made, { email: ['bob@example.org'] });
    expect(judge([bob.der, made.der], { kind: 'name', name: 'bob@example.org' }, trust)).toBe(
      'NAME_CONSTRAINTS',
    );
    expect(judge([bob.der, made.der], ANY, trust)).toBe('NAME_CONSTRAINTS');
  });

  test('it signs a server of the domain', () => {
    const made = userCa(mailbox, top);
    const host = server(made, 'example.org');
    const wanted: Expected = { kind: 'domain', domain: 'example.org' };
    expect(judge([host.der, made.der], wanted, trust)).toBe('NAME_CONSTRAINTS');
    const loose = userCa(mailbox, top, constraints({ email: [mailbox] }));
    expect(judge([server(loose, 'example.org').der, loose.der], wanted, trust)).toBe('USER_CA');
  });

  test('it repeats another user in the URI', () => {
    const made = userCa(mailbox, top);
    const leaf = device(made, { email: [mailbox], uri: ['q2q://example.org/bob/phone'] });
    expect(judge([leaf.der, made.der], ALICE, trust)).toBe('PROFILE');
  });

  test('it certifies itself anew: a second CA in the path is none of the root', () => {
    const made = userCa(mailbox, top);
    const again = userCa(mailbox, made);
    const leaf = device(again, { email: [mailbox] });
    expect(judge([leaf.der, again.der, made.der], ALICE, trust)).toBe('USER_CA');
  });
});
