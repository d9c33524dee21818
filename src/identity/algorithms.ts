/** Signature algorithms of certificates and requests: reading the identifier, checking a signature. */
import { p256, p384 } from '@noble/curves/nist.js';
import { type Bytes, equalBytes } from '../base/bytes.ts';
import { HASHES } from '../crypto/hashes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { encodePssParameters, pssHash } from '../crypto/pss.ts';
import { rawFromDer } from '../crypto/signature.ts';
import { parseSpki } from '../crypto/spki.ts';
import type { HashName, KeyKind, SchemeName } from '../crypto/suites.ts';
import type { SignatureAlgorithm } from './certificate.ts';
import { type DerReader, der, oid, sequence, TAG } from './der.ts';
import { OID } from './oid.ts';

type Family = NonNullable<SignatureAlgorithm['family']>;

/**
 * Algorithms whose identifier alone says everything. SHA-1 and older are left out: they no longer prove
 * anything.
 */
const PLAIN: Readonly<Record<string, readonly [Family, HashName | undefined]>> = {
  [OID.ed25519]: ['ed25519', undefined],
  [OID.ecdsaWithSha256]: ['ecdsa', 'sha256'],
  [OID.ecdsaWithSha384]: ['ecdsa', 'sha384'],
  [OID.ecdsaWithSha512]: ['ecdsa', 'sha512'],
  [OID.sha256WithRsa]: ['rsa-pkcs1', 'sha256'],
  [OID.sha384WithRsa]: ['rsa-pkcs1', 'sha384'],
  [OID.sha512WithRsa]: ['rsa-pkcs1', 'sha512'],
};

/** Reads the content of an AlgorithmIdentifier that names a signature. */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  const id = reader.oid('signature algorithm');
  const parameters = reader.done ? undefined : reader.any('signature algorithm parameters').der;
  reader.end('signature algorithm');
  if (id === OID.rsaPss) {
    const hash = parameters === undefined ? undefined : pssHash(parameters);
    return Object.freeze({ oid: id, family: hash === undefined ? undefined : 'rsa-pss', hash });
  }
  const known = PLAIN[id];
  if (known === undefined || !parametersFit(known[0], parameters))
    return Object.freeze({ oid: id, family: undefined, hash: undefined });
  return Object.freeze({ oid: id, family: known[0], hash: known[1] });
}

/**
 * RFC 4055 §5: NULL for RSA (absent is tolerated by its text); RFC 5758 §3.2, RFC 8410 §3: absent for the
 * others.
 */
function parametersFit(family: Family, parameters: Uint8Array | undefined): boolean {
  if (family !== 'rsa-pkcs1') return parameters === undefined;
  return parameters === undefined || equalBytes(parameters, NULL);
}

const NULL = der(TAG.null);

/** DER AlgorithmIdentifier with which a key of `kind` signs what we issue. */
export function signatureIdentifier(kind: KeyKind): {
  readonly scheme: SchemeName;
  readonly identifier: Bytes;
} {
  switch (kind) {
    case 'ed25519':
      return { scheme: 'ed25519', identifier: sequence(oid(OID.ed25519)) };
    case 'p256':
      return { scheme: 'ecdsa_secp256r1_sha256', identifier: sequence(oid(OID.ecdsaWithSha256)) };
    case 'p384':
      return { scheme: 'ecdsa_secp384r1_sha384', identifier: sequence(oid(OID.ecdsaWithSha384)) };
    case 'p521':
      return { scheme: 'ecdsa_secp521r1_sha512', identifier: sequence(oid(OID.ecdsaWithSha512)) };
    case 'rsa':
      return { scheme: 'rsa_pkcs1_sha256', identifier: sequence(oid(OID.sha256WithRsa), NULL) };
    case 'rsa-pss':
      return {
        scheme: 'rsa_pss_pss_sha256',
        identifier: sequence(oid(OID.rsaPss), encodePssParameters('sha256')),
      };
  }
}

/**
 * Checks `signature` over `message` by the holder of `spki`. False for anything that does not fit together.
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  spki: Bytes,
  message: Uint8Array,
  signature: Uint8Array,
  provider: CryptoProvider,
): boolean {
  const key = parseSpki(spki);
  if (key === undefined || algorithm.family === undefined) return false;
  const scheme = schemeFor(algorithm, key.kind);
  if (scheme !== undefined) return provider.verify(scheme, spki, message, signature);
  if (algorithm.family === 'ecdsa' && (key.kind === 'p256' || key.kind === 'p384'))
    return verifyMixedEcdsa(key.kind, key.bytes, algorithm.hash!, message, signature);
  return false;
}

/** The TLS scheme with the same meaning, if there is one. */
function schemeFor({ family, hash }: SignatureAlgorithm, key: KeyKind): SchemeName | undefined {
  if (family === 'ed25519' && key === 'ed25519') return 'ed25519';
  if (family === 'ecdsa' && key === 'p256' && hash === 'sha256') return 'ecdsa_secp256r1_sha256';
  if (family === 'ecdsa' && key === 'p384' && hash === 'sha384') return 'ecdsa_secp384r1_sha384';
  if (family === 'ecdsa' && key === 'p521' && hash === 'sha512') return 'ecdsa_secp521r1_sha512';
  if (family === 'rsa-pkcs1' && key === 'rsa') return `rsa_pkcs1_${hash!}`;
  if (family === 'rsa-pss' && key === 'rsa') return `rsa_pss_rsae_${hash!}`;
  if (family === 'rsa-pss' && key === 'rsa-pss') return `rsa_pss_pss_${hash!}`;
  return undefined;
}

const CURVES = { p256, p384 } as const;

/**
 * ECDSA with a hash of another width than the curve. TLS 1.3 has no scheme for it, so providers have no
 * method, but certificates may be signed so: `openssl req` signs with SHA-256 whatever the curve. P-521 keys are
 * rare, and must sign with SHA-512.
 */
function verifyMixedEcdsa(
  kind: 'p256' | 'p384',
  publicKey: Uint8Array,
  hash: HashName,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const raw = rawFromDer(signature, kind === 'p256' ? 32 : 48);
  if (raw === undefined) return false;
  try {
    return CURVES[kind].verify(raw, HASHES[hash](message), publicKey, { prehash: false, lowS: false });
  } catch {
    return false; // a point that is not on the curve
  }
}
