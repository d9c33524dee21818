/** P-521 certificates: read everywhere, verified where the provider has the curve. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import {
  createCsr,
  describeCertificate,
  parseCertificate,
  parseCsr,
  Refusal,
  readPrivateKey,
  selfSignedIdentity,
  Trust,
  type VerifiedPeer,
  verifyPeer,
  writePrivateKey,
} from '../../src/identity/index.ts';

const NOW = Date.UTC(2026, 10, 21, 12);

function p521Key(): PrivateKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  return readPrivateKey(node, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
}

test('a P-521 key makes a certificate that says so, and a request that is checked', () => {
  const key = p521Key();
  const [der] = selfSignedIdentity(key, NOW).chain;
  const certificate = parseCertificate(der!);
  expect([certificate.keyKind, certificate.keyBits]).toEqual(['p521', 521]);
  expect(certificate.signatureAlgorithm).toMatchObject({ family: 'ecdsa', hash: 'sha512' });
  expect(describeCertificate(certificate)).toMatch(/P-521/);
  expect(parseCsr(node, createCsr(key)).spki).toEqual(key.spki);
  expect(readPrivateKey(node, writePrivateKey(key)).spki).toEqual(key.spki);
});

test('a P-521 identity is verified by the node provider, and refused by the portable one', () => {
  const { chain, keyId } = selfSignedIdentity(p521Key(), NOW);
  const judged = (provider: typeof node): VerifiedPeer | Refusal =>
    verifyPeer(chain, { kind: 'key', id: keyId }, Trust.of([]), 'server', NOW + 1000, provider);
  expect(judged(node)).not.toBeInstanceOf(Refusal);
  expect(judged(noble)).toBeInstanceOf(Refusal);
});
