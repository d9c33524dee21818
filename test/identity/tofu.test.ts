import { describe, expect, test } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import {
  believeShown,
  type DomainAnchors,
  DomainAuthority,
  groupPeerId,
  peerId,
  pinDomain,
  Refusal,
  Trust,
  trustOnFirstUse,
  type VerifiedPeer,
  verifyPeer,
} from '../../src/identity/index.ts';
import { DAY, NOW } from './maker.ts';

const org = DomainAuthority.create(node, 'example.org', NOW);
const impostor = DomainAuthority.create(node, 'example.org', NOW);
const shown = org.bundle({ sequence: 1, now: NOW });
const other = impostor.bundle({ sequence: 2, now: NOW });

function first(bundle: Uint8Array, held?: DomainAnchors): DomainAnchors {
  const answer = trustOnFirstUse('example.org', bundle, held, NOW, node);
  if (answer instanceof Refusal) throw answer;
  return answer;
}

function refusal(answer: DomainAnchors | Refusal): Refusal {
  if (!(answer instanceof Refusal)) throw new Error('was believed');
  return answer;
}

const PINNED: DomainAnchors = { domain: 'example.org', roots: [org.root] };

describe('trust at first use', () => {
  test('keeps what it saw as that, and every proof says so', () => {
    const anchors = first(shown);
    expect(anchors).toMatchObject({ domain: 'example.org', source: 'tofu', sequence: 1 });
    const trust = Trust.of([anchors]);
    const { spki } = node.generateKey('ed25519');
    const user = org.issueUser({ spki, user: 'alice', now: NOW });
    const server = org.issueServer({ spki, now: NOW });
    for (const [chain, expected] of [
      [user, { kind: 'name', name: 'alice@example.org' }],
      [server, { kind: 'domain', domain: 'example.org' }],
    ] as const) {
      const proof = verifyPeer(chain, expected, trust, 'server', NOW, node) as VerifiedPeer;
      expect(proof.identity.assurance).toBe('tofu');
    }
  });

  test('a signed roll passes and leaves it what it is', () => {
    const rolled = org.roll(NOW);
    const during = first(rolled.bundle({ sequence: 2, now: NOW }), first(shown));
    expect(during).toMatchObject({ source: 'tofu', sequence: 2 });
    const after = first(rolled.retire().bundle({ sequence: 3, now: NOW }), first(shown));
    expect(after.roots).toEqual([rolled.root]);
    expect(after.source).toBe('tofu');
  });

  test('another root is refused with both fingerprints', () => {
    const answer = refusal(trustOnFirstUse('example.org', other, first(shown), NOW, node));
    expect(answer.code).toBe('ERR_IDENTITY_PIN_CHANGED');
    expect(answer.message).toContain(groupPeerId(peerId(org.root.spki)));
    expect(answer.message).toContain(groupPeerId(peerId(impostor.root.spki)));
    expect(answer.hint).toMatch(/another way/);
  });

  test('what is wrong in another way is told as that', () => {
    const held = first(org.bundle({ sequence: 5, now: NOW }));
    expect(refusal(trustOnFirstUse('example.org', shown, held, NOW, node)).code).toBe(
      'ERR_IDENTITY_BUNDLE_ROLLBACK',
    );
    const flipped = org.bundle({ sequence: 6, now: NOW }).slice();
    flipped[flipped.length - 1]! ^= 1;
    expect(refusal(trustOnFirstUse('example.org', flipped, held, NOW, node)).code).toBe(
      'ERR_IDENTITY_BUNDLE_SIGNER',
    );
    expect(refusal(trustOnFirstUse('example.org', shown, undefined, NOW + 60 * DAY, node)).code).toBe(
      'ERR_IDENTITY_BUNDLE_EXPIRED',
    );
    expect(refusal(trustOnFirstUse('example.com', shown, undefined, NOW, node)).code).toBe(
      'ERR_IDENTITY_BUNDLE_DOMAIN',
    );
  });

  test.each(['pinned', 'web'] as const)('never weakens what is held as %s', (source) => {
    const held = { ...PINNED, source };
    expect(first(shown, held).source).toBe(source);
    expect(refusal(trustOnFirstUse('example.org', other, held, NOW, node)).code).toBe(
      'ERR_IDENTITY_PIN_CHANGED',
    );
    const closed = { ...held, roots: [] };
    expect(refusal(trustOnFirstUse('example.org', other, closed, NOW, node)).message).toContain(
      'no root at all',
    );
  });

  test('from the web is the same with another name', () => {
    const answer = believeShown(
      { domain: 'example.org', bundle: shown, source: 'web' },
      undefined,
      NOW,
      node,
    );
    expect(answer).toMatchObject({ source: 'web' });
  });
});

describe('a person who compared the fingerprint', () => {
  test('pins the domain, whatever was held', () => {
    const anchors = pinDomain('example.org', other, groupPeerId(peerId(impostor.root.spki)), NOW, node);
    expect(anchors).toMatchObject({ source: 'pinned', sequence: 2 });
    expect(anchors).not.toBeInstanceOf(Refusal);
  });

  test('is told when it is another', () => {
    const answer = refusal(pinDomain('example.org', other, peerId(org.root.spki), NOW, node));
    expect(answer.code).toBe('ERR_IDENTITY_PIN');
    expect(answer.message).toContain(groupPeerId(peerId(impostor.root.spki)));
    expect(() => pinDomain('example.org', other, 'abc', NOW, node)).toThrow(/key id/);
    expect(refusal(pinDomain('example.com', other, peerId(org.root.spki), NOW, node)).code).toBe(
      'ERR_IDENTITY_BUNDLE_DOMAIN',
    );
  });
});
