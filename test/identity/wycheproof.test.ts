import { describe, expect, it, type TestContext } from 'vitest';
import { provider } from '../../src/crypto/noble.ts';
import { vectorNames } from '../support/vectors.ts';
import { certificateEcdsa, pbes2, pbkdf2 } from './wycheproof.ts';

const ENCRYPTION = vectorNames('wycheproof', /^pbes2_hmacsha\d+_aes_\d+_test\.json$/, [
  'pbes2_hmacsha1_aes_128_test.json',
  'pbes2_hmacsha256_aes_128_test.json',
  'pbes2_hmacsha256_aes_256_test.json',
  'pbes2_hmacsha512_aes_256_test.json',
]);
const DERIVATION = vectorNames('wycheproof', /^pbkdf2_hmacsha\d+_test\.json$/, [
  'pbkdf2_hmacsha256_test.json',
]);
const MIXED = vectorNames('wycheproof', /^ecdsa_secp(256r1_sha(384|512)|384r1_sha(256|512))_test\.json$/, []);

/** A case takes 20 ms, most of them the same arithmetic over other passwords: test/slow runs all of them. */
const STEP = 8;

describe('Wycheproof agrees', () => {
  it.for(ENCRYPTION)('on every eighth case of %s', (name, context: TestContext) => {
    const { cases, wrong } = pbes2(context, name, STEP);
    expect(wrong).toEqual([]);
    expect(cases).toBeGreaterThan(9);
  });

  it.for(DERIVATION)('on every eighth case of %s', (name, context: TestContext) => {
    const { cases, wrong } = pbkdf2(context, name, STEP);
    expect(wrong).toEqual([]);
    expect(cases).toBeGreaterThan(6);
  });

  it.for(MIXED)('on %s', (name, context: TestContext) => {
    const { cases, wrong } = certificateEcdsa(context, name, provider);
    expect(wrong).toEqual([]);
    expect(cases).toBeGreaterThan(300);
  });
});
