import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { groupPeerId, IdentityError, parsePeerId, peerId } from '../../src/identity/index.ts';

/**
 * Facts that must never change: ids are printed, pasted and stored. Worked out apart, with Python's hashlib
 * and base64. The first key is that of RFC 8410 §10.1, the second the base point of P-256.
 */
const VECTORS: readonly (readonly [string, string])[] = [
  [
    '302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1',
    'uhurkycu4bh2zcm25hzhkezm3qd2lw6e5iwcvu5b77dobustnapsowyb',
  ],
  [
    '3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
    'ltjff6ym5cjsinx27dgncbajqg4j5zfnnop6tyvcw7trvlfsptjucbib',
  ],
];

describe('key ids', () => {
  test.each(VECTORS)('of %s', (spki, id) => {
    expect(peerId(fromHex(spki))).toBe(id);
    expect(parsePeerId(id)).toBe(id);
  });

  test('have 56 characters and end in the version', () => {
    for (let i = 0; i < 20; i++) {
      const id = peerId(provider.generateKey('ed25519').spki);
      expect(id).toMatch(/^[a-z2-7]{55}b$/);
    }
  });

  test('are read in groups, in capitals and with blanks', () => {
    const id = peerId(fromHex(VECTORS[0]![0]));
    const groups = groupPeerId(id);
    expect(groups.split('-').map((group) => group.length)).toEqual([7, 7, 7, 7, 7, 7, 7, 7]);
    expect(parsePeerId(groups)).toBe(id);
    expect(parsePeerId(groups.toUpperCase().replaceAll('-', ' \n'))).toBe(id);
  });

  test('notice every single wrong character and every swap of neighbours', () => {
    const id = peerId(fromHex(VECTORS[0]![0]));
    const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
    let tried = 0;
    for (let i = 0; i < id.length; i++) {
      for (const char of alphabet) {
        if (char === id[i]) continue;
        tried++;
        expect(() => parsePeerId(id.slice(0, i) + char + id.slice(i + 1))).toThrow(IdentityError);
      }
      if (id[i] !== id[i + 1] && i + 1 < id.length) {
        expect(() => parsePeerId(id.slice(0, i) + id[i + 1] + id[i] + id.slice(i + 2))).toThrow(
          IdentityError,
        );
      }
    }
    expect(tried).toBe(56 * 31);
  });

  test.each([
    '',
    'a',
    'a'.repeat(55),
    'a'.repeat(56),
    'a'.repeat(57),
    `${'a'.repeat(55)}1`,
    'é'.repeat(56),
    'a'.repeat(10_000),
  ])('refuse %#', (text) => {
    expect(() => parsePeerId(text)).toThrow(IdentityError);
  });

  test('end any text in an id or in our error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => parsePeerId(text)).toThrow(IdentityError);
      }),
    );
  });
});
