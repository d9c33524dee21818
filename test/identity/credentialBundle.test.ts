/** A key with its certificates in one file or two: what is right, and each way of being wrong by name (P10). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import {
  checkCredential,
  createCsr,
  formatPem,
  IdentityError,
  parsePem,
  readCredentialBundle,
  selfSignedIdentity,
  writeEncryptedPrivateKey,
  writePrivateKey,
} from '../../src/identity/index.ts';
import { intermediate, type Made, NOW, root, server } from './maker.ts';

const ROOT = root('root');
const SUB = intermediate('sub', ROOT);
const LEAF = server(SUB, 'www.example.org');
const OTHER = server(SUB, 'other.example.org');

const pem = (made: Made): string => formatPem('CERTIFICATE', made.der);
const KEY = writePrivateKey(LEAF.key);
const GOOD = KEY + pem(LEAF) + pem(SUB) + pem(ROOT);

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return error.code.replace('ERR_IDENTITY_', '');
  }
  return 'accepted';
}

describe('what is right', () => {
  test('one text, the key anywhere, the root there or not', () => {
    for (const text of [GOOD, KEY + pem(LEAF) + pem(SUB), pem(LEAF) + KEY + pem(SUB), KEY + pem(LEAF)]) {
      const { key, chain } = readCredentialBundle(provider, text);
      expect(key.spki).toEqual(LEAF.key.spki);
      expect(chain[0]!.der).toEqual(LEAF.der);
      expect(chain.length).toBe(text.split('BEGIN CERTIFICATE').length - 1);
    }
  });

  test('two texts', () => {
    const { chain } = readCredentialBundle(provider, { certificates: pem(LEAF) + pem(SUB), key: KEY });
    expect(chain.length).toBe(2);
  });

  test('an encrypted key with its passphrase', () => {
    const text = writeEncryptedPrivateKey(LEAF.key, 'four words', provider) + pem(LEAF);
    expect(readCredentialBundle(provider, text, 'four words').key.spki).toEqual(LEAF.key.spki);
    expect(codeOf(() => readCredentialBundle(provider, text))).toBe('PASSPHRASE_NEEDED');
    expect(codeOf(() => readCredentialBundle(provider, text, 'three'))).toBe('PASSPHRASE_WRONG');
  });

  test('a certificate that signed itself', () => {
    const key = provider.generateKey('ed25519');
    const text = writePrivateKey(key) + formatPem('CERTIFICATE', selfSignedIdentity(key, NOW).chain[0]!);
    expect(readCredentialBundle(provider, text).chain.length).toBe(1);
  });
});

describe('what is wrong', () => {
  const renewed = server(SUB, 'www.example.org', { key: LEAF.key });
  const namesake = intermediate('sub', ROOT);
  const otherKey = writePrivateKey(OTHER.key);
  const csr = formatPem('CERTIFICATE REQUEST', createCsr(LEAF.key));
  const crl = formatPem('X509 CRL', ROOT.der);

  test.each<[string, Parameters<typeof readCredentialBundle>[1], string, RegExp]>([
    ['no key', pem(LEAF), 'CREDENTIAL_NO_KEY', /add the "PRIVATE KEY"/],
    [
      'no key in the file of the key',
      { certificates: pem(LEAF), key: pem(LEAF) },
      'PEM_LABEL',
      /another file/,
    ],
    ['two keys', KEY + otherKey + pem(LEAF), 'CREDENTIAL_KEYS', /keep the one/],
    ['the same key twice', KEY + KEY + pem(LEAF), 'CREDENTIAL_KEYS', /keep the one/],
    ['no certificate', KEY, 'CREDENTIAL_NO_CERTIFICATE', /add the certificate/],
    ['the key of another certificate', otherKey + pem(LEAF), 'MISMATCH', /find the key/],
    ['the issuer first', KEY + pem(SUB) + pem(LEAF), 'CREDENTIAL_ORDER', /certificate 2: put it first/],
    [
      'the root before the CA',
      KEY + pem(LEAF) + pem(ROOT) + pem(SUB),
      'CREDENTIAL_ORDER',
      /certificate 3 is/,
    ],
    ['a link left out', KEY + pem(LEAF) + pem(ROOT), 'CREDENTIAL_LINK', /"CN=sub": add it/],
    ['a stray certificate behind', GOOD + pem(OTHER), 'CREDENTIAL_LINK', /remove what does not belong/],
    ['a stray certificate between', KEY + pem(LEAF) + pem(OTHER), 'CREDENTIAL_LINK', /add it/],
    ['an issuer of the same name', KEY + pem(LEAF) + pem(namesake), 'CREDENTIAL_LINK', /older or a newer/],
    ['a certificate twice', KEY + pem(LEAF) + pem(SUB) + pem(SUB), 'CREDENTIAL_DUPLICATE', /remove one/],
    ['the leaf twice', KEY + pem(LEAF) + pem(LEAF), 'CREDENTIAL_DUPLICATE', /remove one/],
    ['the leaf and its renewal', KEY + pem(LEAF) + pem(renewed), 'CREDENTIAL_LEAVES', /valid longer/],
    ['a request beside them', GOOD + csr, 'CREDENTIAL_STRAY', /remove that block/],
    ['a revocation list beside them', GOOD + crl, 'CREDENTIAL_STRAY', /remove that block/],
    [
      'an old key',
      GOOD.replaceAll('PRIVATE KEY', 'EC PRIVATE KEY'),
      'CREDENTIAL_STRAY',
      /openssl pkcs8 -topk8/,
    ],
    [
      "OpenSSL's own form",
      GOOD.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE'),
      'CREDENTIAL_STRAY',
      /openssl x509/,
    ],
    [
      'a key among the certificates',
      { certificates: KEY + pem(LEAF), key: KEY },
      'CREDENTIAL_STRAY',
      /swapped/,
    ],
    ['both swapped', { certificates: KEY, key: pem(LEAF) }, 'PEM_LABEL', /another file/],
    ['text between the blocks', `${KEY}Bag Attributes\n${pem(LEAF)}`, 'PEM_AROUND', /BEGIN/],
    ['a file cut short', GOOD.slice(0, -40), 'PEM_TRUNCATED', /cut short/],
    ['nothing', '', 'PEM_NO_BLOCK', /./],
    ['fifty certificates', KEY + pem(LEAF) + pem(SUB).repeat(49), 'CREDENTIAL_LINK', /list of roots/],
  ])('%s: its own error and what to do', (_, text, code, hint) => {
    try {
      readCredentialBundle(provider, text);
      expect.unreachable();
    } catch (error) {
      expect((error as IdentityError).code).toBe(`ERR_IDENTITY_${code}`);
      expect(`${(error as IdentityError).hint ?? (error as Error).message}`).toMatch(hint);
      expect(String(error)).not.toContain(KEY.split('\n')[1]!.slice(30));
    }
  });

  test('a certificate that does not parse is told by its number', () => {
    const bad = formatPem('CERTIFICATE', LEAF.der.slice(0, -1));
    expect(() => readCredentialBundle(provider, KEY + pem(LEAF) + bad)).toThrow(/^certificate 2: malformed/);
  });

  test('any order of any of the pieces is the good one, or one of the errors', () => {
    const pieces = [KEY, otherKey, pem(LEAF), pem(SUB), pem(ROOT), pem(OTHER), pem(namesake), csr];
    fc.assert(
      fc.property(fc.subarray(pieces), fc.infiniteStream(fc.nat()), (some, order) => {
        const keys = new Map(some.map((piece) => [piece, order.next().value]));
        const text = [...some].sort((a, b) => keys.get(a)! - keys.get(b)!).join('');
        const certificates = parsePemOrNone(text).filter(({ label }) => label === 'CERTIFICATE');
        const good = [text.includes(KEY) ? LEAF : OTHER, SUB, ROOT].slice(0, certificates.length);
        const isGood =
          text.includes(KEY) !== text.includes(otherKey) &&
          !text.includes(csr) &&
          certificates.length > 0 &&
          certificates.length <= 3 &&
          certificates.every(({ der }, i) => Buffer.from(der).equals(good[i]!.der));
        const code = codeOf(() => readCredentialBundle(provider, text));
        if (isGood) expect(code).toBe('accepted');
        else expect(code).toMatch(/^(CREDENTIAL_|MISMATCH|PEM_NO_BLOCK)/);
      }),
      { numRuns: 200 },
    );
  });

  test('what is in memory is held to the same', () => {
    const chain = [LEAF, SUB, ROOT].map(({ certificate }) => certificate);
    expect(checkCredential(chain, LEAF.key.spki, provider)).toBeUndefined();
    expect(codeOf(() => checkCredential(chain, OTHER.key.spki, provider))).toBe('MISMATCH');
    expect(codeOf(() => checkCredential([], LEAF.key.spki, provider))).toBe('CREDENTIAL_NO_CERTIFICATE');
  });
});

function parsePemOrNone(text: string): ReturnType<typeof parsePem> {
  return text === '' ? [] : parsePem(text);
}
