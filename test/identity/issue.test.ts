import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { signatureIdentifier } from '../../src/identity/algorithms.ts';
import { bitString, context, der, integer, sequence } from '../../src/identity/der.ts';
import { nameOf } from '../../src/identity/distinguishedName.ts';
import {
  createCsr,
  DomainAuthority,
  describeCertificate,
  groupPeerId,
  IdentityError,
  identityFromChain,
  identityLabel,
  parseCertificate,
  parseCsr,
  peerId,
  selfSignedIdentity,
} from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import { DAY, NOW } from './maker.ts';

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError);
    return (error as IdentityError).code;
  }
  return 'accepted';
}

const authority = DomainAuthority.create(node, 'example.org', NOW);
const key = node.generateKey('p256');

describe('a domain authority', () => {
  test('has a root held to its domain', () => {
    const { root } = authority;
    expect(root.isCa).toBe(true);
    expect(root.pathLength).toBe(1);
    expect([...root.keyUsage!]).toEqual(['keyCertSign', 'cRLSign']);
    expect(root.nameConstraints?.permitted).toMatchObject({
      email: ['example.org'],
      dns: ['example.org'],
      uri: ['example.org'],
    });
    expect(root.nameConstraints?.excluded.ip.map(({ mask }) => mask.length)).toEqual([4, 16]);
    expect(root.ski).toEqual(root.aki?.keyId);
    expect(authority.rootPin).toHaveLength(32);
  });

  test('is the same after a restart', () => {
    const loaded = DomainAuthority.load(node, {
      rootCertificate: authority.root.der,
      rootKey: authority.rootKey,
    });
    expect(loaded.domain).toBe('example.org');
    expect(loaded.rootPin).toEqual(authority.rootPin);
  });

  test('does not load a pair that does not fit, nor a certificate that is no root', () => {
    const other = node.generateKey('ed25519');
    const load = (certificate: Uint8Array, rootKey = authority.rootKey): unknown =>
      DomainAuthority.load(node, { rootCertificate: certificate, rootKey });
    expect(codeOf(() => load(authority.root.der, other))).toBe('ERR_IDENTITY_MISMATCH');
    const [leaf] = authority.issueUser({
      spki: authority.rootKey.kind === 'ed25519' ? other.spki : key.spki,
      user: 'a',
      now: NOW,
    });
    expect(codeOf(() => load(leaf!, other))).toBe('ERR_IDENTITY_MISMATCH');
    const forged = authority.root.der.slice();
    forged[forged.length - 1]! ^= 1;
    expect(codeOf(() => load(forged))).toBe('ERR_IDENTITY_MISMATCH');
  });

  test('writes user leaves as the profile says', () => {
    const [bytes, ...rest] = authority.issueUser({
      spki: key.spki,
      user: 'Alice',
      device: 'laptop',
      now: NOW,
    });
    expect(rest).toEqual([]);
    const leaf = parseCertificate(bytes!);
    expect(leaf.subject).toHaveLength(2);
    expect(leaf.names).toMatchObject({
      email: ['alice@example.org'],
      uri: ['q2q://example.org/alice/laptop'],
      dns: [],
      ip: [],
    });
    expect(leaf.extensions.find(({ oid }) => oid === OID.subjectAltName)?.critical).toBe(true);
    expect([...leaf.keyUsage!]).toEqual(['digitalSignature']);
    expect(leaf.extendedKeyUsage).toEqual([OID.clientAuth, OID.serverAuth]);
    expect(leaf.aki?.keyId).toEqual(authority.root.ski);
    expect([leaf.notBefore, leaf.notAfter]).toEqual([NOW - 60_000, NOW + 7 * DAY]);
    expect(leaf.serial).toHaveLength(16);
    expect(leaf.serial[0]! & 0xc0).toBe(0x40);
  });

  test('never uses a serial twice', () => {
    const serials = new Set<string>();
    for (let i = 0; i < 100; i++)
      serials.add(parseCertificate(authority.issueServer({ spki: key.spki, now: NOW })[0]!).serial.join());
    expect(serials.size).toBe(100);
  });

  test.each<[string, Partial<Parameters<DomainAuthority['issueUser']>[0]>, string]>([
    ['a life of more than seven days', { lifetime: 7 * DAY + 1 }, 'ERR_IDENTITY_ISSUE'],
    ['no life at all', { lifetime: 0 }, 'ERR_IDENTITY_ISSUE'],
    ['an unreal life', { lifetime: Number.NaN }, 'ERR_IDENTITY_ISSUE'],
    ['a malformed user', { user: 'al ice' }, 'ERR_IDENTITY_ADDRESS'],
    ['a user with a domain', { user: 'alice@example.com' }, 'ERR_IDENTITY_ADDRESS'],
    ['a malformed device', { device: '../x' }, 'ERR_IDENTITY_ISSUE'],
    ['a key that is none', { spki: utf8('key') }, 'ERR_IDENTITY_ISSUE'],
    ["the root's own key", { spki: authority.root.spki }, 'ERR_IDENTITY_ISSUE'],
    ['a time before the root', { now: NOW - DAY }, 'ERR_IDENTITY_ISSUE'],
    ['a time after the root', { now: NOW + 11 * 365 * DAY }, 'ERR_IDENTITY_ISSUE'],
  ])('does not issue for %s', (_, request, code) => {
    expect(codeOf(() => authority.issueUser({ spki: key.spki, user: 'alice', now: NOW, ...request }))).toBe(
      code,
    );
  });

  test('never issues past its own end', () => {
    const end = authority.root.notAfter;
    const leaf = parseCertificate(authority.issueUser({ spki: key.spki, user: 'alice', now: end - DAY })[0]!);
    expect(leaf.notAfter).toBe(end);
  });

  test.each(['', 'exa mple.org', '127.0.0.1', '*.example.org', '../x'])(
    'is not made for the domain %j',
    (domain) => {
      expect(codeOf(() => DomainAuthority.create(node, domain, NOW))).toBe('ERR_IDENTITY_ADDRESS');
    },
  );
});

describe('certification requests', () => {
  test.each(['ed25519', 'p256', 'p384'] as const)('of %s keys prove possession, across providers', (kind) => {
    const made = noble.generateKey(kind);
    expect(parseCsr(node, createCsr(made)).spki).toEqual(made.spki);
    expect(parseCsr(noble, createCsr(node.importKey(made.dangerousExport()))).spki).toEqual(made.spki);
  });

  const request = (signer = key, spki = key.spki): Uint8Array => {
    const info = sequence(integer(0), nameOf('CN the server ignores'), spki, der(context(0, true)));
    const { scheme, identifier } = signatureIdentifier(signer.kind);
    return sequence(info, identifier, bitString(signer.sign(scheme, info)));
  };

  test('carry only their key: names in them are not read', () => {
    expect(parseCsr(node, request())).toEqual({ spki: key.spki });
  });

  test('for a key of somebody else are refused', () => {
    expect(codeOf(() => parseCsr(node, request(node.generateKey('p256'))))).toBe('ERR_IDENTITY_CSR');
    expect(codeOf(() => parseCsr(node, request(node.generateKey('ed25519'))))).toBe('ERR_IDENTITY_CSR');
  });

  test('with any bit flipped are refused', () => {
    const good = createCsr(key);
    for (let bit = 0; bit < good.length * 8; bit += 3) {
      const flipped = good.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(codeOf(() => parseCsr(node, flipped))).toBe('ERR_IDENTITY_CSR');
    }
  });

  test('larger than 16 KiB are not looked at', () => {
    expect(codeOf(() => parseCsr(node, new Uint8Array(16_385)))).toBe('ERR_IDENTITY_CSR');
  });
});

describe('identities', () => {
  test('of key peers come from the key alone', () => {
    const me = selfSignedIdentity(key, NOW);
    expect(me.keyId).toBe(peerId(key.spki));
    expect(me.name).toBeUndefined();
    expect(identityLabel(me)).toBe(`key:${me.keyId}`);
    expect(identityFromChain(me.chain, key)).toEqual(me);
  });

  test('of users come from what the authority returned', () => {
    const chain = authority.issueUser({ spki: key.spki, user: 'alice', device: 'laptop', now: NOW });
    expect(identityFromChain(chain, key)).toMatchObject({
      name: 'alice@example.org',
      device: 'laptop',
      keyId: peerId(key.spki),
      notAfter: NOW + 7 * DAY,
    });
  });

  test('need the key of the first certificate', () => {
    const chain = authority.issueUser({ spki: key.spki, user: 'alice', now: NOW });
    expect(codeOf(() => identityFromChain(chain, node.generateKey('p256')))).toBe('ERR_IDENTITY_MISMATCH');
    expect(codeOf(() => identityFromChain([], key))).toBe('ERR_IDENTITY_MISMATCH');
  });
});

describe('a certificate in words', () => {
  test('tells subject, names, issuer, serial, dates, key, use, constraints and fingerprint', () => {
    const [leaf] = authority.issueUser({ spki: key.spki, user: 'alice', device: 'laptop', now: NOW });
    const text = describeCertificate(parseCertificate(leaf!));
    expect(text).toMatch(/^subject +\(empty\)$/m);
    expect(text).toMatch(/^name +mail alice@example\.org$/m);
    expect(text).toMatch(/^name +uri q2q:\/\/example\.org\/alice\/laptop$/m);
    expect(text).toMatch(/^issuer +CN=example\.org$/m);
    expect(text).toMatch(/^serial +([0-9a-f]{2}:){15}[0-9a-f]{2}$/m);
    expect(text).toMatch(/^valid to +2026-11-28 12:00:00 UTC$/m);
    expect(text).toMatch(/^key +P-256$/m);
    expect(text).toContain(groupPeerId(peerId(key.spki)));
    expect(text).toMatch(/^used for +clientAuth, serverAuth$/m);
    expect(text).toMatch(/^fingerprint +SHA-256 ([0-9a-f]{2}:){31}[0-9a-f]{2}$/m);
    const root = describeCertificate(authority.root);
    expect(root).toMatch(/^authority +yes, over 1 further CAs \(critical\)$/m);
    expect(root).toMatch(/^may sign +mail example\.org$/m);
    expect(root).toMatch(/^may not sign +ip 0\.0\.0\.0\/0$/m);
    expect(root).toMatch(/^may not sign +ip ::\/0$/m);
    expect(root).toMatch(/^issuer +CN=example\.org \(itself\)$/m);
  });

  test('cannot repaint a terminal', async () => {
    const { make, san } = await import('./maker.ts');
    const hostile = make({
      subject: 'a\x1b[2J\u202eb\nc',
      extensions: [san({ dns: ['\x1b[31m'], uri: ['x\ny'] })],
    });
    expect(describeCertificate(hostile.certificate)).toMatch(/^[\x20-\x7e\n]*$/);
    expect(describeCertificate(hostile.certificate)).toContain('\\u{1b}');
  });
});
