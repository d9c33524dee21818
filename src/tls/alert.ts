/** Alerts (RFC 9846 §6) and their numbers. Which one answers an error is said in `errors.ts`. */

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
