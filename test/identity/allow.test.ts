import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import {
  groupPeerId,
  IdentityError,
  type PeerIdentity,
  parseAllowList,
  peerId,
} from '../../src/identity/index.ts';

const keyId = peerId(provider.generateKey('ed25519').spki);
const other = peerId(provider.generateKey('ed25519').spki);
const peer = (fields: Partial<PeerIdentity>): PeerIdentity => ({
  ...{ keyId: other, assurance: 'domain', expiresAt: 0 },
  ...fields,
});
const alice = peer({ name: 'alice@example.org', domain: 'example.org' });
const bob = peer({ name: 'bob@example.net', domain: 'example.net' });

/** `unit: 'binary'` says the same, and takes seconds to begin. */
const ANY_CHARACTER = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

describe('an allow list', () => {
  const list = parseAllowList(`
    # friends
    Alice@Example.org   # any device
    *@example.net
\tkey:${groupPeerId(keyId).toUpperCase()}
  `);

  test.each<[string, PeerIdentity, boolean]>([
    ['a name', alice, true],
    ['a name that is longer', peer({ name: 'malice@example.org', domain: 'example.org' }), false],
    ['a name of another domain', peer({ name: 'alice@example.com', domain: 'example.com' }), false],
    ['a member of a domain', bob, true],
    ['a member of a domain below', peer({ name: 'bob@x.example.net', domain: 'x.example.net' }), false],
    ['the server of a domain', peer({ domain: 'example.net' }), false],
    ['a key', peer({ keyId, assurance: 'key' }), true],
    ['a key under another name', peer({ ...bob, name: 'eve@evil.org', domain: 'evil.org', keyId }), true],
    ['a stranger', peer({ assurance: 'key' }), false],
  ])('%s', (_, identity, allowed) => {
    expect(list.allows(identity)).toBe(allowed);
  });

  test('takes keys with and without their prefix, and counts', () => {
    expect(list.size).toBe(3);
    expect(parseAllowList(keyId).allows(peer({ keyId }))).toBe(true);
    expect(parseAllowList(groupPeerId(keyId)).allows(peer({ keyId }))).toBe(true);
    expect(Object.isFrozen(list)).toBe(true);
  });

  test.each(['', '\n\n', '# alice@example.org', '   '])('%j lets nobody in', (text) => {
    const nobody = parseAllowList(text);
    expect(nobody.size).toBe(0);
    expect([alice, bob, peer({ keyId })].some((identity) => nobody.allows(identity))).toBe(false);
  });

  test.each<[string, RegExp]>([
    ['alice@example.org bob@example.org', /line 1: .*more than one word/],
    ['alice@example.org\r\n\r\nalice', /line 3: .*no "@"/],
    ['\nal ice@example.org', /line 2/],
    ['*', /line 1/],
    ['*@', /line 1/],
    ['*@*.example.org', /line 1/],
    ['alice@*', /line 1/],
    ['a*@example.org', /line 1/],
    [`key:${keyId.slice(1)}`, /line 1: key id has 55/],
    [`key:${keyId.replace(/^./, (c) => (c === 'a' ? 'b' : 'a'))}`, /line 1: .*checksum/],
    ['аlice@example.org', /line 1/], // a Cyrillic а
    ['alice@example.org;bob@example.org', /line 1/],
    ['!alice@example.org', /line 1/],
  ])('%j is an error that names its line', (text, why) => {
    expect(() => parseAllowList(text)).toThrow(why);
    expect(() => parseAllowList(text)).toThrow(expect.objectContaining({ code: 'ERR_IDENTITY_ALLOW_LIST' }));
  });

  test('is bounded', () => {
    expect(() => parseAllowList('#'.repeat(1_048_577))).toThrow(/at most/);
    const many = Array.from({ length: 10_000 }, (_, i) => `user${i}@example.org`).join('\n');
    expect(parseAllowList(many).size).toBe(10_000);
  });

  test('of any text is a list or our error, and never lets in whom it does not name', () => {
    fc.assert(
      fc.property(fc.string({ unit: ANY_CHARACTER, maxLength: 80 }), (text) => {
        fc.pre(
          !text.toLowerCase().includes('alice@example.org') && !text.toLowerCase().includes('*@example.org'),
        );
        try {
          expect(parseAllowList(text).allows(alice)).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(IdentityError);
        }
      }),
    );
  });
});
