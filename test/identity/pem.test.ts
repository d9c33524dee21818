import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import {
  formatPem,
  IdentityError,
  parsePem,
  parsePemAs,
  readPrivateKey,
  writePrivateKey,
} from '../../src/identity/index.ts';

const GOOD = formatPem('CERTIFICATE', new Uint8Array(100).fill(7));
const LINES = GOOD.split('\n');

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError);
    return (error as IdentityError).code;
  }
  return 'accepted';
}

describe('every way a PEM file is wrong has its own error', () => {
  test.each([
    ['an empty text', '', 'ERR_IDENTITY_PEM_NO_BLOCK'],
    ['white space', ' \n\n', 'ERR_IDENTITY_PEM_NO_BLOCK'],
    ['no block', 'hello\n', 'ERR_IDENTITY_PEM_NO_BLOCK'],
    ['a BEGIN line that lost a dash', GOOD.replace('-----BEGIN', '----BEGIN'), 'ERR_IDENTITY_PEM_BOUNDARY'],
    ['a BEGIN line in small letters', GOOD.replace('BEGIN', 'begin'), 'ERR_IDENTITY_PEM_BOUNDARY'],
    ['a byte order mark', `\ufeff${GOOD}`, 'ERR_IDENTITY_PEM_BOUNDARY'],
    ['a quoted block', GOOD.replace(/^/gm, '> '), 'ERR_IDENTITY_PEM_BOUNDARY'],
    ['an END line without its beginning', LINES.slice(1).join('\n'), 'ERR_IDENTITY_PEM_UNOPENED'],
    ['two END lines', `${GOOD}${LINES.at(-2)}\n`, 'ERR_IDENTITY_PEM_UNOPENED'],
    ['UTF-16', [...GOOD].join('\0'), 'ERR_IDENTITY_PEM_BINARY'],
    ['DER', new TextDecoder().decode(Uint8Array.of(0x30, 0x82, 1, 2)), 'ERR_IDENTITY_PEM_BINARY'],
    ['a missing END line', LINES.slice(0, -2).join('\n'), 'ERR_IDENTITY_PEM_TRUNCATED'],
    ['a cut END line', GOOD.slice(0, -10), 'ERR_IDENTITY_PEM_BOUNDARY'],
    ['a block that begins inside another', `${LINES[0]}\n${GOOD}`, 'ERR_IDENTITY_PEM_TRUNCATED'],
    [
      'another label at the end',
      GOOD.replace('END CERTIFICATE', 'END PRIVATE KEY'),
      'ERR_IDENTITY_PEM_LABEL',
    ],
    ['a character outside base64', GOOD.replace('BwcH', 'Bw*H'), 'ERR_IDENTITY_PEM_BASE64'],
    ['a lost character', GOOD.replace('BwcH', 'BwH'), 'ERR_IDENTITY_PEM_BASE64'],
    ['padding in the middle', GOOD.replace('BwcH', 'Bw=='), 'ERR_IDENTITY_PEM_BASE64'],
    ['an empty block', `${LINES[0]}\n-----END CERTIFICATE-----\n`, 'ERR_IDENTITY_PEM_EMPTY'],
    [
      'headers of an old encrypted key',
      GOOD.replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n'),
      'ERR_IDENTITY_PEM_HEADERS',
    ],
    ['text before the block', `subject: me\n${GOOD}`, 'ERR_IDENTITY_PEM_AROUND'],
    ['text behind the block', `${GOOD}bye\n`, 'ERR_IDENTITY_PEM_AROUND'],
    ['more text than we read', `${GOOD}${'\n'.repeat(2 ** 20)}`, 'ERR_IDENTITY_PEM_TOO_BIG'],
  ])('%s', (_, text, code) => {
    expect(codeOf(() => parsePem(text))).toBe(code);
  });

  test('the wrong kind of block', () => {
    expect(codeOf(() => parsePemAs('PRIVATE KEY', GOOD))).toBe('ERR_IDENTITY_PEM_LABEL');
  });
});

describe('reading', () => {
  test('takes CRLF, blank lines, trailing spaces and several blocks', () => {
    const text = `\r\n${GOOD.replaceAll('\n', ' \r\n')}\r\n${GOOD}`;
    expect(parsePem(text)).toEqual([...parsePem(GOOD), ...parsePem(GOOD)]);
  });

  test('lets bundles of roots carry comments when asked to', () => {
    expect(parsePem(`# a root\n# -- begin of list\n${GOOD}`, { comments: true })).toEqual(parsePem(GOOD));
  });

  test('gives back what was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        expect(parsePem(formatPem('THING', bytes))).toEqual([{ label: 'THING', der: new Uint8Array(bytes) }]);
      }),
    );
  });

  test('ends any text in blocks or in our error', () => {
    const piece = fc.constantFrom(
      '-----BEGIN A-----',
      '-----END A-----',
      '-----END B-----',
      'AAAA',
      '\n',
      '=',
      ' ',
      'x:',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((parts) => parts.join('')),
        ),
        (text) => {
          expect(codeOf(() => parsePem(text))).toMatch(/^(accepted|ERR_IDENTITY_PEM_)/);
        },
      ),
    );
  });
});

describe('private keys', () => {
  test.each(['ed25519', 'p256', 'p384'] as const)('%s keys go out as PKCS#8 and come back', (kind) => {
    const key = provider.generateKey(kind);
    const pem = writePrivateKey(key);
    expect(pem).toContain('-----BEGIN PRIVATE KEY-----');
    const read = readPrivateKey(provider, pem);
    expect(read.kind).toBe(kind);
    expect(read.spki).toEqual(key.spki);
    expect(readPrivateKey(provider, GOOD + pem).spki).toEqual(key.spki);
  });

  test.each([
    ['a certificate', GOOD, 'ERR_IDENTITY_PEM_LABEL', 'another file'],
    [
      'an encrypted key',
      GOOD.replaceAll('CERTIFICATE', 'ENCRYPTED PRIVATE KEY'),
      'ERR_IDENTITY_PASSPHRASE_NEEDED',
      'decrypt',
    ],
    ['an old EC key', GOOD.replaceAll('CERTIFICATE', 'EC PRIVATE KEY'), 'ERR_IDENTITY_PEM_LABEL', 'topk8'],
    ['bytes that are no key', GOOD.replaceAll('CERTIFICATE', 'PRIVATE KEY'), 'ERR_IDENTITY_KEY', ''],
    ['two keys', writePrivateKey(provider.generateKey('ed25519')).repeat(2), 'ERR_IDENTITY_KEY', ''],
  ])('%s is refused with a hint', (_, text, code, hint) => {
    try {
      readPrivateKey(provider, text);
      expect.unreachable();
    } catch (error) {
      expect((error as IdentityError).code).toBe(code);
      expect((error as IdentityError).hint ?? '').toContain(hint);
    }
  });
});
