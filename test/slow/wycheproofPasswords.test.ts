import { describe, expect, it, type TestContext } from 'vitest';
import { pbes2, pbkdf2 } from '../identity/wycheproof.ts';
import { vectorNames } from '../support/vectors.ts';

const ENCRYPTION = vectorNames('wycheproof', /^pbes2_hmacsha\d+_aes_\d+_test\.json$/, []);
const DERIVATION = vectorNames('wycheproof', /^pbkdf2_hmacsha\d+_test\.json$/, []);

describe('Wycheproof agrees', () => {
  it('has files to agree on', (context) => {
    if (ENCRYPTION.length === 0) context.skip('set Q2Q_VECTORS to the folder of test vectors');
    expect(ENCRYPTION.length).toBeGreaterThan(3);
    expect(DERIVATION.length).toBeGreaterThan(0);
  });

  it.for(ENCRYPTION)('on every case of %s', { timeout: 120_000 }, (name, context: TestContext) => {
    const { cases, wrong } = pbes2(context, name);
    expect(wrong).toEqual([]);
    expect(cases).toBe(84);
  });

  it.for(DERIVATION)('on every case of %s', { timeout: 120_000 }, (name, context: TestContext) => {
    const { cases, wrong } = pbkdf2(context, name);
    expect(wrong).toEqual([]);
    expect(cases).toBeGreaterThan(50);
  });
});
