import { describe, expect, it, type TestContext } from 'vitest';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { providers } from '../crypto/providers.ts';
import { agreement } from '../crypto/wycheproof.ts';

const LARGE = [
  ['ecdh_secp384r1_ecpoint_test.json', 'secp384r1'],
  ['ecdh_secp521r1_ecpoint_test.json', 'secp521r1'],
] as const;

describe.each(providers)('$name and Wycheproof agree', (provider: CryptoProvider) => {
  it.for(LARGE.filter(([, group]) => provider.supports.groups.includes(group)))(
    'on every case of %s',
    { timeout: 120_000 },
    ([file, group], context: TestContext) => {
      const { cases, wrong } = agreement(context, provider, group, file);
      expect(wrong).toEqual([]);
      expect(cases).toBeGreaterThan(600);
    },
  );
});
