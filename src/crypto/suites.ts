/** TLS 1.3 cipher suites, groups and signature schemes as data (RFC 9846 §B.4, §4.3.7, §4.3.3). */

export type HashName = 'sha256' | 'sha384' | 'sha512';
export type AeadName = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';

export type SuiteName = 'TLS_AES_128_GCM_SHA256' | 'TLS_AES_256_GCM_SHA384' | 'TLS_CHACHA20_POLY1305_SHA256';

export interface Suite {
  readonly name: SuiteName;
  readonly id: number;
  readonly aead: AeadName;
  readonly hash: 'sha256' | 'sha384';
  readonly keyLength: 16 | 32;
  readonly hashLength: 32 | 48;
}

export const SUITES: readonly Suite[] = Object.freeze([
  suite('TLS_AES_128_GCM_SHA256', 0x1301, 'aes-128-gcm', 'sha256', 16),
  suite('TLS_AES_256_GCM_SHA384', 0x1302, 'aes-256-gcm', 'sha384', 32),
  suite('TLS_CHACHA20_POLY1305_SHA256', 0x1303, 'chacha20-poly1305', 'sha256', 32),
]);

function suite(
  name: SuiteName,
  id: number,
  aead: AeadName,
  hash: 'sha256' | 'sha384',
  keyLength: 16 | 32,
): Suite {
  return Object.freeze({ name, id, aead, hash, keyLength, hashLength: hash === 'sha256' ? 32 : 48 });
}

export function suiteById(id: number): Suite | undefined {
  return SUITES.find((suite) => suite.id === id);
}

export type CurveGroup = 'x25519' | 'secp256r1' | 'secp384r1' | 'secp521r1';
export type GroupName = CurveGroup | 'X25519MLKEM768';

export interface Group {
  readonly name: GroupName;
  readonly id: number;
  /** Used without being asked for. P-521 costs ten times P-256, and peers that know nothing better do not exist. */
  readonly byDefault: boolean;
}

/** The hybrid is draft-ietf-tls-ecdhe-mlkem's; only providers that `withMlKem` made have it. */
export const GROUPS: readonly Group[] = Object.freeze([
  group('x25519', 0x001d),
  group('secp256r1', 0x0017),
  group('secp384r1', 0x0018),
  group('secp521r1', 0x0019, false),
  group('X25519MLKEM768', 0x11ec),
]);

function group(name: GroupName, id: number, byDefault = true): Group {
  return Object.freeze({ name, id, byDefault });
}

export function suiteByName(name: SuiteName): Suite {
  return SUITES.find((suite) => suite.name === name)!;
}

export function groupByName(name: GroupName): Group {
  return GROUPS.find((group) => group.name === name)!;
}

export function groupById(id: number): Group | undefined {
  return GROUPS.find((group) => group.id === id);
}

export type KeyKind = 'ed25519' | 'p256' | 'p384' | 'p521' | 'rsa' | 'rsa-pss';

export type SchemeName =
  | 'ed25519'
  | 'ecdsa_secp256r1_sha256'
  | 'ecdsa_secp384r1_sha384'
  | 'ecdsa_secp521r1_sha512'
  | 'rsa_pss_rsae_sha256'
  | 'rsa_pss_rsae_sha384'
  | 'rsa_pss_rsae_sha512'
  | 'rsa_pss_pss_sha256'
  | 'rsa_pss_pss_sha384'
  | 'rsa_pss_pss_sha512'
  | 'rsa_pkcs1_sha256'
  | 'rsa_pkcs1_sha384'
  | 'rsa_pkcs1_sha512';

export interface Scheme {
  readonly name: SchemeName;
  readonly id: number;
  readonly key: KeyKind;
  /** Ed25519 hashes inside the algorithm. */
  readonly hash: HashName | undefined;
  /** PKCS#1 v1.5 may sign certificates, never a TLS 1.3 handshake (RFC 9846 §4.3.3). */
  readonly certificateOnly: boolean;
}

export const SCHEMES: readonly Scheme[] = Object.freeze([
  scheme('ed25519', 0x0807, 'ed25519', undefined),
  scheme('ecdsa_secp256r1_sha256', 0x0403, 'p256', 'sha256'),
  scheme('ecdsa_secp384r1_sha384', 0x0503, 'p384', 'sha384'),
  scheme('ecdsa_secp521r1_sha512', 0x0603, 'p521', 'sha512'),
  scheme('rsa_pss_rsae_sha256', 0x0804, 'rsa', 'sha256'),
  scheme('rsa_pss_rsae_sha384', 0x0805, 'rsa', 'sha384'),
  scheme('rsa_pss_rsae_sha512', 0x0806, 'rsa', 'sha512'),
  scheme('rsa_pss_pss_sha256', 0x0809, 'rsa-pss', 'sha256'),
  scheme('rsa_pss_pss_sha384', 0x080a, 'rsa-pss', 'sha384'),
  scheme('rsa_pss_pss_sha512', 0x080b, 'rsa-pss', 'sha512'),
  scheme('rsa_pkcs1_sha256', 0x0401, 'rsa', 'sha256', true),
  scheme('rsa_pkcs1_sha384', 0x0501, 'rsa', 'sha384', true),
  scheme('rsa_pkcs1_sha512', 0x0601, 'rsa', 'sha512', true),
]);

function scheme(
  name: SchemeName,
  id: number,
  key: KeyKind,
  hash: HashName | undefined,
  certificateOnly = false,
): Scheme {
  return Object.freeze({ name, id, key, hash, certificateOnly });
}

export function schemeById(id: number): Scheme | undefined {
  return SCHEMES.find((scheme) => scheme.id === id);
}

export function schemeByName(name: SchemeName): Scheme {
  return SCHEMES.find((scheme) => scheme.name === name)!;
}
