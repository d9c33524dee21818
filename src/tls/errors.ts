/** The error family of TLS. The peer learns only the alert (`alert.ts`); everything else is for this side's eyes. */
import type { ErrorDetails } from '../base/errors.ts';
import { Q2qError } from '../base/errors.ts';
import type { AlertName } from './alert.ts';
import { alertFor } from './alert.ts';

/** Every code with who is at fault. */
const FAULTS = {
  /** A configuration value is wrong; the message names the field. */
  ERR_TLS_CONFIG: 'config',
  /** A call that does not fit the connection's phase, or a late or double answer to an op. */
  ERR_TLS_STATE: 'local',
  /** A signer, verifier or context choice failed or answered with the wrong kind of value. */
  ERR_TLS_OP: 'local',
  /** `abort` was called. */
  ERR_TLS_ABORTED: 'local',
  /** The provider or the engine itself failed: a defect, never the peer's doing. */
  ERR_TLS_INTERNAL: 'local',
  /** More input than `limits.ts` allows was fed while an op was pending. */
  ERR_TLS_INPUT_LIMIT: 'local',
  /** A traffic key protected as many records as it may and could not be replaced. */
  ERR_TLS_KEY_LIMIT: 'local',
  /** The carrier ended without close_notify: what arrived may be incomplete. */
  ERR_TLS_TRUNCATED: 'transport',
  /** The peer sent a fatal alert. */
  ERR_TLS_ALERT: 'remote',
  ERR_TLS_UNEXPECTED_MESSAGE: 'remote',
  /** Records that carry nothing, again and again. */
  ERR_TLS_FLOOD: 'remote',
  ERR_TLS_DECODE: 'remote',
  ERR_TLS_RECORD_MAC: 'remote',
  ERR_TLS_RECORD_OVERFLOW: 'remote',
  ERR_TLS_PROTOCOL_VERSION: 'remote',
  ERR_TLS_DOWNGRADE: 'remote',
  ERR_TLS_ILLEGAL_PARAMETER: 'remote',
  ERR_TLS_MISSING_EXTENSION: 'remote',
  ERR_TLS_UNSUPPORTED_EXTENSION: 'remote',
  /** No suite, group or signature scheme both sides can use. */
  ERR_TLS_HANDSHAKE_FAILURE: 'remote',
  /** No application protocol both sides speak. */
  ERR_TLS_ALPN: 'remote',
  ERR_TLS_SIGNATURE: 'remote',
  ERR_TLS_FINISHED: 'remote',
  /** The peer's leaf certificate cannot be read, or its key may not sign. */
  ERR_TLS_CERTIFICATE: 'remote',
  ERR_TLS_CERTIFICATE_REQUIRED: 'remote',
  /** The verifier refused the peer's certificates; `cause` is the Refusal. */
  ERR_TLS_PEER_REFUSED: 'remote',
} as const;

export type TlsErrorCode = keyof typeof FAULTS;

export interface TlsErrorDetails extends ErrorDetails {
  /** Overrides the alert of `alert.ts`; null sends none. */
  readonly alert?: AlertName | null;
  readonly alertFrom?: 'local' | 'peer';
}

export class TlsError extends Q2qError<TlsErrorCode> {
  /** The alert that was sent or received with this error. */
  readonly alert: AlertName | undefined;
  /** Who sent it. */
  readonly alertFrom: 'local' | 'peer' | undefined;

  constructor(code: TlsErrorCode, message: string, details: TlsErrorDetails = {}) {
    super(code, FAULTS[code], message, details);
    this.name = 'TlsError';
    this.alert = details.alert === null ? undefined : (details.alert ?? alertFor(code));
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
