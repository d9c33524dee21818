/** Why a peer was not believed, in the few words that programs act on; the error itself says the rest. */
import type { IdentityErrorCode } from '../../identity/index.ts';
import { Refusal } from '../../identity/index.ts';
import { TlsError } from '../errors.ts';

export type AuthenticationFailure =
  | 'noCertificate'
  /** It is somebody, but not the one that was wanted. */
  | 'wrongName'
  | 'wrongKey'
  /** It is who it says, and may not. */
  | 'notAuthorised'
  /** What it shows does not lead to anybody we believe. */
  | 'badChain'
  /** It does not hold the key of what it shows. */
  | 'notProven';

/** Whatever is not here says something about the chain. */
const BY_REFUSAL: Partial<Record<IdentityErrorCode, AuthenticationFailure>> = {
  ERR_IDENTITY_NO_CERTIFICATE: 'noCertificate',
  ERR_IDENTITY_NAME: 'wrongName',
  ERR_IDENTITY_KEY_MISMATCH: 'wrongKey',
  ERR_IDENTITY_PIN: 'wrongKey',
  ERR_IDENTITY_DENIED: 'notAuthorised',
  ERR_IDENTITY_POLICY: 'notAuthorised',
};

/** Undefined for errors that are not about who the peer is, among them every alert of the peer: those are its opinion of us. */
export function authenticationFailure(error: unknown): AuthenticationFailure | undefined {
  if (!(error instanceof TlsError) || error.alertFrom === 'peer') return undefined;
  switch (error.code) {
    case 'ERR_TLS_PEER_REFUSED':
      return error.cause instanceof Refusal ? (BY_REFUSAL[error.cause.code] ?? 'badChain') : undefined;
    case 'ERR_TLS_CERTIFICATE_REQUIRED':
      return 'noCertificate';
    case 'ERR_TLS_CERTIFICATE':
      return 'badChain';
    case 'ERR_TLS_SIGNATURE':
      return 'notProven';
    default:
      return undefined;
  }
}
