/** Alerts (RFC 9846 §6): their numbers, and the one table that says which alert an error is answered with. */
import type { TlsErrorCode } from './errors.ts';

const NUMBERS = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  /** Reserved (§B.2): stacks that also speak older versions send it. */
  decompression_failure: 30,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  unknown_psk_identity: 115,
  certificate_required: 116,
  general_error: 117,
  no_application_protocol: 120,
} as const;

export type AlertName = keyof typeof NUMBERS;

const NAMES = new Map<number, AlertName>(
  Object.entries(NUMBERS).map(([name, number]) => [number, name as AlertName]),
);

export function alertNumber(name: AlertName): number {
  return NUMBERS[name];
}

/** The name of an alert, or undefined for a number nobody registered: it is an error alert all the same (§6.2). */
export function alertName(number: number): AlertName | undefined {
  return NAMES.get(number);
}

/** What the peer is told. `undefined`: there is nobody to tell, or the peer told us. */
const ANSWERS: Readonly<Record<TlsErrorCode, AlertName | undefined>> = {
  ERR_TLS_CONFIG: undefined,
  ERR_TLS_STATE: 'internal_error',
  ERR_TLS_OP: 'internal_error',
  ERR_TLS_ABORTED: 'internal_error',
  ERR_TLS_INTERNAL: 'internal_error',
  ERR_TLS_INPUT_LIMIT: 'internal_error',
  ERR_TLS_KEY_LIMIT: 'internal_error',
  ERR_TLS_TRUNCATED: undefined,
  ERR_TLS_ALERT: undefined,
  ERR_TLS_UNEXPECTED_MESSAGE: 'unexpected_message',
  ERR_TLS_FLOOD: 'unexpected_message',
  ERR_TLS_DECODE: 'decode_error',
  ERR_TLS_RECORD_MAC: 'bad_record_mac',
  ERR_TLS_RECORD_OVERFLOW: 'record_overflow',
  ERR_TLS_PROTOCOL_VERSION: 'protocol_version',
  ERR_TLS_DOWNGRADE: 'illegal_parameter',
  ERR_TLS_ILLEGAL_PARAMETER: 'illegal_parameter',
  ERR_TLS_MISSING_EXTENSION: 'missing_extension',
  ERR_TLS_UNSUPPORTED_EXTENSION: 'unsupported_extension',
  ERR_TLS_HANDSHAKE_FAILURE: 'handshake_failure',
  ERR_TLS_ALPN: 'no_application_protocol',
  ERR_TLS_SIGNATURE: 'decrypt_error',
  ERR_TLS_FINISHED: 'decrypt_error',
  ERR_TLS_CERTIFICATE: 'bad_certificate',
  ERR_TLS_CERTIFICATE_REQUIRED: 'certificate_required',
  ERR_TLS_PEER_REFUSED: 'certificate_unknown',
};

export function alertFor(code: TlsErrorCode): AlertName | undefined {
  return ANSWERS[code];
}
