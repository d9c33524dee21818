import { describe, expect, test } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import {
  changedPin,
  DomainAuthority,
  groupPeerId,
  heldToPin,
  judgePin,
  type Pin,
  peerId,
  pinFingerprint,
  Refusal,
  repin,
  selfSignedIdentity,
  Trust,
  UserAuthority,
  VerifiedPeer,
  verifiedPin,
  verifyPeer,
  verifyRawKey,
} from '../../src/identity/index.ts';
import { DAY, NOW } from './maker.ts';

const org = DomainAuthority.create(node, 'example.org', NOW);
const trust = Trust.of([{ domain: 'example.org', roots: [org.root] }]);

function proved(chain: readonly Uint8Array[]): VerifiedPeer {
  const proof = verifyPeer(chain, { kind: 'anyPeer' }, trust, 'client', NOW, node);
  if (proof instanceof Refusal) throw proof;
  return proof;
}

/** Alice with a key, signed by her domain or by a CA of hers. */
function alice(key: PrivateKey, ca?: UserAuthority): VerifiedPeer {
  const { spki } = key;
  return proved(
    ca === undefined
      ? org.issueUser({ spki, user: 'alice', now: NOW })
      : ca.issueDevice({ spki, device: 'x', now: NOW }),
  );
}

function authority(user = 'alice'): UserAuthority {
  const key = node.generateKey('ed25519');
  return UserAuthority.load(node, { chain: org.issueUserCa({ spki: key.spki, user, now: NOW }), key });
}

const [laptop, phone, thief] = [1, 2, 3].map(() => node.generateKey('ed25519')) as [
  PrivateKey,
  PrivateKey,
  PrivateKey,
];
const ca = authority();
const later = NOW + DAY;

function met(...peers: VerifiedPeer[]): Pin {
  let pin: Pin | undefined;
  for (const peer of peers) pin = judgePin(pin, peer, NOW).pin;
  return pin!;
}

describe('an address', () => {
  test('met for the first time is remembered', () => {
    expect(judgePin(undefined, alice(laptop, ca), NOW)).toEqual({
      verdict: 'first',
      pin: {
        address: 'alice@example.org',
        keys: [peerId(laptop.spki)],
        userCa: ca.keyId,
        firstSeen: NOW,
        lastSeen: NOW,
        verified: false,
      },
    });
  });

  test('of a key peer is its key', () => {
    const me = selfSignedIdentity(laptop, NOW);
    const pin = met(proved(me.chain));
    expect(pin.address).toBe(`key:${me.keyId}`);
    expect(judgePin(pin, proved(me.chain), later).verdict).toBe('same');
  });

  test('is the one it was, with its key or under its CA', () => {
    const pin = met(alice(laptop, ca));
    const again = judgePin(pin, alice(phone, ca), later);
    expect(again.verdict).toBe('same');
    expect(again.pin).toMatchObject({ firstSeen: NOW, lastSeen: later, userCa: ca.keyId });
    expect(again.pin.keys).toEqual([peerId(laptop.spki), peerId(phone.spki)]);
    expect(judgePin(met(alice(laptop)), alice(laptop), later).verdict).toBe('same');
  });

  test.each<[string, Pin, () => VerifiedPeer, string]>([
    ['no CA, another key', met(alice(laptop)), () => alice(thief), 'changed'],
    ['no CA, another key under a CA', met(alice(laptop)), () => alice(thief, authority()), 'changed'],
    ['no CA, the known key under a first CA', met(alice(laptop)), () => alice(laptop, ca), 'rotated'],
    ['a CA, another key without', met(alice(laptop, ca)), () => alice(thief), 'changed'],
    ['a CA, another key under another', met(alice(laptop, ca)), () => alice(thief, authority()), 'changed'],
    ['a CA, the known key without', met(alice(laptop, ca)), () => alice(laptop), 'same'],
    ['a CA, the known key under another', met(alice(laptop, ca)), () => alice(laptop, authority()), 'same'],
    [
      'a CA, another key under one it answers for',
      met(alice(laptop, ca)),
      () => alice(phone, authority().succeeding(ca, NOW)),
      'rotated',
    ],
    [
      'a CA, another key under one that a third CA answers for',
      met(alice(laptop, ca)),
      () => alice(thief, authority().succeeding(authority(), NOW)),
      'changed',
    ],
  ])('%s', (_, pin, peer, verdict) => {
    expect(judgePin(pin, peer(), later).verdict).toBe(verdict);
  });

  test('is never moved to another CA by one of its devices', () => {
    const pin = met(alice(laptop, ca));
    const other = authority();
    const after = judgePin(pin, alice(laptop, other), later).pin;
    expect(after.userCa).toBe(ca.keyId);
    expect(judgePin(after, alice(thief, other), later).verdict).toBe('changed');
  });

  test('that rotated is known by its new CA', () => {
    const next = authority().succeeding(ca, NOW);
    const { pin } = judgePin(met(alice(laptop, ca)), alice(phone, next), later);
    expect(pin.userCa).toBe(next.keyId);
    expect(judgePin(pin, alice(thief, next), later).verdict).toBe('same');
    const first = judgePin(met(alice(laptop)), alice(laptop, ca), later).pin;
    expect(judgePin(first, alice(phone, ca), later).verdict).toBe('same');
  });

  test('that changed keeps the old pin until a person pins anew', () => {
    const pin = met(alice(laptop));
    const answer = judgePin(pin, alice(thief), later);
    expect(answer.pin).toBe(pin);
    const anew = repin(alice(thief), later);
    expect(anew).toMatchObject({ keys: [peerId(thief.spki)], firstSeen: later, verified: false });
    expect(judgePin(anew, alice(thief), later).verdict).toBe('same');
    expect(judgePin(anew, alice(laptop), later).verdict).toBe('changed');
  });

  test('remembers so many keys, the newest', () => {
    const keys = Array.from({ length: 40 }, () => node.generateKey('ed25519'));
    const pin = met(...keys.map((key) => alice(key, ca)));
    expect(pin.keys).toHaveLength(32);
    expect(pin.keys.at(-1)).toBe(peerId(keys.at(-1)!.spki));
  });

  test('of somebody else is a mix-up, not a change', () => {
    const bob = proved(org.issueUser({ spki: laptop.spki, user: 'bob', now: NOW }));
    expect(() => judgePin(met(alice(laptop)), bob, later)).toThrow(/held against bob@example.org/);
  });
});

describe('the answer of a former CA', () => {
  test('is part of the proof, while that CA stands', () => {
    const next = authority().succeeding(ca, NOW);
    const peer = alice(phone, next);
    expect(peer.identity).toMatchObject({ userCa: next.keyId, userCaBefore: ca.keyId });
    const chain = next.issueDevice({ spki: phone.spki, device: 'phone', now: NOW });
    const denied = Trust.of([{ domain: 'example.org', roots: [org.root], deniedKeys: [ca.keyId] }]);
    const proof = verifyPeer(chain, { kind: 'anyPeer' }, denied, 'client', NOW, node) as VerifiedPeer;
    expect(proof.identity.userCa).toBe(next.keyId);
    expect(proof.identity.userCaBefore).toBeUndefined();
  });

  test('is only about the same person', () => {
    expect(() => authority().succeeding(authority('bob'), NOW)).toThrow(/cannot answer for/);
    // Bob's CA signs a leaf for the key of a new CA of alice's, by hand.
    const bob = authority('bob');
    const next = authority();
    const [word] = bob.issueDevice({ spki: next.certificate.spki, device: 'user-ca', now: NOW });
    const chain = [
      ...next.issueDevice({ spki: phone.spki, device: 'phone', now: NOW }),
      word!,
      bob.certificate.der,
    ];
    expect(proved(chain).identity.userCaBefore).toBeUndefined();
  });

  test('leads over several changes, one at a time', () => {
    const second = authority().succeeding(ca, NOW);
    const third = authority().succeeding(second, NOW);
    const pin = judgePin(met(alice(laptop, ca)), alice(phone, second), NOW).pin;
    expect(judgePin(pin, alice(thief, third), NOW).verdict).toBe('rotated');
    expect(judgePin(met(alice(laptop, ca)), alice(thief, third), NOW).verdict).toBe('changed');
  });
});

describe('what the application gets', () => {
  test('a peer that people compared is verified', () => {
    const pin = met(alice(laptop, ca));
    const peer = alice(phone, ca);
    expect(heldToPin(judgePin(pin, peer, later), peer)).toBe(peer);
    const compared = verifiedPin(pin);
    const sure = heldToPin(judgePin(compared, peer, later), peer) as VerifiedPeer;
    expect(VerifiedPeer.isProof(sure)).toBe(true);
    expect(sure.identity).toEqual({ ...peer.identity, assurance: 'verified' });
    expect(sure.chain).toEqual(peer.chain);
    expect(pinFingerprint(compared)).toBe(ca.keyId);
    expect(pinFingerprint(met(alice(laptop)))).toBe(peerId(laptop.spki));
  });

  test('a raw key stays what it is', () => {
    const id = peerId(laptop.spki);
    const raw = verifyRawKey(laptop.spki, { kind: 'key', id }) as VerifiedPeer;
    const pin = verifiedPin(met(raw));
    expect(heldToPin(judgePin(pin, raw, later), raw)).toBe(raw);
  });

  test('a change is a refusal that shows both fingerprints', () => {
    const peer = alice(thief);
    const refusal = heldToPin(judgePin(met(alice(laptop, ca)), peer, later), peer) as Refusal;
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: 'ERR_IDENTITY_PIN_CHANGED', alert: 'unknown_ca', certIndex: 0 });
    expect(refusal.message).toContain(`the user CA ${groupPeerId(ca.keyId)}`);
    expect(refusal.message).toContain(`the key ${groupPeerId(peerId(thief.spki))}`);
    expect(refusal.hint).toMatch(/another way/);
    const two = judgePin(judgePin(undefined, alice(laptop, ca), NOW).pin, alice(phone, ca), NOW).pin;
    const { userCa: _, ...keysOnly } = two;
    expect(changedPin(keysOnly, peer).message).toContain('and 1 more');
  });
});
