/**
 * Who may speak for whom. Each row is a lie that somebody tells with real keys, the rule that refuses it, and beside it the
 * truth it imitates, which passes. What a row's liar holds is all theirs by right: the lie is in what they make of it.
 */
import { describe, expect, test } from 'vitest';
import { type Bytes, hex } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider, PrivateKey } from '../../src/crypto/provider.ts';
import { bitString, DerReader, sequence } from '../../src/identity/der.ts';
import {
  type Certificate,
  type DomainAnchors,
  DomainAuthority,
  type Expected,
  heldToPin,
  judgePin,
  type Pin,
  parseCertificate,
  peerId,
  Refusal,
  selfSignedIdentity,
  Trust,
  UserAuthority,
  verifyPeer,
} from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import { otherS } from '../vectors/identity/groups/algorithms.ts';
import {
  aki,
  ca,
  constraints,
  DAY,
  eku,
  encode,
  type Made,
  make,
  type Named,
  NOW,
  root,
  san,
  ski,
  usage,
} from './maker.ts';

type Chain = readonly Uint8Array[];

/** What a contact knows when it judges: anchors of domains, and perhaps whom it met before. */
interface Knows {
  readonly expected?: Expected;
  readonly anchors?: readonly DomainAnchors[];
  readonly pin?: Pin;
  readonly now?: number;
}

interface Row {
  readonly lie: string;
  readonly told: Chain;
  readonly rule: string;
  readonly truth: Chain;
  /** The assurance of the truth, or the verdict of its pin. */
  readonly passes?: string;
  readonly knows?: Knows;
  /** Where the truth is asked differently. */
  readonly truthKnows?: Knows;
}

/* ---- The people ---- */

const key = (): PrivateKey => node.generateKey('ed25519');
const org = DomainAuthority.create(node, 'example.org', NOW);
const com = DomainAuthority.create(node, 'example.com', NOW);
const nist = DomainAuthority.create(node, 'example.org', NOW, 'p256');

const aliceKey = key();
const enrol = (user: string, own = key(), authority = org): Chain =>
  authority.issueUser({ spki: own.spki, user, now: NOW });
const alice = enrol('alice', aliceKey);

const caKey = key();
const aliceCa = userCaOf('alice', caKey);
const device = (authority: UserAuthority, label: string): Chain =>
  authority.issueDevice({ spki: key().spki, device: label, now: NOW });
const laptop = device(aliceCa, 'laptop');

function userCaOf(user: string, own: PrivateKey): UserAuthority {
  const chain = org.issueUserCa({ spki: own.spki, user, now: NOW });
  return UserAuthority.load(node, { chain, key: own });
}

const relay = org.issueServer({ spki: key().spki, now: NOW });
const keyPeer = selfSignedIdentity(key(), NOW);

const ALICE: Expected = { kind: 'name', name: 'alice@example.org' };
const ANYBODY: Expected = { kind: 'anyPeer' };
const ORG: DomainAnchors = { domain: 'example.org', roots: [org.root] };
const COM: DomainAnchors = { domain: 'example.com', roots: [com.root] };

/** A leaf as the profile wants it, signed by whoever is given, else by itself. */
function leaf(names: Named, issuer?: Made): Bytes {
  // Alternative names are critical where the subject is empty, and only there (RFC 5280 §4.2.1.6).
  const named = san(names, issuer !== undefined);
  const profile = [usage('digitalSignature'), eku(OID.clientAuth, OID.serverAuth), named, aki('x')];
  // The bytes alone: some of these names do not parse.
  return encode({ ...(issuer === undefined ? { subject: 'x' } : { issuer }), extensions: profile }).der;
}

/** A CA's certificate and key, to sign what its keeper never would. */
function hostile({ root: certificate, rootKey }: DomainAuthority): Made {
  return made(certificate, rootKey);
}

function made(certificate: Certificate, own: PrivateKey): Made {
  return { certificate, der: certificate.der, key: own, subject: certificate.subject, label: 'x' };
}

/** (r, n-s): the same certificate under another hash, which anybody can make. */
function malleated(certificate: Uint8Array): Bytes {
  const parts = new DerReader(new Uint8Array(certificate)).sequence('certificate');
  const tbs = parts.any('tbs').der;
  const algorithm = parts.any('algorithm').der;
  return sequence(tbs, algorithm, bitString(otherS(parts.bitString('signature'))));
}

/** What a contact keeps who has met them once. */
function met(chain: Chain, anchors: readonly DomainAnchors[] = [ORG]): Pin {
  const peer = verifyPeer(chain, ALICE, Trust.of(anchors), 'client', NOW, node);
  if (peer instanceof Refusal) throw peer;
  return judgePin(undefined, peer, NOW).pin;
}

/* ---- The table ---- */

const unbound = root('example.com');
const mallory = make({
  issuer: hostile(org),
  subject: 'mallory',
  extensions: [
    usage('digitalSignature'),
    eku(OID.clientAuth),
    san({ email: ['mallory@example.org'] }),
    ski('m'),
    aki('x'),
  ],
});
const bobCa = userCaOf('bob', key());
const wide = make({
  issuer: hostile(org),
  subject: 'alice@example.org',
  extensions: [ca(0), usage('keyCertSign'), ski('wide'), aki('x'), constraints({ email: ['example.org'] })],
});
const nistKey = key();
const nistAlice = enrol('alice', nistKey, nist);
const NIST: DomainAnchors = { domain: 'example.org', roots: [nist.root] };
const nistSerial = { issuer: peerId(nist.root.spki), serial: hex(parseCertificate(nistAlice[0]!).serial) };
const later = NOW + 8 * DAY;
const renewed = (own: PrivateKey): Chain => org.issueUser({ spki: own.spki, user: 'alice', now: later });

const MATRIX: readonly Row[] = [
  {
    lie: "another domain's CA signs for alice",
    told: [leaf({ email: ['alice@example.org'] }, unbound), unbound.der],
    rule: 'UNKNOWN_ISSUER',
    truth: alice,
    knows: { anchors: [ORG, { domain: 'example.com', roots: [unbound.certificate] }] },
  },
  {
    lie: "another domain's CA, held by mistake for ours, signs for alice",
    told: [leaf({ email: ['alice@example.org'] }, hostile(com))],
    rule: 'NAME_CONSTRAINTS',
    truth: enrol('alice', key(), com),
    knows: { anchors: [{ domain: 'example.org', roots: [com.root] }, COM] },
    truthKnows: { expected: { kind: 'name', name: 'alice@example.com' } },
  },
  {
    lie: "alice's own domain turns hostile and adds a device that she did not sign",
    told: enrol('alice'),
    rule: 'PIN_CHANGED',
    truth: device(aliceCa, 'phone'),
    passes: 'same',
    knows: { pin: met(laptop) },
  },
  {
    lie: "alice's own domain makes her another user CA",
    told: device(userCaOf('alice', key()), 'laptop'),
    rule: 'PIN_CHANGED',
    truth: laptop,
    passes: 'same',
    knows: { pin: met(laptop) },
  },
  {
    lie: 'one leaf is two people',
    told: [leaf({ email: ['alice@example.org', 'mallory@example.org'] }, hostile(org))],
    rule: 'PROFILE',
    truth: alice,
  },
  {
    lie: 'a CA is shown as a leaf',
    told: [
      make({
        issuer: hostile(org),
        subject: 'alice@example.org',
        extensions: [
          ca(0),
          usage('digitalSignature', 'keyCertSign'),
          eku(OID.clientAuth),
          san({ email: ['alice@example.org'] }),
          ski('c'),
          aki('x'),
        ],
      }).der,
    ],
    rule: 'CA_AS_LEAF',
    truth: laptop,
  },
  {
    lie: 'mallory signs for alice with his own leaf',
    told: [leaf({ email: ['alice@example.org'] }, mallory), mallory.der],
    rule: 'NOT_A_CA',
    truth: alice,
  },
  {
    lie: 'a withdrawn leaf comes back under another signature',
    told: [malleated(nistAlice[0]!)],
    rule: 'DENIED',
    truth: [malleated(nistAlice[0]!)],
    knows: { anchors: [{ ...NIST, deniedCertificates: [nistSerial] }] },
    truthKnows: { anchors: [NIST] },
  },
  {
    lie: 'a device goes on after its user CA was withdrawn',
    told: laptop,
    rule: 'DENIED',
    truth: alice,
    knows: { anchors: [{ ...ORG, deniedKeys: [peerId(caKey.spki)] }] },
  },
  {
    lie: "bob's own CA signs a device of alice",
    told: [leaf({ email: ['alice@example.org'] }, made(bobCa.certificate, bobCa.key)), ...bobCa.chain],
    rule: 'NAME_CONSTRAINTS',
    truth: device(bobCa, 'laptop'),
    truthKnows: { expected: { kind: 'name', name: 'bob@example.org' } },
  },
  {
    lie: 'a user CA that may sign the whole domain signs for alice',
    told: [leaf({ email: ['alice@example.org'] }, wide), wide.der],
    rule: 'USER_CA',
    truth: laptop,
  },
  {
    lie: 'the relay speaks for alice',
    told: relay,
    rule: 'PROFILE',
    truth: relay,
    truthKnows: { expected: { kind: 'domain', domain: 'example.org' } },
  },
  {
    lie: 'alice speaks for her domain',
    told: alice,
    rule: 'PROFILE',
    truth: relay,
    knows: { expected: { kind: 'domain', domain: 'example.org' } },
  },
  {
    lie: 'a key peer says that it is alice',
    told: keyPeer.chain,
    rule: 'PROFILE',
    truth: keyPeer.chain,
    passes: 'key',
    truthKnows: { expected: { kind: 'key', id: keyPeer.keyId } },
  },
  {
    lie: 'a certificate that signs itself names alice',
    told: [leaf({ email: ['alice@example.org'] })],
    rule: 'UNKNOWN_ISSUER',
    truth: alice,
    knows: { expected: ANYBODY },
  },
  {
    lie: 'a certificate that signs itself names the domain',
    told: [leaf({ dns: ['example.org'] })],
    rule: 'UNKNOWN_ISSUER',
    truth: relay,
    knows: { expected: { kind: 'domain', domain: 'example.org' } },
  },
  {
    // Vertex, test_BadIssuerOnSelfSignedCert: a domain signs a certificate for the domain it dials, and claims to come from there.
    lie: 'one domain certifies itself in the name of another',
    told: [leaf({ dns: ['example.org'] }, hostile(com))],
    rule: 'UNKNOWN_ISSUER',
    truth: com.issueServer({ spki: key().spki, now: NOW }),
    knows: { expected: { kind: 'domain', domain: 'example.org' } },
    truthKnows: { expected: { kind: 'domain', domain: 'example.com' } },
  },
  {
    lie: 'an ended leaf is shown once more',
    told: alice,
    rule: 'EXPIRED',
    truth: renewed(aliceKey),
    passes: 'same',
    knows: { now: later, pin: met(alice) },
  },
  {
    lie: 'alice is renewed with a key that is not hers',
    told: renewed(key()),
    rule: 'PIN_CHANGED',
    truth: renewed(aliceKey),
    passes: 'same',
    knows: { now: later, pin: met(alice) },
  },
];

/** What is not "alice@example.org" but may be read as it. */
const LOOKALIKES: readonly string[] = [
  'Alice@example.org',
  'alice@EXAMPLE.ORG',
  'a1ice@example.org',
  'aIice@example.org',
  'alicе@example.org', // the last letter is Cyrillic
  'alice@example.org.',
  ' alice@example.org',
  'alice@example.org\0',
  'alice@example.org@example.com',
  '"alice"@example.org',
  'alice@xn--xample-9uf.org',
  'alice@exarnple.org',
  'alice+@example.org',
  'alice.@example.org',
];

/* ---- The judgement ---- */

function judge(chain: Chain, knows: Knows, provider: CryptoProvider): string {
  const { expected = ALICE, anchors = [ORG, COM], now = NOW } = knows;
  const peer = verifyPeer(chain, expected, Trust.of(anchors), 'client', now, provider);
  if (peer instanceof Refusal) return peer.code.replace('ERR_IDENTITY_', '');
  if (knows.pin === undefined) return peer.identity.assurance;
  const judgement = judgePin(knows.pin, peer, now);
  const held = heldToPin(judgement, peer);
  return held instanceof Refusal ? held.code.replace('ERR_IDENTITY_', '') : judgement.verdict;
}

const unbounded = root('example.org');
const UNBOUNDED: readonly DomainAnchors[] = [{ domain: 'example.org', roots: [unbounded.certificate] }];

describe.each([node, noble])('who may speak for whom ($name)', (provider) => {
  for (const { lie, told, rule, truth, passes = 'domain', knows = {}, truthKnows = {} } of MATRIX)
    test(`${lie}: ${rule}`, () => {
      expect(judge(told, knows, provider)).toBe(rule);
      expect(judge(truth, { ...knows, ...truthKnows }, provider)).toBe(passes);
    });

  test.each(LOOKALIKES)('%j is not alice', (email) => {
    const lookalike = [leaf({ email: [email] }, unbounded)];
    expect(judge(lookalike, { anchors: UNBOUNDED }, provider)).toMatch(/^(NAME|PROFILE|MALFORMED)$/);
    const exact = [leaf({ email: ['alice@example.org'] }, unbounded)];
    expect(judge(exact, { anchors: UNBOUNDED }, provider)).toBe('domain');
  });
});
