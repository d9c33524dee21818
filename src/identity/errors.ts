/**
 * Every way identity work can fail, in one table. Errors about files, text and configuration are thrown as
 * `IdentityError`; a chain that proves nothing is a value, `Refusal`, whose code names the rule that it
 * broke. The peer learns only the alert (RFC 9846 §6.2), never the text.
 */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

/** The certificate alerts of RFC 9846 §6.2. */
export type CertificateAlert =
  | 'bad_certificate'
  | 'unsupported_certificate'
  | 'certificate_revoked'
  | 'certificate_expired'
  | 'certificate_unknown'
  | 'unknown_ca'
  | 'access_denied'
  | 'certificate_required';

/**
 * Code: whose fault, and which alert a handshake ends with (`certificate_unknown` unless given). What each means is said
 * in `errorMeanings.ts`, which only those load who print it.
 */
const TABLE = {
  // Formats
  ERR_IDENTITY_DER: ['remote', 'bad_certificate'],
  ERR_IDENTITY_PEM_NO_BLOCK: ['config'],
  ERR_IDENTITY_PEM_TRUNCATED: ['config'],
  ERR_IDENTITY_PEM_LABEL: ['config'],
  ERR_IDENTITY_PEM_UNOPENED: ['config'],
  ERR_IDENTITY_PEM_BOUNDARY: ['config'],
  ERR_IDENTITY_PEM_HEADERS: ['config'],
  ERR_IDENTITY_PEM_EMPTY: ['config'],
  ERR_IDENTITY_PEM_BINARY: ['config'],
  ERR_IDENTITY_PEM_BASE64: ['config'],
  ERR_IDENTITY_PEM_AROUND: ['config'],
  ERR_IDENTITY_PEM_TOO_BIG: ['config'],
  ERR_IDENTITY_KEY: ['config'],
  ERR_IDENTITY_PASSPHRASE_NEEDED: ['config'],
  ERR_IDENTITY_PASSPHRASE_WRONG: ['config'],
  ERR_IDENTITY_ENCRYPTION: ['config'],
  ERR_IDENTITY_CREDENTIAL_NO_KEY: ['config'],
  ERR_IDENTITY_CREDENTIAL_KEYS: ['config'],
  ERR_IDENTITY_CREDENTIAL_NO_CERTIFICATE: ['config'],
  ERR_IDENTITY_CREDENTIAL_STRAY: ['config'],
  ERR_IDENTITY_CREDENTIAL_DUPLICATE: ['config'],
  ERR_IDENTITY_CREDENTIAL_ORDER: ['config'],
  ERR_IDENTITY_CREDENTIAL_LEAVES: ['config'],
  ERR_IDENTITY_CREDENTIAL_LINK: ['config'],
  ERR_IDENTITY_PKCS12: ['config'],
  ERR_IDENTITY_CSR: ['remote', 'bad_certificate'],
  ERR_IDENTITY_CRL: ['config'],
  ERR_IDENTITY_CRL_STALE: ['config'],
  ERR_IDENTITY_KEY_ID: ['config'],
  ERR_IDENTITY_ADDRESS: ['config'],
  ERR_IDENTITY_PROTOCOL: ['config'],
  ERR_IDENTITY_DEVICE_CODE: ['config'],
  ERR_IDENTITY_ALLOW_LIST: ['config'],
  ERR_IDENTITY_KEY_WORDS: ['config'],
  // Own side
  ERR_IDENTITY_ISSUE: ['config'],
  ERR_IDENTITY_MISMATCH: ['config'],
  ERR_IDENTITY_STORE: ['local'],
  ERR_IDENTITY_STORE_MODE: ['config'],
  ERR_IDENTITY_STORE_OWNER: ['config'],
  ERR_IDENTITY_STORE_BUSY: ['local'],
  ERR_IDENTITY_STORE_OLDER: ['config'],
  ERR_IDENTITY_STORE_SIGNER: ['config'],
  // Refusals: what a presented chain did not prove
  ERR_IDENTITY_NO_CERTIFICATE: ['remote', 'certificate_required'],
  ERR_IDENTITY_CHAIN_TOO_BIG: ['remote', 'bad_certificate'],
  ERR_IDENTITY_MALFORMED: ['remote', 'bad_certificate'],
  ERR_IDENTITY_NO_ANCHOR: ['remote', 'unknown_ca'],
  ERR_IDENTITY_UNKNOWN_ISSUER: ['remote', 'unknown_ca'],
  ERR_IDENTITY_SIGNATURE: ['remote', 'bad_certificate'],
  ERR_IDENTITY_ALGORITHM: ['remote', 'unsupported_certificate'],
  ERR_IDENTITY_EXPIRED: ['remote', 'certificate_expired'],
  ERR_IDENTITY_NOT_YET_VALID: ['remote', 'certificate_expired'],
  ERR_IDENTITY_NOT_A_CA: ['remote', 'bad_certificate'],
  ERR_IDENTITY_CA_AS_LEAF: ['remote', 'unsupported_certificate'],
  ERR_IDENTITY_PATH_LENGTH: ['remote', 'bad_certificate'],
  ERR_IDENTITY_KEY_USAGE: ['remote', 'unsupported_certificate'],
  ERR_IDENTITY_EXTENDED_KEY_USAGE: ['remote', 'unsupported_certificate'],
  ERR_IDENTITY_CRITICAL_EXTENSION: ['remote', 'unsupported_certificate'],
  ERR_IDENTITY_NAME_CONSTRAINTS: ['remote', 'bad_certificate'],
  ERR_IDENTITY_PROFILE: ['remote', 'bad_certificate'],
  ERR_IDENTITY_USER_CA: ['remote', 'bad_certificate'],
  ERR_IDENTITY_NAME: ['remote', 'bad_certificate'],
  ERR_IDENTITY_KEY_MISMATCH: ['remote', 'bad_certificate'],
  ERR_IDENTITY_PIN: ['remote', 'unknown_ca'],
  ERR_IDENTITY_PIN_CHANGED: ['remote', 'unknown_ca'],
  ERR_IDENTITY_DENIED: ['remote', 'certificate_revoked'],
  ERR_IDENTITY_REVOKED: ['remote', 'certificate_revoked'],
  ERR_IDENTITY_POLICY: ['remote', 'access_denied'],
  ERR_IDENTITY_BUDGET: ['remote', 'bad_certificate'],
  // Bundles: what a domain says of itself
  ERR_IDENTITY_BUNDLE: ['remote'],
  ERR_IDENTITY_BUNDLE_DOMAIN: ['remote'],
  ERR_IDENTITY_BUNDLE_SIGNER: ['remote'],
  ERR_IDENTITY_BUNDLE_ROLLBACK: ['remote'],
  ERR_IDENTITY_BUNDLE_EXPIRED: ['remote'],
  ERR_IDENTITY_WITNESS: ['remote', 'unknown_ca'],
} as const;

export type IdentityErrorCode = keyof typeof TABLE;

type Unprefixed<Code> = Code extends `ERR_IDENTITY_${infer Rule}` ? Rule : never;
/** What a code says behind its prefix. */
export type IdentityRule = Unprefixed<IdentityErrorCode>;

export function consequencesOf(code: IdentityErrorCode): { fault: Fault; alert: CertificateAlert } {
  const [fault, alert = 'certificate_unknown'] = TABLE[code] as readonly [Fault, CertificateAlert?];
  return { fault, alert };
}

export class IdentityError extends Q2qError<IdentityErrorCode> {
  constructor(code: IdentityErrorCode, message: string, details: ErrorDetails = {}) {
    super(code, consequencesOf(code).fault, message, details);
    this.name = 'IdentityError';
  }
}

/**
 * Why a presented chain was refused. Returned, not thrown: a caller cannot forget it in a `catch`, and the
 * type system makes it choose between this and `VerifiedPeer`.
 */
export class Refusal extends IdentityError {
  /** Index into the chain as presented (0 = leaf); undefined when no single certificate is to blame. */
  readonly certIndex: number | undefined;
  readonly alert: CertificateAlert;

  constructor(code: IdentityErrorCode, message: string, certIndex?: number, details: ErrorDetails = {}) {
    super(code, message, details);
    this.name = 'Refusal';
    this.certIndex = certIndex;
    this.alert = consequencesOf(code).alert;
  }
}
