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
 * Code: whose fault, what it means, which alert a handshake ends with (`certificate_unknown` unless given).
 */
const TABLE = {
  // Formats
  ERR_IDENTITY_DER: ['remote', 'bytes are not strict DER of the expected shape', 'bad_certificate'],
  ERR_IDENTITY_PEM_NO_BLOCK: ['config', 'the text holds no PEM block'],
  ERR_IDENTITY_PEM_TRUNCATED: ['config', 'a PEM block has no END line'],
  ERR_IDENTITY_PEM_LABEL: ['config', 'BEGIN and END lines differ, or the label is not the one wanted'],
  ERR_IDENTITY_PEM_BASE64: ['config', 'the body of a PEM block is not base64'],
  ERR_IDENTITY_PEM_AROUND: ['config', 'there is other text around the PEM blocks'],
  ERR_IDENTITY_PEM_TOO_BIG: ['config', 'the PEM text is larger than any we read'],
  ERR_IDENTITY_KEY: ['config', 'the private key cannot be used'],
  ERR_IDENTITY_CSR: [
    'remote',
    'the certification request is malformed or does not prove its key',
    'bad_certificate',
  ],
  ERR_IDENTITY_KEY_ID: ['config', 'the text is no key id'],
  ERR_IDENTITY_ADDRESS: ['config', 'the text is no address'],
  ERR_IDENTITY_PROTOCOL: ['config', 'the protocol name is not allowed'],
  // Own side
  ERR_IDENTITY_ISSUE: ['config', 'the authority does not issue such a certificate'],
  ERR_IDENTITY_MISMATCH: ['config', 'certificate and key do not belong together'],
  ERR_IDENTITY_STORE: ['local', 'the identity store cannot be read or written'],
  ERR_IDENTITY_STORE_MODE: ['config', 'a file with a private key is open to other users'],
  // Refusals: what a presented chain did not prove
  ERR_IDENTITY_NO_CERTIFICATE: ['remote', 'the peer presented no certificate', 'certificate_required'],
  ERR_IDENTITY_CHAIN_TOO_BIG: ['remote', 'the chain has too many certificates or bytes', 'bad_certificate'],
  ERR_IDENTITY_MALFORMED: ['remote', 'a certificate does not follow RFC 5280', 'bad_certificate'],
  ERR_IDENTITY_NO_ANCHOR: ['remote', 'we hold no root for the claimed domain', 'unknown_ca'],
  ERR_IDENTITY_UNKNOWN_ISSUER: ['remote', 'no path leads from the leaf to a root we hold', 'unknown_ca'],
  ERR_IDENTITY_SIGNATURE: ['remote', 'a signature does not verify', 'bad_certificate'],
  ERR_IDENTITY_ALGORITHM: [
    'remote',
    'a key or signature algorithm is too weak or unknown',
    'unsupported_certificate',
  ],
  ERR_IDENTITY_EXPIRED: ['remote', 'a certificate is past its end', 'certificate_expired'],
  ERR_IDENTITY_NOT_YET_VALID: ['remote', 'a certificate is not valid yet', 'certificate_expired'],
  ERR_IDENTITY_NOT_A_CA: ['remote', 'a certificate that may not issue has issued', 'bad_certificate'],
  ERR_IDENTITY_CA_AS_LEAF: ['remote', 'the leaf is a CA certificate', 'unsupported_certificate'],
  ERR_IDENTITY_PATH_LENGTH: ['remote', 'more certificates follow a CA than it allows', 'bad_certificate'],
  ERR_IDENTITY_KEY_USAGE: ['remote', 'the key is not for this use', 'unsupported_certificate'],
  ERR_IDENTITY_EXTENDED_KEY_USAGE: [
    'remote',
    'the certificate is not for this role',
    'unsupported_certificate',
  ],
  ERR_IDENTITY_CRITICAL_EXTENSION: [
    'remote',
    'a critical extension is not understood',
    'unsupported_certificate',
  ],
  ERR_IDENTITY_NAME_CONSTRAINTS: ['remote', 'a name lies outside what its CA may sign', 'bad_certificate'],
  ERR_IDENTITY_PROFILE: ['remote', 'the certificate does not fit the profile of its kind', 'bad_certificate'],
  ERR_IDENTITY_NAME: ['remote', 'the peer proved another name than the one wanted', 'bad_certificate'],
  ERR_IDENTITY_KEY_MISMATCH: ['remote', 'the peer holds another key than the one wanted', 'bad_certificate'],
  ERR_IDENTITY_PIN: ['remote', 'the chain holds no root with the pinned key', 'unknown_ca'],
  ERR_IDENTITY_DENIED: ['remote', 'the domain has withdrawn this key', 'certificate_revoked'],
  ERR_IDENTITY_BUDGET: ['remote', 'checking the chain takes more work than we spend', 'bad_certificate'],
} as const;

export type IdentityErrorCode = keyof typeof TABLE;

type Unprefixed<Code> = Code extends `ERR_IDENTITY_${infer Rule}` ? Rule : never;
/** What a code says behind its prefix. */
export type IdentityRule = Unprefixed<IdentityErrorCode>;

export interface IdentityErrorMeaning {
  readonly fault: Fault;
  readonly means: string;
  readonly alert: CertificateAlert;
}

function meaning([fault, means, alert]: readonly [Fault, string, CertificateAlert?]): IdentityErrorMeaning {
  return Object.freeze({ fault, means, alert: alert ?? 'certificate_unknown' });
}

/** What each code means; documentation and the CLI print from here. */
export const IDENTITY_ERRORS: Readonly<Record<IdentityErrorCode, IdentityErrorMeaning>> = Object.freeze(
  Object.fromEntries(Object.entries(TABLE).map(([code, row]) => [code, meaning(row)])) as Record<
    IdentityErrorCode,
    IdentityErrorMeaning
  >,
);

export class IdentityError extends Q2qError<IdentityErrorCode> {
  constructor(code: IdentityErrorCode, message: string, details: ErrorDetails = {}) {
    super(code, IDENTITY_ERRORS[code].fault, message, details);
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
    this.alert = IDENTITY_ERRORS[code].alert;
  }
}
