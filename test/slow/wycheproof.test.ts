import { describe, expect, it, type TestContext } from 'vitest';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { providers } from '../crypto/providers.ts';
import { agreement } from '../crypto/wycheproof.ts';

describe.each(providers)('$name and Wycheproof agree', (provider: CryptoProvider) => {
  it('on every case of ecdh_secp384r1_ecpoint_test.json', { timeout: 120_000 }, (context: TestContext) => {
    const { cases, wrong } = agreement(context, provider, 'secp384r1', 'ecdh_secp384r1_ecpoint_test.json');
    expect(wrong).toEqual([]);
    expect(cases).toBe(790);
  });
});
