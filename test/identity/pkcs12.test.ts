/** PKCS#12 files as OpenSSL makes them, as hands make them, and with bits flipped. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { context, der, integer, octetString, oid, sequence } from '../../src/identity/der.ts';
import { formatPem, IdentityError, readPkcs12, writePrivateKey } from '../../src/identity/index.ts';
import { have } from '../support/counterpart.ts';
import {
  bag,
  certBag,
  contentInfo,
  DATA,
  explicit,
  keyBag,
  NULL,
  PASSWORD,
  pbmac1,
  pfx,
  SALT,
} from '../support/pkcs12.ts';
import { intermediate, type Made, root, server } from './maker.ts';

const ROOT = root('root');
const SUB = intermediate('sub', ROOT);
const LEAF = server(SUB, 'www.example.org');
const STRANGER = root('stranger');

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return error.code.replace('ERR_IDENTITY_', '');
  }
  return 'accepted';
}

const GOOD = pfx([certBag(ROOT), keyBag(LEAF), certBag(STRANGER), certBag(LEAF), certBag(SUB)]);

describe('a file made by hand', () => {
  test('gives its key, and the chain in order without what does not belong', () => {
    for (const each of [provider, noble]) {
      const { key, chain } = readPkcs12(GOOD, PASSWORD, each);
      expect(key.spki).toEqual(LEAF.key.spki);
      expect(chain.map((one) => one.der)).toEqual([LEAF.der, SUB.der, ROOT.der]);
    }
  });

  test('may hold bags in bags, and kinds that are nobody’s business here', () => {
    const nested = bag(
      6,
      sequence(keyBag(LEAF), bag(5, sequence(oid('1.2.3'), explicit(octetString(SALT))))),
    );
    const file = pfx([nested, certBag(LEAF, '1.2.840.113549.1.9.22.2'), certBag(LEAF)]);
    expect(readPkcs12(file, PASSWORD, provider).chain.length).toBe(1);
  });

  const encrypted = (type: string): Uint8Array =>
    contentInfo(
      '1.2.840.113549.1.7.6',
      sequence(
        integer(0),
        sequence(oid(type), sequence(oid('1.2.840.113549.1.12.1.6')), der(context(0), new Uint8Array(16))),
      ),
    );
  let deep = bag(6, sequence());
  for (let i = 0; i < 40; i++) deep = bag(6, sequence(deep));
  const none = (): Uint8Array => new Uint8Array(0);
  const key = keyBag(LEAF);
  const leaf = certBag(LEAF);

  test.each<[string, Uint8Array, string, RegExp]>([
    ['no MAC', pfx([key, leaf], { mac: none }), 'PKCS12', /no MAC/],
    ['version 1', pfx([key, leaf], { version: 1 }), 'PKCS12', /version is 1/],
    ['a signature', pfx([], { type: '1.2.840.113549.1.7.2' }), 'PKCS12', /signed with a public key/],
    [
      'an envelope',
      pfx([], { safes: [contentInfo('1.2.840.113549.1.7.3', sequence())] }),
      'PKCS12',
      /encrypted with a public key/,
    ],
    ['RC2', pfx([], { safes: [encrypted(DATA)] }), 'ENCRYPTION', /RC2/],
    ['other content under encryption', pfx([], { safes: [encrypted('1.2.3')] }), 'PKCS12', /1\.2\.3/],
    ['no key', pfx([leaf]), 'PKCS12', /no private key/],
    ['two keys', pfx([key, keyBag(SUB), leaf]), 'PKCS12', /2 private keys/],
    ['no certificate', pfx([key]), 'MISMATCH', /none of the certificates/],
    ["another's certificate", pfx([key, certBag(SUB)]), 'MISMATCH', /none of the certificates/],
    ['a key that is none', pfx([bag(1, sequence()), leaf]), 'KEY', /./],
    [
      'a certificate that is none',
      pfx([key, bag(3, sequence(oid('1.2.840.113549.1.9.22.1'), explicit(octetString(SALT))))]),
      'MALFORMED',
      /./,
    ],
    ['more bags than we read', pfx(Array.from({ length: 65 }, () => leaf)), 'PKCS12', /64 bags/],
    ['bags in bags in bags', pfx([deep]), 'PKCS12', /nested deeper/],
    [
      'an unknown digest',
      pfx([key], {
        mac: () => sequence(sequence(sequence(oid('1.2.4'), NULL), octetString(SALT)), octetString(SALT)),
      }),
      'ENCRYPTION',
      /1\.2\.4/,
    ],
    [
      'a MAC that costs too much',
      pfx([key], { mac: (content) => pbmac1(content, 2 ** 24) }),
      'ENCRYPTION',
      /steps/,
    ],
    [
      'a MAC with a key of one byte',
      pfx([key], { mac: (content) => pbmac1(content, 1, 1) }),
      'PKCS12',
      /key length is 1/,
    ],
    [
      'an old MAC that costs too much',
      pfx([key], {
        mac: () =>
          sequence(
            sequence(sequence(oid('1.3.14.3.2.26'), NULL), octetString(new Uint8Array(20))),
            octetString(SALT),
            integer(2 ** 30),
          ),
      }),
      'ENCRYPTION',
      /steps/,
    ],
    ['a byte behind it', new Uint8Array([...GOOD, 0]), 'PKCS12', /too many/],
    ['indefinite lengths', Uint8Array.of(0x30, 0x80, 2, 1, 3, 0, 0), 'PKCS12', /indefinite/],
    ['nothing', new Uint8Array(0), 'PKCS12', /malformed/],
    ['half a megabyte', new Uint8Array(2 ** 19), 'PKCS12', /at most/],
  ])('with %s is refused', (_, file, code, text) => {
    const started = performance.now();
    try {
      readPkcs12(file, PASSWORD, provider);
      expect.unreachable();
    } catch (error) {
      expect((error as IdentityError).code).toBe(`ERR_IDENTITY_${code}`);
      expect((error as Error).message).toMatch(text);
    }
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('any bytes, and any flipped bit of a good file, end in our error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(codeOf(() => readPkcs12(bytes, 'x', provider))).toBe('PKCS12');
      }),
    );
    const small = pfx([keyBag(LEAF), certBag(LEAF)]);
    // The last eight bytes are MacData's own salt, which PBMAC1 leaves unused (RFC 9579 §5).
    for (let at = 0; at < small.length - 8; at++) {
      const bad = small.slice();
      bad[at]! ^= 1 << (at % 8);
      expect(
        codeOf(() => readPkcs12(bad, PASSWORD, provider)),
        `byte ${at}`,
      ).toMatch(/^(PKCS12|ENCRYPTION|PASSPHRASE_WRONG)$/);
      expect(codeOf(() => readPkcs12(small.subarray(0, at), PASSWORD, provider))).toBe('PKCS12');
    }
  });
});

describe.runIf(have('openssl'))('openssl', () => {
  const folder = mkdtempSync(join(tmpdir(), 'q2q-p12-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));

  function exported(made: Made, ...options: readonly string[]): Uint8Array {
    write('leaf.pem', writePrivateKey(made.key) + formatPem('CERTIFICATE', made.der));
    write('chain.pem', formatPem('CERTIFICATE', ROOT.der) + formatPem('CERTIFICATE', SUB.der));
    const files = ['-in', 'leaf.pem', '-certfile', 'chain.pem', '-out', 'made.p12'];
    openssl('pkcs12', '-export', ...files, '-passout', `pass:${PASSWORD}`, ...options);
    return read('made.p12');
  }

  test.each<[string, readonly string[]]>([
    ['as it does by itself', []],
    ['with a MAC by SHA-1', ['-macalg', 'sha1']],
    ['with a MAC by SHA-384', ['-macalg', 'sha384']],
    ['with a MAC by SHA-512, many times over', ['-macalg', 'sha512', '-iter', '20000']],
    ['with AES-128', ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-128-CBC']],
    ['with certificates in the clear', ['-certpbe', 'NONE']],
    ['with everything in the clear', ['-certpbe', 'NONE', '-keypbe', 'NONE']],
    ['with a name', ['-name', 'my key', '-caname', 'my CA']],
  ])('makes files that are read here, %s', (_, options) => {
    const { key, chain } = readPkcs12(exported(LEAF, ...options), PASSWORD, provider);
    expect(key.spki).toEqual(LEAF.key.spki);
    expect(chain.map((one) => one.der)).toEqual([LEAF.der, SUB.der, ROOT.der]);
    expect(codeOf(() => readPkcs12(read('made.p12'), 'Kaese', provider))).toBe('PASSPHRASE_WRONG');
  });

  test.each(['p256', 'p384'] as const)('with a %s key', (kind) => {
    const made = server(SUB, 'www.example.org', { key: provider.generateKey(kind) });
    expect(readPkcs12(exported(made), PASSWORD, provider).key.spki).toEqual(made.key.spki);
  });

  test('with an RSA key', () => {
    const subject = ['-subj', '/CN=rsa', '-days', '3', '-nodes', '-keyout', 'rsa.key', '-out', 'rsa.pem'];
    openssl('req', '-x509', '-newkey', 'rsa:2048', ...subject);
    const files = ['-in', 'rsa.pem', '-inkey', 'rsa.key', '-out', 'rsa.p12'];
    openssl('pkcs12', '-export', ...files, '-passout', 'pass:four');
    expect(readPkcs12(read('rsa.p12'), 'four', provider).key.kind).toBe('rsa');
  });

  test('with an empty password', () => {
    write('leaf.pem', writePrivateKey(LEAF.key) + formatPem('CERTIFICATE', LEAF.der));
    openssl('pkcs12', '-export', '-in', 'leaf.pem', '-out', 'open.p12', '-passout', 'pass:');
    expect(readPkcs12(read('open.p12'), '', provider).chain.length).toBe(1);
  });

  test('without a MAC: refused with what to do', () => {
    expect(() => readPkcs12(exported(LEAF, '-nomac'), PASSWORD, provider)).toThrow(
      expect.objectContaining({ code: 'ERR_IDENTITY_PKCS12', hint: expect.stringContaining('openssl') }),
    );
  });

  test.each([
    ['3DES', ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES']],
    ['RC2', ['-certpbe', 'PBE-SHA1-RC2-40', '-provider', 'legacy', '-provider', 'default']],
  ])('with %s: refused with the command that converts the file', (name, options) => {
    const legacy = exported(LEAF, ...options);
    expect(() => readPkcs12(legacy, PASSWORD, provider)).toThrow(
      expect.objectContaining({
        code: 'ERR_IDENTITY_ENCRYPTION',
        message: expect.stringContaining(name),
        hint: expect.stringContaining('openssl pkcs12 -legacy'),
      }),
    );
  });

  test('a flipped bit anywhere is seen', () => {
    const file = exported(LEAF, '-iter', '1');
    for (let at = 0; at < file.length; at += 5) {
      const bad = file.slice();
      bad[at]! ^= 1 << (at % 8);
      expect(
        codeOf(() => readPkcs12(bad, PASSWORD, provider)),
        `byte ${at}`,
      ).toMatch(/^(PKCS12|ENCRYPTION|PASSPHRASE_WRONG)$/);
    }
  });
});
