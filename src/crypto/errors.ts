/** The error family of the crypto room: keys that cannot be read or used. Hostile signatures and shares never throw. */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

export type CryptoErrorCode = 'ERR_CRYPTO_KEY' | 'ERR_CRYPTO_SCHEME' | 'ERR_CRYPTO_UNSUPPORTED';

const FAULTS: Readonly<Record<CryptoErrorCode, Fault>> = {
  /** A key that is malformed, of an unsupported kind, or whose halves do not belong together. */
  ERR_CRYPTO_KEY: 'config',
  /** A key was asked to sign with a scheme that is not its own. */
  ERR_CRYPTO_SCHEME: 'local',
  /** The platform lacks the primitive, such as Ed25519 in an old browser's WebCrypto. */
  ERR_CRYPTO_UNSUPPORTED: 'config',
};

export class CryptoError extends Q2qError<CryptoErrorCode> {
  constructor(code: CryptoErrorCode, message: string, details?: ErrorDetails) {
    super(code, FAULTS[code], message, details);
    this.name = 'CryptoError';
  }
}
