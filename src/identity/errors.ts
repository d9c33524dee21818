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
 * Codes whose fault is the caller's, the configuration's or a file's, and nobody else's. Types only: a page that verifies peers
 * does not load the names of what it never does.
 */
type ConfigCode =
  | 'ERR_IDENTITY_PEM_NO_BLOCK'
  | 'ERR_IDENTITY_PEM_TRUNCATED'
  | 'ERR_IDENTITY_PEM_LABEL'
  | 'ERR_IDENTITY_PEM_UNOPENED'
  | 'ERR_IDENTITY_PEM_BOUNDARY'
  | 'ERR_IDENTITY_PEM_HEADERS'
  | 'ERR_IDENTITY_PEM_EMPTY'
  | 'ERR_IDENTITY_PEM_BINARY'
  | 'ERR_IDENTITY_PEM_BASE64'
  | 'ERR_IDENTITY_PEM_AROUND'
  | 'ERR_IDENTITY_PEM_TOO_BIG'
  | 'ERR_IDENTITY_KEY'
  | 'ERR_IDENTITY_PASSPHRASE_NEEDED'
  | 'ERR_IDENTITY_PASSPHRASE_WRONG'
  | 'ERR_IDENTITY_ENCRYPTION'
  | 'ERR_IDENTITY_CREDENTIAL_NO_KEY'
  | 'ERR_IDENTITY_CREDENTIAL_KEYS'
  | 'ERR_IDENTITY_CREDENTIAL_NO_CERTIFICATE'
  | 'ERR_IDENTITY_CREDENTIAL_STRAY'
  | 'ERR_IDENTITY_CREDENTIAL_DUPLICATE'
  | 'ERR_IDENTITY_CREDENTIAL_ORDER'
  | 'ERR_IDENTITY_CREDENTIAL_LEAVES'
  | 'ERR_IDENTITY_CREDENTIAL_LINK'
  | 'ERR_IDENTITY_CRL'
  | 'ERR_IDENTITY_CRL_STALE'
  | 'ERR_IDENTITY_KEY_ID'
  | 'ERR_IDENTITY_ADDRESS'
  | 'ERR_IDENTITY_PROTOCOL'
  | 'ERR_IDENTITY_DEVICE_CODE'
  | 'ERR_IDENTITY_ALLOW_LIST'
  | 'ERR_IDENTITY_KEY_WORDS'
  | 'ERR_IDENTITY_ISSUE'
  | 'ERR_IDENTITY_MISMATCH'
  | 'ERR_IDENTITY_STORE_MODE'
  | 'ERR_IDENTITY_STORE_OWNER'
  | 'ERR_IDENTITY_STORE_OLDER'
  | 'ERR_IDENTITY_STORE_SIGNER'
  | 'ERR_IDENTITY_AGENT'
  | 'ERR_IDENTITY_AGENT_TIMEOUT'
  | 'ERR_IDENTITY_AGENT_ANSWER'
  | 'ERR_IDENTITY_AGENT_REFUSED'
  | 'ERR_IDENTITY_AGENT_NO_KEY'
  | 'ERR_IDENTITY_PKCS12';

/**
 * The other codes: whose fault, and which alert a handshake ends with (`certificate_unknown` unless given). What each means is
 * said in `errorMeanings.ts`, which only those load who print it.
 */
const TABLE = {
  // Formats
  ERR_IDENTITY_DER: ['remote', 'bad_certificate'],
  ERR_IDENTITY_CSR: ['remote', 'bad_certificate'],
  // Own side
  ERR_IDENTITY_STORE: ['local'],
  ERR_IDENTITY_STORE_BUSY: ['local'],
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

export type IdentityErrorCode = keyof typeof TABLE | ConfigCode;

type Unprefixed<Code> = Code extends `ERR_IDENTITY_${infer Rule}` ? Rule : never;
/** What a code says behind its prefix. */
export type IdentityRule = Unprefixed<IdentityErrorCode>;

export function consequencesOf(code: IdentityErrorCode): { fault: Fault; alert: CertificateAlert } {
  const table: Partial<Record<IdentityErrorCode, readonly [Fault, CertificateAlert?]>> = TABLE;
  const [fault, alert = 'certificate_unknown'] = table[code] ?? ['config'];
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
