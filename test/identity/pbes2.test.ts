/** Encrypted private keys: what opens, what does not and why, and what a hostile file may cost. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cbc } from '@noble/ciphers/aes.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { der, integer, octetString, oid, sequence, TAG } from '../../src/identity/der.ts';
import {
  formatPem,
  IdentityError,
  parsePem,
  readPlainPrivateKey,
  readPrivateKey,
  writeEncryptedPrivateKey,
  writePrivateKey,
} from '../../src/identity/index.ts';
import { MAX_KEY_DERIVATION, MAX_SALT } from '../../src/identity/limits.ts';
import { decryptPkcs8, encryptPkcs8 } from '../../src/identity/pbes2.ts';
import { have } from '../support/counterpart.ts';

const KEY = provider.generateKey('ed25519');
const PASSPHRASE = 'correct horse é';
const WRITTEN = writeEncryptedPrivateKey(KEY, PASSPHRASE, provider);

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return error.code.replace('ERR_IDENTITY_', '');
  }
  return 'accepted';
}

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const SCRYPT = '1.3.6.1.4.1.11591.4.11';
const HMAC_SHA256 = sequence(oid('1.2.840.113549.2.9'), der(TAG.null));
const AES_128 = '2.16.840.1.101.3.4.1.2';
const SALT = octetString(new Uint8Array(8));
const IV = new Uint8Array(16);

/** A file whose every part can be another: by default it is PBKDF2 with one iteration. */
function file({
  scheme = PBES2,
  derivation = sequence(oid(PBKDF2), sequence(SALT, integer(1), HMAC_SHA256)),
  encryption = sequence(oid(AES_128), octetString(IV)),
  data = new Uint8Array(32),
}: {
  scheme?: string;
  derivation?: Uint8Array;
  encryption?: Uint8Array;
  data?: Uint8Array;
} = {}): Uint8Array {
  return sequence(sequence(oid(scheme), sequence(derivation, encryption)), octetString(data));
}

function withPbkdf2(...parameters: readonly Uint8Array[]): Uint8Array {
  return file({ derivation: sequence(oid(PBKDF2), sequence(...parameters)) });
}

function withScrypt(N: number, r: number, p: number, ...more: readonly Uint8Array[]): Uint8Array {
  const parameters = sequence(SALT, integer(N), integer(r), integer(p), ...more);
  return file({ derivation: sequence(oid(SCRYPT), parameters) });
}

describe('what we write', () => {
  test('comes back, with either provider', () => {
    expect(WRITTEN).toContain('-----BEGIN ENCRYPTED PRIVATE KEY-----');
    for (const each of [provider, noble])
      expect(readPrivateKey(each, WRITTEN, PASSPHRASE).spki).toEqual(KEY.spki);
    expect(readPrivateKey(provider, WRITTEN, new TextEncoder().encode(PASSPHRASE)).spki).toEqual(KEY.spki);
  });

  test('never shows the key, and is another file each time', () => {
    const plain = KEY.dangerousExport();
    const secret = Buffer.from(plain.subarray(-32)).toString('base64').slice(0, 40);
    expect(WRITTEN).not.toContain(secret);
    expect(writeEncryptedPrivateKey(KEY, PASSPHRASE, provider)).not.toBe(WRITTEN);
  });

  test('takes salt and initialisation vector from the random source it is given', () => {
    const asked: number[] = [];
    encryptPkcs8(KEY.dangerousExport(), 'x', (length) => {
      asked.push(length);
      return new Uint8Array(length).fill(length);
    });
    expect(asked).toEqual([16, 16]);
  });

  test('is nothing under an empty passphrase, or one that OpenSSL would cut', () => {
    expect(codeOf(() => writeEncryptedPrivateKey(KEY, '', provider))).toBe('PASSPHRASE_NEEDED');
    expect(codeOf(() => writeEncryptedPrivateKey(KEY, 'x'.repeat(1025), provider))).toBe('ENCRYPTION');
  });
});

describe('reading', () => {
  test('a plain key ignores the passphrase', () => {
    expect(readPrivateKey(provider, writePrivateKey(KEY), 'any').spki).toEqual(KEY.spki);
  });

  test('a missing passphrase and a wrong one are different errors, with what to do', () => {
    expect(codeOf(() => readPrivateKey(provider, WRITTEN))).toBe('PASSPHRASE_NEEDED');
    expect(codeOf(() => readPlainPrivateKey(provider, WRITTEN))).toBe('PASSPHRASE_NEEDED');
    expect(readPlainPrivateKey(provider, writePrivateKey(KEY)).spki).toEqual(KEY.spki);
    for (const wrong of ['', 'correct horse é'.normalize('NFD')])
      expect(codeOf(() => readPrivateKey(provider, WRITTEN, wrong))).toBe('PASSPHRASE_WRONG');
    try {
      readPrivateKey(provider, WRITTEN, 'hunter2');
      expect.unreachable();
    } catch (error) {
      expect(`${(error as Error).message} ${(error as IdentityError).hint}`).not.toContain('hunter2');
      expect((error as IdentityError).hint).toContain('damaged');
    }
  });

  test('a key that opens and is no key is told apart from a wrong passphrase', () => {
    const sealed = encryptPkcs8(sequence(integer(0)), 'x', (length) => provider.random(length));
    const pem = formatPem('ENCRYPTED PRIVATE KEY', sealed);
    expect(codeOf(() => readPrivateKey(provider, pem, 'x'))).toBe('KEY');
  });

  test('takes a key length that is written out, and the default function written out', () => {
    // Java writes both. The plaintext is right when the wrong passphrase is all that is found.
    const prf = sequence(oid('1.2.840.113549.2.7'), der(TAG.null));
    expect(codeOf(() => decryptPkcs8(withPbkdf2(SALT, integer(1), integer(16), prf), 'x'))).toBe(
      'PASSPHRASE_WRONG',
    );
    expect(codeOf(() => decryptPkcs8(withPbkdf2(SALT, integer(1)), 'x'))).toBe('PASSPHRASE_WRONG');
  });

  const prf = (id: string): Uint8Array => sequence(oid(id), der(TAG.null));
  const cipher = (id: string, iv: Uint8Array = IV): Uint8Array => sequence(oid(id), octetString(iv));

  test.each<[string, Uint8Array, string, string]>([
    ['PBES1 with MD5', file({ scheme: '1.2.840.113549.1.5.3' }), 'ENCRYPTION', 'MD5 with DES'],
    ['the 3DES of PKCS#12', file({ scheme: '1.2.840.113549.1.12.1.3' }), 'ENCRYPTION', '3DES'],
    ['an unknown scheme', file({ scheme: '1.2.3' }), 'ENCRYPTION', '1.2.3'],
    ['an unknown derivation', file({ derivation: sequence(oid('1.2.4')) }), 'ENCRYPTION', '1.2.4'],
    ['an unknown function', withPbkdf2(SALT, integer(1), prf('1.2.5')), 'ENCRYPTION', '1.2.5'],
    [
      'the cipher 3DES',
      file({ encryption: cipher('1.2.840.113549.3.7', new Uint8Array(8)) }),
      'ENCRYPTION',
      '3DES',
    ],
    [
      'an IV of 12 bytes',
      file({ encryption: cipher(AES_128, new Uint8Array(12)) }),
      'KEY',
      'initialisation vector',
    ],
    ['no data', file({ data: new Uint8Array(0) }), 'KEY', '0 bytes'],
    ['data that is not whole blocks', file({ data: new Uint8Array(17) }), 'KEY', '17 bytes'],
    ['no iteration', withPbkdf2(SALT, integer(0)), 'KEY', 'iteration count is 0'],
    ['a negative count', withPbkdf2(SALT, der(TAG.integer, Uint8Array.of(0x80))), 'KEY', 'negative'],
    ['a key length of another cipher', withPbkdf2(SALT, integer(1), integer(32)), 'KEY', 'key length'],
    [
      'function parameters that are no NULL',
      withPbkdf2(SALT, integer(1), sequence(oid('1.2.840.113549.2.9'), integer(1))),
      'KEY',
      'parameters',
    ],
    ['a salt that lasts', withPbkdf2(octetString(new Uint8Array(MAX_SALT + 1)), integer(1)), 'KEY', 'salt'],
    ['a salt from elsewhere', withPbkdf2(sequence(oid('1.2.6')), integer(1)), 'KEY', 'salt has tag sequence'],
    ['a scrypt cost that is no power of two', withScrypt(3, 1, 1), 'KEY', 'power of two'],
    ['a scrypt cost of one', withScrypt(1, 1, 1), 'KEY', 'power of two'],
    ['scrypt without blocks', withScrypt(2, 0, 1), 'KEY', '0'],
    ['scrypt with a tail', withScrypt(2, 1, 1, integer(16), integer(1)), 'KEY', 'too many'],
    ['bytes behind it', new Uint8Array([...file(), 0]), 'KEY', 'too many'],
    ['nothing', new Uint8Array(0), 'KEY', 'encrypted key'],
    ['ten kilobytes', new Uint8Array(10_000), 'KEY', '10000 bytes'],
  ])('%s is refused', (_, bytes, code, text) => {
    try {
      decryptPkcs8(bytes, 'x');
      expect.unreachable();
    } catch (error) {
      expect((error as IdentityError).code).toBe(`ERR_IDENTITY_${code}`);
      expect((error as IdentityError).message).toContain(text);
    }
  });

  test.each<[string, Uint8Array]>([
    ['2^31-1 iterations', withPbkdf2(SALT, integer(2 ** 31 - 1), HMAC_SHA256)],
    ['one iteration too many', withPbkdf2(SALT, integer(MAX_KEY_DERIVATION + 1), HMAC_SHA256)],
    ['scrypt with 2^20 costs', withScrypt(2 ** 20, 8, 1)],
    ['scrypt with large blocks', withScrypt(2, 2 ** 20, 1)],
    ['scrypt many times over', withScrypt(2 ** 14, 8, 2 ** 20)],
    ['scrypt with everything', withScrypt(2 ** 30, 2 ** 31 - 1, 2 ** 31 - 1)],
    ['scrypt for ever in little memory', withScrypt(2 ** 17, 1, 2 ** 10)],
  ])('%s cost nothing: they are refused before any work', (_, bytes) => {
    const started = performance.now();
    expect(codeOf(() => decryptPkcs8(bytes, 'x'))).toBe('ENCRYPTION');
    expect(performance.now() - started).toBeLessThan(50);
  });

  test('any bytes, and any change to a good file, end in our error', () => {
    const pkcs8 = KEY.dangerousExport();
    const salt = new Uint8Array(8).fill(3);
    const key = scrypt('x', salt, { N: 2, r: 1, p: 1, dkLen: 16 });
    const parameters = sequence(octetString(salt), integer(2), integer(1), integer(1));
    const good = file({
      derivation: sequence(oid(SCRYPT), parameters),
      data: cbc(key, IV).encrypt(pkcs8),
    });
    expect(decryptPkcs8(good, 'x')).toEqual(pkcs8);
    const known = /^(accepted|KEY|ENCRYPTION|PASSPHRASE_WRONG)$/;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => decryptPkcs8(bytes, 'x'))).toMatch(known);
      }),
    );
    for (let at = 0; at < good.length; at++)
      for (const bit of [1, 0x10, 0x80]) {
        const bad = good.slice();
        bad[at]! ^= bit;
        expect(codeOf(() => decryptPkcs8(bad, 'x'))).toMatch(known);
        expect(codeOf(() => decryptPkcs8(good.subarray(0, at), 'x'))).toBe('KEY');
      }
  });
});

describe.runIf(have('openssl'))('openssl', () => {
  const folder = mkdtempSync(join(tmpdir(), 'q2q-pbes2-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  test.each(['ed25519', 'p256', 'p384'] as const)('reads the %s keys we encrypt, asked nothing', (kind) => {
    const key = provider.generateKey(kind);
    writeFileSync(at('ours.key'), writeEncryptedPrivateKey(key, PASSPHRASE, provider));
    const again = openssl('pkcs8', '-topk8', '-nocrypt', '-in', 'ours.key', '-passin', `pass:${PASSPHRASE}`);
    expect(again.trim()).toBe(writePrivateKey(key).trim());
  });

  const FORMS: readonly (readonly string[])[] = [
    ['-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA512'],
    ['-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA384', '-iter', '10000'],
    ['-v2', 'aes-192-cbc', '-v2prf', 'hmacWithSHA256'],
    ['-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA224'],
    ['-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA1'],
    ['-v2', 'aes-256-cbc', '-iter', '50000'],
    ['-scrypt'],
    ['-scrypt', '-scrypt_N', '1024', '-scrypt_r', '4', '-scrypt_p', '3'],
  ];

  test.each(FORMS.map((form) => [form.join(' '), form] as const))('%s opens here', (_, form) => {
    writeFileSync(at('plain.key'), writePrivateKey(KEY));
    const secret = ['-passout', `pass:${PASSPHRASE}`];
    openssl('pkcs8', '-topk8', '-in', 'plain.key', '-out', 'theirs.key', ...form, ...secret);
    const text = readFileSync(at('theirs.key'), 'utf8');
    expect(readPrivateKey(provider, text, PASSPHRASE).spki).toEqual(KEY.spki);
    expect(codeOf(() => readPrivateKey(provider, text, 'wrong'))).toBe('PASSPHRASE_WRONG');
  });

  test.each([
    ['Ed25519', ['ed25519']],
    ['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['RSA', ['rsa', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ])('%s keys of genpkey open here', (_, algorithm) => {
    const made = ['genpkey', '-aes256', '-pass', 'pass:four', '-algorithm', ...algorithm];
    openssl(...made, '-out', 'generated.key');
    const key = readPrivateKey(provider, readFileSync(at('generated.key'), 'utf8'), 'four');
    openssl('pkey', '-in', 'generated.key', '-passin', 'pass:four', '-pubout', '-out', 'generated.pub');
    expect(parsePem(readFileSync(at('generated.pub'), 'utf8'))[0]!.der).toEqual(key.spki);
    if (key.kind !== 'rsa') return;
    writeFileSync(at('again.key'), writeEncryptedPrivateKey(key, 'four', provider));
    const again = openssl('pkey', '-in', 'again.key', '-passin', 'pass:four', '-pubout');
    expect(parsePem(again)[0]!.der).toEqual(key.spki);
  });

  test.each([
    ['PBES1', ['-v1', 'PBE-MD5-DES'], 'ENCRYPTION'],
    ['PKCS#12 3DES', ['-v1', 'PBE-SHA1-3DES'], 'ENCRYPTION'],
    ['3DES', ['-v2', 'des3'], 'ENCRYPTION'],
  ])('%s is refused with the command that converts it', (_, form, code) => {
    writeFileSync(at('plain.key'), writePrivateKey(KEY));
    const make = ['pkcs8', '-topk8', '-in', 'plain.key', '-passout', 'pass:four', '-out', 'legacy.key'];
    openssl(...make, '-provider', 'legacy', '-provider', 'default', ...form);
    try {
      readPrivateKey(provider, readFileSync(at('legacy.key'), 'utf8'), 'four');
      expect.unreachable();
    } catch (error) {
      expect((error as IdentityError).code).toBe(`ERR_IDENTITY_${code}`);
      expect((error as IdentityError).hint).toContain('openssl pkcs8 -topk8 -v2 aes-256-cbc');
    }
  });
});
