/** The error family of TLS. The peer learns only the alert; everything else is for this side's eyes. */
import type { ErrorDetails, Fault } from '../base/errors.ts';
import { Q2qError } from '../base/errors.ts';
import type { AlertName } from './alert.ts';

/** Code: whose fault, and what the peer is told. No alert: there is nobody to tell, or the peer told us. */
const TABLE = {
  /** A configuration value is wrong; the message names the field. */
  ERR_TLS_CONFIG: ['config'],
  /** A call that does not fit the connection's phase, or a late or double answer to an op. */
  ERR_TLS_STATE: ['local', 'internal_error'],
  /** A signer, verifier or context choice failed or answered with the wrong kind of value. */
  ERR_TLS_OP: ['local', 'internal_error'],
  /** `abort` was called. */
  ERR_TLS_ABORTED: ['local', 'internal_error'],
  /** The provider or the engine itself failed: a defect, never the peer's doing. */
  ERR_TLS_INTERNAL: ['local', 'internal_error'],
  /** More input than `limits.ts` allows was fed while an op was pending. */
  ERR_TLS_INPUT_LIMIT: ['local', 'internal_error'],
  /** A traffic key protected as many records as it may and could not be replaced. */
  ERR_TLS_KEY_LIMIT: ['local', 'internal_error'],
  /** The carrier ended without close_notify: what arrived may be incomplete. */
  ERR_TLS_TRUNCATED: ['transport'],
  /** The peer sent a fatal alert. */
  ERR_TLS_ALERT: ['remote'],
  ERR_TLS_UNEXPECTED_MESSAGE: ['remote', 'unexpected_message'],
  /** Records that carry nothing, again and again. */
  ERR_TLS_FLOOD: ['remote', 'unexpected_message'],
  ERR_TLS_DECODE: ['remote', 'decode_error'],
  ERR_TLS_RECORD_MAC: ['remote', 'bad_record_mac'],
  ERR_TLS_RECORD_OVERFLOW: ['remote', 'record_overflow'],
  ERR_TLS_PROTOCOL_VERSION: ['remote', 'protocol_version'],
  ERR_TLS_DOWNGRADE: ['remote', 'illegal_parameter'],
  ERR_TLS_ILLEGAL_PARAMETER: ['remote', 'illegal_parameter'],
  ERR_TLS_MISSING_EXTENSION: ['remote', 'missing_extension'],
  ERR_TLS_UNSUPPORTED_EXTENSION: ['remote', 'unsupported_extension'],
  /** No suite, group or signature scheme both sides can use. */
  ERR_TLS_HANDSHAKE_FAILURE: ['remote', 'handshake_failure'],
  /** No application protocol both sides speak. */
  ERR_TLS_ALPN: ['remote', 'no_application_protocol'],
  ERR_TLS_SIGNATURE: ['remote', 'decrypt_error'],
  ERR_TLS_FINISHED: ['remote', 'decrypt_error'],
  /** The peer's leaf certificate cannot be read, or its key may not sign. */
  ERR_TLS_CERTIFICATE: ['remote', 'bad_certificate'],
  ERR_TLS_CERTIFICATE_REQUIRED: ['remote', 'certificate_required'],
  /** The verifier refused the peer's certificates; `cause` is the Refusal. */
  ERR_TLS_PEER_REFUSED: ['remote', 'certificate_unknown'],
} as const;

export type TlsErrorCode = keyof typeof TABLE;

export interface TlsErrorDetails extends ErrorDetails {
  /** Overrides the alert of the table; null sends none. */
  readonly alert?: AlertName | null;
  readonly alertFrom?: 'local' | 'peer';
}

export class TlsError extends Q2qError<TlsErrorCode> {
  /** The alert that was sent or received with this error. */
  readonly alert: AlertName | undefined;
  /** Who sent it. */
  readonly alertFrom: 'local' | 'peer' | undefined;

  constructor(code: TlsErrorCode, message: string, details: TlsErrorDetails = {}) {
    const [fault, alert] = TABLE[code] as readonly [Fault, AlertName?];
    super(code, fault, message, details);
    this.name = 'TlsError';
    this.alert = details.alert === null ? undefined : (details.alert ?? alert);
    this.alertFrom = this.alert === undefined ? undefined : (details.alertFrom ?? 'local');
  }
}

export const unexpectedMessage = (message: string): TlsError =>
  new TlsError('ERR_TLS_UNEXPECTED_MESSAGE', message);
export const illegalParameter = (message: string): TlsError =>
  new TlsError('ERR_TLS_ILLEGAL_PARAMETER', message);
export const decodeError = (message: string, cause?: unknown): TlsError =>
  new TlsError('ERR_TLS_DECODE', message, { cause });
export const missingExtension = (message: string): TlsError =>
  new TlsError('ERR_TLS_MISSING_EXTENSION', message);
export const misuse = (message: string): TlsError => new TlsError('ERR_TLS_STATE', message, { alert: null });
