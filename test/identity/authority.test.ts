import { describe, expect, test } from 'vitest';
import type { Bytes } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import {
  type Certificate,
  DomainAuthority,
  type Expected,
  peerId,
  Refusal,
  Trust,
  UserAuthority,
  verifyPeer,
  verifyPinnedDomain,
} from '../../src/identity/index.ts';
import { DAY, NOW } from './maker.ts';

const old = DomainAuthority.create(node, 'example.org', NOW);
const both = old.roll(NOW + DAY);
const after = both.retire();
const [newRoot, oldRoot] = both.roots as [Certificate, Certificate];
const LATER = NOW + 2 * DAY;

const ALICE: Expected = { kind: 'name', name: 'alice@example.org' };
const SERVER: Expected = { kind: 'domain', domain: 'example.org' };
const aliceKey = node.generateKey('ed25519');
const user = (authority: DomainAuthority): readonly Bytes[] =>
  authority.issueUser({ spki: aliceKey.spki, user: 'alice', now: LATER });

const holding = (...roots: Certificate[]): Trust => Trust.of([{ domain: 'example.org', roots }]);

function judge(chain: readonly Uint8Array[], trust: Trust, expected: Expected = ALICE): string {
  const answer = verifyPeer(chain, expected, trust, 'server', LATER, node);
  return answer instanceof Refusal ? answer.code.replace('ERR_IDENTITY_', '') : answer.identity.assurance;
}

describe('a domain that changes its root', () => {
  test('has two roots of one name, the newest first, and a handover', () => {
    expect(oldRoot).toBe(old.root);
    expect(newRoot.subject).toEqual(oldRoot.subject);
    expect(newRoot.spki).not.toEqual(oldRoot.spki);
    expect(both.rootKeys.map(({ spki }) => peerId(spki))).toEqual(both.roots.map(({ spki }) => peerId(spki)));
    const [handover] = both.handovers as [Certificate];
    expect(both.handovers).toHaveLength(1);
    expect(handover.spki).toEqual(newRoot.spki);
    expect(handover.aki?.keyId).toEqual(oldRoot.ski);
    expect(handover.notAfter).toBe(oldRoot.notAfter);
    expect(after.roots).toEqual([newRoot]);
    expect(after.handovers).toEqual(both.handovers);
    expect(old.roots).toEqual([oldRoot]);
  });

  test.each<[string, readonly Uint8Array[], Trust, string]>([
    ['old leaf, old root', user(old), holding(oldRoot), 'domain'],
    ['new leaf, old root', user(both), holding(oldRoot), 'domain'],
    ['new leaf, new root', user(both), holding(newRoot), 'domain'],
    ['new leaf, both roots', user(both), holding(oldRoot, newRoot), 'domain'],
    ['old leaf, both roots', user(old), holding(newRoot, oldRoot), 'domain'],
    ['old leaf, new root: retired', user(old), holding(newRoot), 'UNKNOWN_ISSUER'],
    ['leaf after retirement, new root', user(after), holding(newRoot), 'domain'],
    ['leaf after retirement, old root: it slept', user(after), holding(oldRoot), 'UNKNOWN_ISSUER'],
  ])('%s', (_, chain, trust, verdict) => {
    expect(judge(chain, trust)).toBe(verdict);
  });

  test('the handover goes along only while roots overlap', () => {
    expect([old, both, after].map((authority) => user(authority).length)).toEqual([1, 2, 1]);
    const server = both.issueServer({ spki: aliceKey.spki, now: LATER });
    expect(judge(server, holding(oldRoot), SERVER)).toBe('domain');
    expect(judge(server, holding(newRoot), SERVER)).toBe('domain');
  });

  test('user CAs of the new root stand under the old one too', () => {
    const key = node.generateKey('ed25519');
    const chain = both.issueUserCa({ spki: key.spki, user: 'alice', now: LATER });
    expect(chain).toHaveLength(2);
    const devices = UserAuthority.load(node, { chain, key });
    const phone = devices.issueDevice({ spki: aliceKey.spki, device: 'phone', now: LATER });
    expect(phone).toHaveLength(3);
    for (const trust of [holding(oldRoot), holding(newRoot), holding(oldRoot, newRoot)])
      expect(judge(phone, trust)).toBe('domain');
  });

  test('a withdrawn new root is no way round, nor is a withdrawn old one', () => {
    const denied = (id: string): Trust =>
      Trust.of([{ domain: 'example.org', roots: [oldRoot], deniedKeys: [id] }]);
    expect(judge(user(both), denied(peerId(newRoot.spki)))).toBe('DENIED');
    expect(judge(user(both), denied(peerId(oldRoot.spki)))).toBe('DENIED');
  });

  test('an invite from before the roll still enrols, where the server shows both roots', () => {
    const server = both.issueServer({ spki: aliceKey.spki, now: LATER });
    const shown = [...server, ...both.roots.map(({ der }) => der)];
    for (const pin of [old.rootPin, both.rootPin]) {
      const proof = verifyPinnedDomain(shown, 'example.org', pin, LATER, node);
      expect(proof).not.toBeInstanceOf(Refusal);
    }
  });

  test('one roll at a time, and not from a root that has ended', () => {
    expect(() => both.roll(LATER)).toThrow(/two roots already/);
    const next = after.roll(LATER);
    expect(next.handovers).toHaveLength(2);
    expect(user(next)).toHaveLength(2);
    expect(() => old.roll(NOW + 11 * 365 * DAY)).toThrow(/has ended/);
  });

  test('to P-256 and back', () => {
    const p256 = old.roll(NOW + DAY, 'p256');
    expect(judge(user(p256), holding(oldRoot))).toBe('domain');
    expect(p256.root.keyKind).toBe('p256');
  });
});

describe('loading', () => {
  const stored = both.roots.map(({ der }, i) => ({ certificate: der, key: both.rootKeys[i]! }));
  const handovers = both.handovers.map(({ der }) => der);

  test('gives back what was stored', () => {
    const loaded = DomainAuthority.load(node, { roots: stored, handovers });
    expect(loaded.roots).toEqual(both.roots);
    expect(loaded.handovers).toEqual(both.handovers);
    expect(judge(user(loaded), holding(oldRoot))).toBe('domain');
    const alone = DomainAuthority.load(node, { rootCertificate: old.root.der, rootKey: old.rootKey });
    expect(alone.roots).toEqual([oldRoot]);
    expect(DomainAuthority.load(node, { roots: stored.slice(0, 1) }).root).toEqual(newRoot);
  });

  test('refuses what does not belong together', () => {
    const stranger = DomainAuthority.create(node, 'example.com', NOW);
    const foreign = { certificate: stranger.root.der, key: stranger.rootKey };
    expect(() => DomainAuthority.load(node, { roots: [] })).toThrow(/no root/);
    expect(() => DomainAuthority.load(node, { roots: [stored[0]!, foreign] })).toThrow(/different domains/);
    expect(() => DomainAuthority.load(node, { roots: stored })).toThrow(/has not certified the newest/);
    expect(() => DomainAuthority.load(node, { roots: [...stored].reverse(), handovers })).toThrow(
      /has not certified the newest/,
    );
    expect(() => DomainAuthority.load(node, { roots: [foreign], handovers })).toThrow(/of another domain/);
    const swapped = [{ certificate: newRoot.der, key: old.rootKey }];
    expect(() => DomainAuthority.load(node, { roots: swapped })).toThrow(/do not belong together/);
    expect(() => DomainAuthority.load(node, { rootCertificate: user(old)[0]!, rootKey: aliceKey })).toThrow(
      /not the root of a q2q domain/,
    );
  });
});
