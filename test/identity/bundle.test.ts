import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, equalBytes, hex, utf8 } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { integer, octetString, sequence, time, utf8String } from '../../src/identity/der.ts';
import {
  acceptBundle,
  type BundleRequest,
  type Certificate,
  type DeniedKeyEntry,
  type DomainAnchors,
  DomainAuthority,
  firstBundle,
  parseBundle,
  peerId,
  Refusal,
  signBundle,
  Trust,
  verifyPeer,
} from '../../src/identity/index.ts';
import { DAY, NOW, root } from './maker.ts';

const old = DomainAuthority.create(node, 'example.org', NOW);
const both = old.roll(NOW);
const after = both.retire();
const stranger = DomainAuthority.create(node, 'example.org', NOW);

const held: DomainAnchors = { domain: 'example.org', roots: [old.root], source: 'web' };
const keyId = (): string => peerId(node.generateKey('ed25519').spki);
const some = [keyId(), keyId(), keyId()];
const first = old.bundle({ sequence: 5, now: NOW });

/** The anchors, or the refusal's code without its prefix. */
function accept(der: Uint8Array, anchors = held, now = NOW): DomainAnchors | string {
  const answer = acceptBundle(der, anchors, now, node);
  return answer instanceof Refusal ? answer.code.replace('ERR_IDENTITY_', '') : answer;
}

function accepted(der: Uint8Array, anchors = held, now = NOW): DomainAnchors {
  const answer = acceptBundle(der, anchors, now, node);
  if (answer instanceof Refusal) throw answer;
  return answer;
}

describe('a bundle', () => {
  test('says roots, handovers and what is withdrawn', () => {
    const serial = hex(old.root.serial);
    const request: BundleRequest = {
      sequence: 7,
      now: NOW + 400,
      deniedKeys: some.map((id) => ({ keyId: id, until: NOW + DAY })),
      deniedCertificates: [{ issuer: some[0]!, serial, until: NOW + 2 * DAY }],
      lifetime: 10 * DAY,
      refreshAfter: 3_600_000,
    };
    const bundle = parseBundle(both.bundle(request));
    expect(bundle).toMatchObject({
      domain: 'example.org',
      sequence: 7,
      issuedAt: NOW,
      expiresAt: NOW + 10 * DAY,
      refreshAfter: 3_600_000,
      signer: peerId(both.root.spki),
      deniedCertificates: request.deniedCertificates,
    });
    expect(bundle.roots).toEqual(both.roots);
    expect(bundle.handovers).toEqual(both.handovers);
    expect(new Set(bundle.deniedKeys.map((entry) => entry.keyId))).toEqual(new Set(some));
    expect(Object.isFrozen(bundle)).toBe(true);
  });

  test('is accepted by who holds the root, and keeps how sure they are of it', () => {
    const anchors = accepted(
      old.bundle({ sequence: 1, now: NOW, deniedKeys: [{ keyId: some[0]!, until: NOW }] }),
    );
    expect(anchors).toMatchObject({
      domain: 'example.org',
      source: 'web',
      sequence: 1,
      deniedKeys: [some[0]],
    });
    expect(anchors.roots).toEqual([old.root]);
    expect(anchors.expiresAt).toBe(NOW + 30 * DAY);
    expect(anchors.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('that is held already changes nothing', () => {
    const anchors = accepted(first);
    expect(accepted(first, anchors)).toBe(anchors);
  });

  test('forgets what has ended by itself, on both sides', () => {
    const deniedKeys: DeniedKeyEntry[] = [
      { keyId: some[0]!, until: NOW + DAY },
      { keyId: some[1]!, until: NOW - 1000 },
    ];
    const der = old.bundle({ sequence: 1, now: NOW, deniedKeys });
    expect(parseBundle(der).deniedKeys.map((entry) => entry.keyId)).toEqual([some[0]]);
    expect(accepted(der, held, NOW + DAY).deniedKeys).toEqual([some[0]]);
    expect(accepted(der, held, NOW + DAY + 1000).deniedKeys).toEqual([]);
  });

  test('reaches the verifier: what it withdraws is refused', () => {
    const key = node.generateKey('ed25519');
    const chain = old.issueUser({ spki: key.spki, user: 'alice', now: NOW });
    const judge = (anchors: DomainAnchors): unknown =>
      verifyPeer(chain, { kind: 'anyPeer' }, Trust.of([anchors]), 'client', NOW, node);
    expect(judge(held)).not.toBeInstanceOf(Refusal);
    const deniedKeys = [{ keyId: peerId(key.spki), until: NOW + 7 * DAY }];
    expect(judge(accepted(old.bundle({ sequence: 1, now: NOW, deniedKeys })))).toMatchObject({
      code: 'ERR_IDENTITY_DENIED',
    });
    expect(judge(accepted(old.bundle({ sequence: 1, now: NOW, closes: true })))).toMatchObject({
      code: 'ERR_IDENTITY_NO_ANCHOR',
    });
  });

  test('without roots is the last', () => {
    const closed = accepted(old.bundle({ sequence: 9, now: NOW, closes: true }));
    expect(closed.roots).toEqual([]);
    expect(accept(old.bundle({ sequence: 10, now: NOW }), closed)).toBe('BUNDLE_SIGNER');
  });
});

describe('is refused:', () => {
  const anchors = accepted(first);

  test.each<[string, () => Uint8Array, string]>([
    ['an older one', () => old.bundle({ sequence: 4, now: NOW }), 'BUNDLE_ROLLBACK'],
    [
      'another of the same number',
      () => old.bundle({ sequence: 5, now: NOW, deniedKeys: [{ keyId: some[0]!, until: NOW + DAY }] }),
      'BUNDLE_ROLLBACK',
    ],
    [
      'another of the same number that says the same',
      () => old.bundle({ sequence: 5, now: NOW + 1000 }),
      'BUNDLE_ROLLBACK',
    ],
    ['one signed by a stranger', () => stranger.bundle({ sequence: 6, now: NOW }), 'BUNDLE_SIGNER'],
    [
      'one of another domain, though the root is ours',
      () => signBundle({ ...parseBundle(first), sequence: 6, domain: 'example.com' }, old.root, old.rootKey),
      'BUNDLE_DOMAIN',
    ],
    ['nothing', () => new Uint8Array(0), 'BUNDLE'],
    ['one that is too long', () => new Uint8Array(60_001), 'BUNDLE'],
    ['one with bytes behind', () => Uint8Array.from([...first, 0]), 'BUNDLE'],
  ])('%s', (_, make, verdict) => {
    expect(accept(make(), anchors)).toBe(verdict);
  });

  test('one that has ended, by the second', () => {
    expect(accept(first, held, NOW + 30 * DAY + 999)).toMatchObject({ sequence: 5 });
    expect(accept(first, held, NOW + 30 * DAY + 1000)).toBe('BUNDLE_EXPIRED');
    expect(accept(first, held, Number.NaN)).not.toHaveProperty('sequence');
  });

  test('one signed by a withdrawn root, directly or by a handover from one', () => {
    const denies = { ...held, deniedKeys: [peerId(old.root.spki)] };
    expect(accept(first, denies)).toBe('BUNDLE_SIGNER');
    expect(accept(both.bundle({ sequence: 6, now: NOW }), denies)).toBe('BUNDLE_SIGNER');
    const deniesNew = { ...held, deniedKeys: [peerId(both.root.spki)] };
    expect(accept(both.bundle({ sequence: 6, now: NOW }), deniesNew)).toBe('BUNDLE_SIGNER');
  });

  test('another of the same number, where a store forgot the digest', () => {
    const { digest: _, ...forgetful } = anchors;
    expect(accept(first, forgetful)).toBe(forgetful);
    const other = old.bundle({ sequence: 5, now: NOW, deniedKeys: [{ keyId: some[0]!, until: NOW + DAY }] });
    expect(accept(other, forgetful)).toBe('BUNDLE_ROLLBACK');
    expect(accept(both.bundle({ sequence: 5, now: NOW }), forgetful)).toBe('BUNDLE_ROLLBACK');
  });

  test('any with one bit flipped, in every byte', () => {
    for (let at = 0; at < first.length; at++) {
      const flipped = first.slice();
      flipped[at]! ^= 1 << ((at * 5) & 7);
      if (!(acceptBundle(flipped, held, NOW, node) instanceof Refusal))
        throw new Error(`a bit of byte ${at} flipped, and accepted`);
    }
  });
});

describe('a roll', () => {
  const rolled = both.bundle({ sequence: 2, now: NOW });
  const done = after.bundle({ sequence: 3, now: NOW });

  test('is followed step by step', () => {
    const during = accepted(rolled);
    expect(during.roots).toEqual(both.roots);
    expect(accepted(done, during).roots).toEqual([both.root]);
  });

  test('is followed by who slept through it, also through several', () => {
    expect(accepted(done).roots).toEqual([both.root]);
    let authority = after;
    for (let i = 0; i < 5; i++) authority = authority.roll(NOW, i % 2 === 0 ? 'p256' : 'ed25519').retire();
    const anchors = accepted(authority.bundle({ sequence: 9, now: NOW }));
    expect(anchors.roots).toEqual([authority.root]);
    expect(anchors.source).toBe('web');
  });

  test('afterwards the old root speaks for nobody and signs nothing', () => {
    const anchors = accepted(done);
    expect(accept(old.bundle({ sequence: 99, now: NOW }), anchors)).toBe('BUNDLE_SIGNER');
    const chain = old.issueUser({ spki: node.generateKey('ed25519').spki, user: 'alice', now: NOW });
    const answer = verifyPeer(chain, { kind: 'anyPeer' }, Trust.of([anchors]), 'client', NOW, node);
    expect(answer).toMatchObject({ code: 'ERR_IDENTITY_UNKNOWN_ISSUER' });
  });

  test('without a handover is a stranger with the right name', () => {
    const { handovers: _, ...contents } = parseBundle(done);
    const alone = signBundle({ ...contents, handovers: [] }, after.root, after.rootKey);
    expect(accept(alone)).toBe('BUNDLE_SIGNER');
    const fake = stranger.roll(NOW);
    const crossed = signBundle(
      { ...contents, roots: fake.roots, handovers: [...both.handovers, ...fake.handovers] },
      fake.root,
      fake.rootKey,
    );
    expect(accept(crossed)).toBe('BUNDLE_SIGNER');
  });

  test('by a handover that has ended is none', () => {
    const end = both.handovers[0]!.notAfter;
    expect(accept(done, held, end + 1000)).toBe('BUNDLE_SIGNER');
  });
});

describe('the first bundle of a domain', () => {
  test('is believed for where it came from, if it is whole', () => {
    const anchors = firstBundle(first, 'Example.org', 'tofu', NOW, node);
    expect(anchors).toMatchObject({ domain: 'example.org', source: 'tofu', sequence: 5 });
    const flipped = first.slice();
    flipped[flipped.length - 1]! ^= 1;
    expect(firstBundle(flipped, 'example.org', 'web', NOW, node)).toMatchObject({
      code: 'ERR_IDENTITY_BUNDLE_SIGNER',
    });
    expect(firstBundle(first, 'example.com', 'web', NOW, node)).toMatchObject({
      code: 'ERR_IDENTITY_BUNDLE_DOMAIN',
    });
    expect(firstBundle(first, 'example.org', 'web', NOW + 31 * DAY, node)).toMatchObject({
      code: 'ERR_IDENTITY_BUNDLE_EXPIRED',
    });
    const closed = old.bundle({ sequence: 9, now: NOW, closes: true });
    expect(firstBundle(closed, 'example.org', 'web', NOW, node)).toMatchObject({
      code: 'ERR_IDENTITY_BUNDLE_SIGNER',
    });
  });
});

describe('signing', () => {
  test('makes nothing that is not read', () => {
    expect(() => signBundle(parseBundle(first), old.root, node.generateKey('ed25519'))).toThrow(
      /not that of/,
    );
    expect(() => old.bundle({ sequence: 0, now: NOW })).toThrow(/sequence/);
    expect(() => old.bundle({ sequence: 2 ** 31, now: NOW })).toThrow(/2\^31/);
    expect(() => old.bundle({ sequence: 1, now: NOW, lifetime: 0 })).toThrow(/at most/);
    expect(() => old.bundle({ sequence: 1, now: NOW, lifetime: 366 * DAY })).toThrow(/at most/);
    const leaf = root('x').certificate;
    const many = Array.from({ length: 5 }, () => root('example.org').certificate);
    expect(() => signBundle({ ...parseBundle(first), roots: many }, old.root, old.rootKey)).toThrow(
      /more than 4 roots/,
    );
    expect(() =>
      signBundle({ ...parseBundle(first), handovers: [leaf, leaf] }, old.root, old.rootKey),
    ).toThrow(/twice/);
  });

  test('is bounded: about a thousand withdrawn keys, then it says what to do', () => {
    const deny = (count: number): Bytes =>
      old.bundle({
        sequence: 1,
        now: NOW,
        deniedKeys: Array.from({ length: count }, (_, i) => ({
          keyId: peerId(utf8(`key ${i}`)),
          until: NOW + DAY,
        })),
      });
    expect(accepted(deny(1000)).deniedKeys).toHaveLength(1000);
    expect(() => deny(1200)).toThrow(/at most 60000/);
  });
});

describe('reading is strict', () => {
  const body = (
    parts: Partial<Record<'version' | 'domain' | 'sequence' | 'ends' | 'signer', Bytes>>,
  ): Bytes[] => [
    parts.version ?? integer(1),
    parts.domain ?? utf8String('example.org'),
    parts.sequence ?? integer(1),
    time(NOW),
    parts.ends ?? time(NOW + DAY),
    integer(60),
    parts.signer ?? octetString(new Uint8Array(32)),
  ];
  const empty = [sequence(), sequence(), sequence(), sequence()];
  const whole = (head: Bytes[], tail: Bytes[] = empty): Bytes => {
    const real = first;
    // algorithm and signature of a real bundle: what is read does not depend on whether they fit
    return sequence(sequence(...head, ...tail), ...algorithmAndSignature(real));
  };
  const entry = (fill: number): Bytes => sequence(octetString(new Uint8Array(32).fill(fill)), time(NOW));

  test.each<[string, Bytes, RegExp]>([
    ['another version', whole(body({ version: integer(2) })), /version 2/],
    ['a domain in capitals', whole(body({ domain: utf8String('Example.org') })), /lower case/],
    ['a domain that is none', whole(body({ domain: utf8String('a b') })), /domain/],
    ['number 0', whole(body({ sequence: integer(0) })), /sequence is 0/],
    ['an end before the beginning', whole(body({ ends: time(NOW) })), /ends before/],
    ['a short signer', whole(body({ signer: octetString(new Uint8Array(31)) })), /31 bytes/],
    ['a list too few', whole(body({}), empty.slice(1)), /the end/],
    ['a list too many', whole(body({}), [...empty, sequence()]), /too many/],
    [
      'keys out of order',
      whole(body({}), [sequence(), sequence(), sequence(entry(2), entry(1)), sequence()]),
      /order/,
    ],
    [
      'a key twice',
      whole(body({}), [sequence(), sequence(), sequence(entry(1), entry(1)), sequence()]),
      /order/,
    ],
    ['a root that is none', whole(body({}), [sequence(sequence()), ...empty.slice(1)]), /certificate/],
  ])('%s', (_, der, why) => {
    expect(() => parseBundle(der)).toThrow(why);
    expect(() => parseBundle(der)).toThrow(expect.objectContaining({ code: 'ERR_IDENTITY_BUNDLE' }));
  });

  test('and takes what is right', () => {
    expect(parseBundle(whole(body({}))).roots).toEqual([]);
  });
});

function algorithmAndSignature(der: Uint8Array): Bytes[] {
  const contents = 4 + ((der[6]! << 8) | der[7]!) + 4; // both lengths take two bytes here
  return [new Uint8Array(der.subarray(contents))];
}

describe('properties', () => {
  const entry = fc.record({
    keyId: fc.uint8Array({ minLength: 1, maxLength: 8 }).map(peerId),
    until: fc.integer({ min: NOW / 1000, max: NOW / 1000 + 86_400 * 90 }).map((seconds) => seconds * 1000),
  });
  const serial = fc
    .uint8Array({ minLength: 1, maxLength: 16 })
    .map((bytes) => hex(Uint8Array.of(0x40 | (bytes[0]! & 0x3f), ...bytes.slice(1))));
  const request = fc.record({
    sequence: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    deniedKeys: fc.uniqueArray(entry, { maxLength: 20, selector: ({ keyId: id }) => id }),
    deniedCertificates: fc.uniqueArray(
      fc.record({ issuer: entry.map(({ keyId: id }) => id), serial, until: fc.constant(NOW + DAY) }),
      { maxLength: 10, selector: ({ issuer, serial: number }) => issuer + number },
    ),
    authority: fc.constantFrom(old, both, after),
  });

  test('encoding what was parsed gives the same bytes, and both providers agree', () => {
    fc.assert(
      fc.property(request, ({ authority, ...rest }) => {
        const der = authority.bundle({ ...rest, now: NOW });
        const again = signBundle(parseBundle(der), authority.root, authority.rootKey);
        expect(equalBytes(again, der)).toBe(true);
        expect(acceptBundle(der, held, NOW, noble)).toEqual(acceptBundle(der, held, NOW, node));
      }),
      { numRuns: 40 },
    );
  });

  test('of any two bundles the higher number wins, whichever comes first', () => {
    fc.assert(
      fc.property(request, request, (a, b) => {
        fc.pre(a.sequence !== b.sequence);
        const [low, high] = a.sequence < b.sequence ? [a, b] : [b, a];
        const lower = both.bundle({ ...low, now: NOW });
        const higher = both.bundle({ ...high, now: NOW });
        const climbed = accepted(higher, accepted(lower));
        expect(climbed).toEqual(accepted(higher));
        expect(accept(lower, climbed)).toBe('BUNDLE_ROLLBACK');
      }),
      { numRuns: 25 },
    );
  });

  test('any bytes are refused with our error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(acceptBundle(bytes, held, NOW, node)).toMatchObject({ code: 'ERR_IDENTITY_BUNDLE' });
      }),
    );
  });

  test('a stretch of bytes replaced is refused', () => {
    const rolled = both.bundle({ sequence: 6, now: NOW });
    fc.assert(
      fc.property(fc.nat(rolled.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, bytes) => {
        const changed = rolled.slice();
        changed.set(bytes.subarray(0, changed.length - at), at);
        fc.pre(!equalBytes(changed, rolled));
        expect(acceptBundle(changed, held, NOW, node)).toBeInstanceOf(Refusal);
      }),
      { numRuns: 300 },
    );
  });
});

test('certificates of a bundle stay what they are', () => {
  const [certificate] = parseBundle(first).roots as [Certificate];
  expect(certificate.der).toEqual(old.root.der);
});
