import { describe, expect, it, type TestContext } from 'vitest';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { CurveGroup, SchemeName } from '../../src/crypto/suites.ts';
import { sized } from '../support/sized.ts';
import { providers } from './providers.ts';
import { aead, agreement, hkdf, hmac, type Outcome, signatures } from './wycheproof.ts';

const AGREEMENTS: readonly [string, CurveGroup][] = [
  ['x25519_test.json', 'x25519'],
  ['ecdh_secp256r1_ecpoint_test.json', 'secp256r1'],
  ['ecdh_secp384r1_ecpoint_test.json', 'secp384r1'],
  ['ecdh_secp521r1_ecpoint_test.json', 'secp521r1'],
];

/**
 * "acceptable" is refused: in these files it is a PKCS#1 DigestInfo without its NULL (one case a file, flag MissingNull), which
 * RFC 8017 §9.2 note 1 lets a verifier take and §8.2.2 does not ask for.
 */
const SIGNATURES: readonly [string, SchemeName][] = [
  ['ed25519_test.json', 'ed25519'],
  ['ecdsa_secp256r1_sha256_test.json', 'ecdsa_secp256r1_sha256'],
  ['ecdsa_secp256r1_sha256_p1363_test.json', 'ecdsa_secp256r1_sha256'],
  ['ecdsa_secp384r1_sha384_test.json', 'ecdsa_secp384r1_sha384'],
  ['ecdsa_secp384r1_sha384_p1363_test.json', 'ecdsa_secp384r1_sha384'],
  ['ecdsa_secp521r1_sha512_test.json', 'ecdsa_secp521r1_sha512'],
  ['rsa_signature_2048_sha256_test.json', 'rsa_pkcs1_sha256'],
  ['rsa_signature_3072_sha384_test.json', 'rsa_pkcs1_sha384'],
  ['rsa_signature_4096_sha512_test.json', 'rsa_pkcs1_sha512'],
  ['rsa_pss_2048_sha256_mgf1_32_test.json', 'rsa_pss_rsae_sha256'],
  ['rsa_pss_4096_sha384_mgf1_48_test.json', 'rsa_pss_rsae_sha384'],
  ['rsa_pss_4096_sha512_mgf1_64_test.json', 'rsa_pss_rsae_sha512'],
];

/**
 * Hundreds of cases of several milliseconds each: every eighth or fourth here. All of the two large curves are in test/slow, all
 * of P-256 where `$Q2Q_LONG` is set.
 */
function stepOf(provider: CryptoProvider, group: CurveGroup): number {
  if (group === 'secp384r1' || group === 'secp521r1') return 8;
  return provider.name === 'noble' && group === 'secp256r1' ? sized(4, 1) : 1;
}

function agrees({ cases, wrong }: Outcome): void {
  expect(wrong).toEqual([]);
  expect(cases).toBeGreaterThan(50);
}

describe.each(providers)('$name and Wycheproof agree', (provider: CryptoProvider) => {
  it.for(['aes_gcm_test.json', 'chacha20_poly1305_test.json'])('on %s', (file, context: TestContext) => {
    agrees(aead(context, provider, file));
  });

  it.for(AGREEMENTS.filter(([, group]) => provider.supports.groups.includes(group)))(
    'on %s',
    ([file, group], context: TestContext) => {
      agrees(agreement(context, provider, group, file, stepOf(provider, group)));
    },
  );

  it.for(SIGNATURES.filter(([, scheme]) => provider.supports.verifies.includes(scheme)))(
    'on %s',
    ([file, scheme], context: TestContext) => {
      agrees(signatures(context, provider, scheme, file));
    },
  );

  it.for(['sha256', 'sha384'] as const)('on HKDF and HMAC with %s', (hash, context: TestContext) => {
    agrees(hkdf(context, provider, hash, `hkdf_${hash}_test.json`));
    agrees(hmac(context, provider, hash, `hmac_${hash}_test.json`));
  });
});
