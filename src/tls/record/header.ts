/** The five bytes in front of every record (RFC 9846 §5.1). */

export const HEADER_LENGTH = 5;

export const ContentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;

/** legacy_record_version of everything but a first ClientHello. */
export const TLS12 = 0x0303;
/** legacy_record_version of the first ClientHello: some middleboxes insist (§5.1). */
export const TLS10 = 0x0301;

/** TLSPlaintext.type and TLSCiphertext.opaque_type know these four. */
export function isContentType(type: number): boolean {
  return type >= ContentType.changeCipherSpec && type <= ContentType.applicationData;
}

export function writeHeader(
  out: Uint8Array,
  at: number,
  type: number,
  version: number,
  length: number,
): void {
  out[at] = type;
  out[at + 1] = version >>> 8;
  out[at + 2] = version;
  out[at + 3] = length >>> 8;
  out[at + 4] = length;
}
