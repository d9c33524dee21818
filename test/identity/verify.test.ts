import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import {
  type Certificate,
  type DomainAnchors,
  DomainAuthority,
  type Expected,
  peerId,
  Refusal,
  selfSignedIdentity,
  Trust,
  VerifiedPeer,
  verifyPeer,
  verifyPinnedDomain,
} from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import type { Credential } from '../../src/tls/index.ts';
import { Pki } from '../support/pki.ts';
import {
  aki,
  ca,
  constraints,
  DAY,
  eku,
  type Made,
  make,
  type Named,
  NOW,
  type Recipe,
  root,
  san,
  ski,
  usage,
  userCa,
} from './maker.ts';

const org = DomainAuthority.create(node, 'example.org', NOW);
const com = DomainAuthority.create(node, 'example.com', NOW);
const anchorsOf = (...authorities: DomainAuthority[]): DomainAnchors[] =>
  authorities.map(({ domain, root: certificate }) => ({ domain, roots: [certificate] }));
const TRUST = Trust.of(anchorsOf(org, com));

const aliceKey = node.generateKey('ed25519');
const alice = org.issueUser({ spki: aliceKey.spki, user: 'alice', device: 'laptop', now: NOW });
const ALICE: Expected = { kind: 'name', name: 'alice@example.org' };
const ANY: Expected = { kind: 'anyPeer' };

interface Options {
  readonly trust?: Trust;
  readonly now?: number;
  readonly role?: 'client' | 'server';
}

/** The assurance, or the refusal's code without its prefix. */
function judge(
  chain: readonly Uint8Array[],
  expected: Expected,
  { trust = TRUST, now = NOW, role = 'client' }: Options = {},
): string {
  const answer = verifyPeer(chain, expected, trust, role, now, node);
  return answer instanceof Refusal ? answer.code.replace('ERR_IDENTITY_', '') : answer.identity.assurance;
}

/** A root for a domain that lets us issue what the authority would not. */
function rootOf(domain: string): Made {
  return root(domain, constraints({ email: [domain], dns: [domain], uri: [domain] }));
}

function trusting(domain: string, made: Made | Certificate, denied?: readonly string[]): Trust {
  const certificate = 'certificate' in made ? made.certificate : made;
  return Trust.of([
    { domain, roots: [certificate], ...(denied === undefined ? {} : { deniedKeys: denied }) },
  ]);
}

function user(issuer: Made, names: Named, recipe: Recipe = {}): Made {
  return make({
    issuer,
    extensions: [
      usage('digitalSignature'),
      eku(OID.clientAuth, OID.serverAuth),
      san(names, true),
      aki(issuer.label),
    ],
    ...recipe,
  });
}

describe.each([node, noble])('an enrolled user ($name)', (provider) => {
  test('is proved by name, in either role, with device and end', () => {
    for (const role of ['client', 'server'] as const) {
      const proof = verifyPeer(alice, ALICE, TRUST, role, NOW, provider);
      expect(proof).toBeInstanceOf(VerifiedPeer);
      expect((proof as VerifiedPeer).identity).toEqual({
        name: 'alice@example.org',
        domain: 'example.org',
        device: 'laptop',
        keyId: peerId(aliceKey.spki),
        assurance: 'domain',
        expiresAt: NOW + 7 * DAY,
      });
      expect((proof as VerifiedPeer).chain).toHaveLength(2);
    }
  });

  test('with a P-256 key under a P-256 root', () => {
    const authority = DomainAuthority.create(provider, 'example.net', NOW, 'p256');
    const chain = authority.issueUser({ spki: provider.generateKey('p256').spki, user: 'bob', now: NOW });
    const proof = verifyPeer(chain, ANY, Trust.of(anchorsOf(authority)), 'client', NOW, provider);
    expect(proof).toBeInstanceOf(VerifiedPeer);
  });
});

describe('who may speak for whom', () => {
  const bob = org.issueUser({ spki: node.generateKey('p256').spki, user: 'bob', now: NOW });
  const server = org.issueServer({ spki: node.generateKey('ed25519').spki, now: NOW });
  const keyPeer = selfSignedIdentity(node.generateKey('ed25519'), NOW);

  test.each<[string, readonly Uint8Array[], Expected, string]>([
    ['alice for alice', alice, ALICE, 'domain'],
    ['alice for alice in capitals', alice, { kind: 'name', name: 'Alice@Example.ORG' }, 'domain'],
    ['alice for whoever she is', alice, ANY, 'domain'],
    ['bob for alice', bob, ALICE, 'NAME'],
    ['alice for alice of another domain', alice, { kind: 'name', name: 'alice@example.com' }, 'NAME'],
    ['the domain for alice', server, ALICE, 'PROFILE'],
    ['a key peer for alice', keyPeer.chain, ALICE, 'PROFILE'],
    ['the domain for itself', server, { kind: 'domain', domain: 'example.org' }, 'domain'],
    ['the domain for another', server, { kind: 'domain', domain: 'example.com' }, 'NAME'],
    ['alice for the domain', alice, { kind: 'domain', domain: 'example.org' }, 'PROFILE'],
    ['the domain for whoever it is', server, ANY, 'PROFILE'],
    ['a key peer for its key', keyPeer.chain, { kind: 'key', id: keyPeer.keyId }, 'key'],
    ['a key peer for whoever it is', keyPeer.chain, ANY, 'key'],
    ['a key peer for another key', keyPeer.chain, { kind: 'key', id: peerId(aliceKey.spki) }, 'KEY_MISMATCH'],
    ['alice for her key', alice, { kind: 'key', id: peerId(aliceKey.spki) }, 'pinned'],
    ['alice for another key', alice, { kind: 'key', id: keyPeer.keyId }, 'KEY_MISMATCH'],
    ['nobody', [], ANY, 'NO_CERTIFICATE'],
  ])('%s', (_, chain, expected, verdict) => {
    expect(judge(chain, expected)).toBe(verdict);
  });

  test('a domain without anchors is refused, and so is one that withdrew them all', () => {
    expect(judge(alice, ALICE, { trust: Trust.of([]) })).toBe('NO_ANCHOR');
    expect(judge(alice, ANY, { trust: Trust.of(anchorsOf(com)) })).toBe('NO_ANCHOR');
    expect(judge(alice, ANY, { trust: Trust.of([{ domain: 'example.org', roots: [] }]) })).toBe('NO_ANCHOR');
  });

  test("another domain's root cannot speak for this one, even without constraints", () => {
    const evil = root('example.com');
    const leaf = user(evil, { email: ['alice@example.org'] });
    const trust = Trust.of([...anchorsOf(org), { domain: 'example.com', roots: [evil.certificate] }]);
    expect(judge([leaf.der], ALICE, { trust })).toBe('UNKNOWN_ISSUER');
    expect(judge([leaf.der, evil.der], ANY, { trust })).toBe('UNKNOWN_ISSUER');
  });

  test('a root held to its constraints cannot sign outside its domain', () => {
    const evil = rootOf('example.com');
    const leaf = user(evil, { email: ['alice@example.org'] });
    expect(judge([leaf.der], ALICE, { trust: trusting('example.org', evil) })).toBe('NAME_CONSTRAINTS');
  });

  test('an unknown root of the right name is not the root', () => {
    const impostor = DomainAuthority.create(node, 'example.org', NOW);
    const chain = impostor.issueUser({ spki: aliceKey.spki, user: 'alice', now: NOW });
    expect(judge([...chain, impostor.root.der], ALICE)).toBe('UNKNOWN_ISSUER');
  });

  test('by key id an enrolled peer of an unknown domain is only its key', () => {
    expect(judge(alice, { kind: 'key', id: peerId(aliceKey.spki) }, { trust: Trust.of([]) })).toBe('key');
  });

  test('a withdrawn key is refused by name and by key, and so is all below a withdrawn CA', () => {
    const id = peerId(aliceKey.spki);
    const trust = trusting('example.org', org.root, [id]);
    expect(judge(alice, ALICE, { trust })).toBe('DENIED');
    expect(judge(alice, { kind: 'key', id }, { trust })).toBe('DENIED');
    const top = rootOf('example.org');
    const own = userCa('alice@example.org', top);
    const leaf = user(own, { email: ['alice@example.org'] });
    expect(judge([leaf.der, own.der], ALICE, { trust: trusting('example.org', top) })).toBe('domain');
    const denied = trusting('example.org', top, [peerId(own.key.spki)]);
    expect(judge([leaf.der, own.der], ALICE, { trust: denied })).toBe('DENIED');
  });

  test("a user's own CA signs her devices and nobody else's", () => {
    const top = rootOf('example.org');
    const own = userCa('alice@example.org', top);
    const trust = trusting('example.org', top);
    const phone = user(own, { email: ['alice@example.org'], uri: ['q2q://example.org/alice/phone'] });
    expect(judge([phone.der, own.der], ALICE, { trust })).toBe('domain');
    const forged = user(own, { email: ['bob@example.org'] });
    expect(judge([forged.der, own.der], { kind: 'name', name: 'bob@example.org' }, { trust })).toBe(
      'NAME_CONSTRAINTS',
    );
  });
});

describe("a user's leaf is refused when", () => {
  const top = rootOf('example.org');
  const trust = trusting('example.org', top);
  const judged = (names: Named, expected: Expected = ALICE): string =>
    judge([user(top, names).der], expected, { trust });

  test.each<[string, Named, string]>([
    ['it names two mailboxes', { email: ['alice@example.org', 'bob@example.org'] }, 'PROFILE'],
    ['it also names a host', { email: ['alice@example.org'], dns: ['example.org'] }, 'PROFILE'],
    [
      'its URI is of another user',
      { email: ['alice@example.org'], uri: ['q2q://example.org/bob/x'] },
      'PROFILE',
    ],
    [
      'its URI is of another domain',
      { email: ['alice@example.org'], uri: ['q2q://example.com/alice/x'] },
      'PROFILE',
    ],
    [
      'its URI is of another scheme',
      { email: ['alice@example.org'], uri: ['https://example.org/alice/x'] },
      'PROFILE',
    ],
    ['its URI has no device', { email: ['alice@example.org'], uri: ['q2q://example.org/alice/'] }, 'PROFILE'],
    [
      'its URI goes deeper',
      { email: ['alice@example.org'], uri: ['q2q://example.org/alice/x/y'] },
      'PROFILE',
    ],
    [
      'it has two URIs',
      { email: ['alice@example.org'], uri: ['q2q://example.org/alice/x', 'q2q://example.org/alice/y'] },
      'PROFILE',
    ],
    ['it is not folded', { email: ['Alice@example.org'] }, 'NAME'],
    ['it names nobody', { uri: ['q2q://example.org/alice/x'] }, 'PROFILE'],
  ])('%s', (_, names, verdict) => {
    expect(judged(names)).toBe(verdict);
  });

  test.each([
    'alice',
    'alice@',
    '@example.org',
    'alice@example.org@example.org',
    'al ice@example.org',
    'alice@127.0.0.1',
    `${'a'.repeat(65)}@example.org`,
  ])('it claims %j', (email) => {
    expect(judged({ email: [email] }, ANY)).toBe('PROFILE');
  });

  test('it claims its name unfolded to whoever asks', () => {
    expect(judged({ email: ['Alice@Example.org'] }, ANY)).toBe('NAME');
  });
});

describe('time', () => {
  test('a leaf has its days', () => {
    expect(judge(alice, ALICE, { now: NOW + 7 * DAY })).toBe('domain');
    expect(judge(alice, ALICE, { now: NOW + 7 * DAY + 1000 })).toBe('EXPIRED');
    expect(judge(alice, ALICE, { now: NOW - 60_000 })).toBe('domain');
    expect(judge(alice, ALICE, { now: NOW - 61_000 })).toBe('NOT_YET_VALID');
    expect(judge(alice, ALICE, { now: Number.NaN })).toBe('NOT_YET_VALID');
  });

  test('a key peer has its own, a day of wrong clock allowed', () => {
    const me = selfSignedIdentity(node.generateKey('p256'), NOW);
    expect(judge(me.chain, ANY, { now: NOW - DAY })).toBe('key');
    expect(judge(me.chain, ANY, { now: me.notAfter })).toBe('key');
    expect(judge(me.chain, ANY, { now: me.notAfter + 1000 })).toBe('EXPIRED');
  });
});

describe('a key peer', () => {
  test('must sign its own certificate', () => {
    const key = node.generateKey('ed25519');
    const forged = make({
      subject: 'x',
      key,
      signedBy: node.generateKey('ed25519'),
      extensions: [usage('digitalSignature')],
    });
    expect(judge([forged.der], ANY)).toBe('SIGNATURE');
    expect(judge([forged.der], { kind: 'key', id: peerId(key.spki) })).toBe('SIGNATURE');
  });

  test('that names itself is held to the name by a listener, and only to its key by a caller', () => {
    const named = make({
      subject: 'x',
      extensions: [
        usage('digitalSignature'),
        eku(OID.clientAuth),
        san({ email: ['alice@example.org'] }),
        aki('x'),
      ],
    });
    expect(judge([named.der], ANY)).toBe('UNKNOWN_ISSUER');
    expect(judge([named.der], { kind: 'key', id: peerId(named.key.spki) })).toBe('key');
    const host = make({ subject: 'x', extensions: [san({ dns: ['example.org'] })] });
    expect(judge([host.der], ANY)).toBe('PROFILE');
  });
});

describe('enrolment', () => {
  const server = org.issueServer({ spki: node.generateKey('ed25519').spki, now: NOW });
  const chain = [...server, org.root.der];
  const enrol = (
    presented: readonly Uint8Array[],
    domain = 'example.org',
    pin: Uint8Array = org.rootPin,
  ): string => {
    const answer = verifyPinnedDomain(presented, domain, pin, NOW, node);
    return answer instanceof Refusal ? answer.code.replace('ERR_IDENTITY_', '') : answer.identity.assurance;
  };

  test('finds the pinned root in the chain and hands it over', () => {
    const proof = verifyPinnedDomain(chain, 'example.org', org.rootPin, NOW, node) as VerifiedPeer;
    expect(proof.identity).toMatchObject({ domain: 'example.org', assurance: 'pinned' });
    expect(proof.anchors?.roots[0]?.der).toEqual(org.root.der);
    expect(judge(alice, ALICE, { trust: Trust.of([proof.anchors!]) })).toBe('domain');
  });

  test('refuses every other chain', () => {
    expect(enrol(server)).toBe('PIN');
    expect(enrol(chain, 'example.org', com.rootPin)).toBe('PIN');
    expect(enrol([...server, com.root.der], 'example.org', com.rootPin)).toBe('UNKNOWN_ISSUER');
    expect(enrol(chain, 'example.com')).toBe('NAME');
    expect(enrol([...alice, org.root.der])).toBe('PROFILE');
    expect(enrol([org.root.der])).toBe('PIN');
  });

  test('refuses a root that wears the pinned key but was not signed by it', () => {
    const worn = make({
      subject: 'example.org',
      key: org.rootKey,
      signedBy: node.generateKey('ed25519'),
      extensions: [ca(), usage('keyCertSign'), ski('x'), aki('x')],
    });
    expect(enrol([...server, worn.der])).toBe('SIGNATURE');
  });
});

describe('size', () => {
  test('is bounded before anything is parsed', () => {
    expect(judge(new Array<Uint8Array>(9).fill(alice[0]!), ANY)).toBe('CHAIN_TOO_BIG');
    expect(judge([new Uint8Array(65_537)], ANY)).toBe('CHAIN_TOO_BIG');
    expect(judge([alice[0]!, new Uint8Array(65_536)], ANY)).toBe('CHAIN_TOO_BIG');
  });
});

describe('properties', () => {
  const top = DomainAuthority.create(node, 'example.org', NOW);
  const trust = Trust.of(anchorsOf(top));
  test('any bytes for a chain are refused, never thrown over', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (chain) => {
        expect(verifyPeer(chain, ANY, trust, 'client', NOW, node)).toBeInstanceOf(Refusal);
      }),
    );
  });
});

describe('proofs', () => {
  test('are made by verifying only', () => {
    const Forged = VerifiedPeer as unknown as new (...args: unknown[]) => VerifiedPeer;
    expect(() => new Forged(Symbol('x'), {}, [])).toThrow(TypeError);
    const shaped = Object.create(VerifiedPeer.prototype) as unknown;
    expect(shaped).toBeInstanceOf(VerifiedPeer);
    expect(VerifiedPeer.isProof(shaped)).toBe(false);
    const proof = verifyPeer(alice, ALICE, TRUST, 'client', NOW, node);
    expect(VerifiedPeer.isProof(proof)).toBe(true);
    expect(Object.isFrozen(proof)).toBe(true);
    expect(Object.isFrozen((proof as VerifiedPeer).identity)).toBe(true);
  });

  test('refusals name certificate, alert and fault', () => {
    const refusal = verifyPeer(alice, ALICE, TRUST, 'client', NOW + 30 * DAY, node) as Refusal;
    expect(refusal).toMatchObject({
      code: 'ERR_IDENTITY_EXPIRED',
      certIndex: 0,
      alert: 'certificate_expired',
      fault: 'remote',
    });
    expect(refusal.hint).toContain('clock');
  });
});

test('a stranger is unknown, unless its certificate is from after our time: that is found first', () => {
  const pki = new Pki('p256', node, NOW);
  const judge = ({ chain }: Credential): unknown =>
    pki.clientVerifier().verify({ role: 'client', chain, resumed: false });
  expect(judge(pki.elsewhere().user('mallory'))).toMatchObject({ alert: 'unknown_ca' });
  const later = new Pki('p256', node, NOW + 2 * 60_000, 'elsewhere.test');
  expect(judge(later.user('mallory'))).toMatchObject({
    code: 'ERR_IDENTITY_NOT_YET_VALID',
    alert: 'certificate_expired',
  });
});

describe('trust', () => {
  test('is a value: with and without make new ones', () => {
    const empty = Trust.of([]);
    const one = empty.with({ domain: 'Example.ORG', roots: [org.root] });
    expect(empty.domains).toEqual([]);
    expect(one.domains).toEqual(['example.org']);
    expect(one.anchorsFor('example.org')?.roots).toEqual([org.root]);
    expect(one.without('example.org').domains).toEqual([]);
    expect(Object.isFrozen(one.anchorsFor('example.org')?.roots)).toBe(true);
  });
});
