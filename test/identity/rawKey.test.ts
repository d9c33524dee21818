/** Keys without certificates: believed for being the very key that was wanted, never for a name (lessons 27, 29). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import { type Expected, peerId, Refusal, VerifiedPeer, verifyRawKey } from '../../src/identity/index.ts';

const key = node.generateKey('ed25519');
const other = node.generateKey('p256');
const id = peerId(key.spki);

describe('a raw key', () => {
  test('is accepted by its key id', () => {
    const proof = verifyRawKey(key.spki, { kind: 'key', id }) as VerifiedPeer;
    expect(VerifiedPeer.isProof(proof)).toBe(true);
    expect(proof.identity).toEqual({ keyId: id, assurance: 'key', expiresAt: 8.64e15 });
    expect(proof.leaf).toBeUndefined();
    expect(proof.chain).toEqual([]);
    expect(proof.spki).toEqual(key.spki);
    expect(new Date(proof.identity.expiresAt).toISOString()).toBe('+275760-09-13T00:00:00.000Z');
  });

  test('is accepted as one of several pinned keys', () => {
    const ids = [peerId(other.spki), id.toUpperCase()];
    expect(verifyRawKey(key.spki, { kind: 'keys', ids })).toBeInstanceOf(VerifiedPeer);
  });

  test('of somebody else is refused, whichever way it was wanted', () => {
    const wanted = { kind: 'key', id: peerId(other.spki) } as const;
    expect(verifyRawKey(key.spki, wanted)).toMatchObject({ code: 'ERR_IDENTITY_KEY_MISMATCH' });
    for (const ids of [[], [wanted.id], [wanted.id, wanted.id]])
      expect(verifyRawKey(key.spki, { kind: 'keys', ids })).toMatchObject({
        code: 'ERR_IDENTITY_KEY_MISMATCH',
      });
  });

  const names: Expected[] = [
    { kind: 'name', name: 'alice@example.org' },
    { kind: 'domain', domain: 'example.org' },
    { kind: 'anyPeer' },
  ];
  for (const expected of names)
    test(`proves nothing to somebody who wants a ${expected.kind}`, () => {
      expect(verifyRawKey(key.spki, expected)).toMatchObject({ code: 'ERR_IDENTITY_NAME', fault: 'remote' });
    });

  test('proves nothing to somebody who says not at all what is wanted', () => {
    expect(verifyRawKey(key.spki, {} as Expected)).toBeInstanceOf(Refusal);
  });

  test('that is not a key is refused before it is compared', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (spki) => {
        const expected = { kind: 'key', id: peerId(spki) } as const;
        expect(verifyRawKey(spki, expected)).toMatchObject({
          code: 'ERR_IDENTITY_ALGORITHM',
          alert: 'unsupported_certificate',
        });
      }),
    );
  });

  test('is copied: what the caller does to its bytes later changes no proof', () => {
    const spki = key.spki.slice();
    const proof = verifyRawKey(spki, { kind: 'key', id }) as VerifiedPeer;
    spki.fill(0);
    expect(proof.spki).toEqual(key.spki);
  });

  test('wanted by a malformed id is our own mistake, and throws', () => {
    expect(() => verifyRawKey(key.spki, { kind: 'key', id: 'abc' })).toThrow(/key id/);
  });
});
