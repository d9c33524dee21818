/** Numbers of the handshake protocol (RFC 9846 §4, §4.3, §B.3; RFC 8879 §4). Unknown ones stay numbers and are ignored where they may. */

const HANDSHAKE_TYPES = {
  client_hello: 1,
  server_hello: 2,
  new_session_ticket: 4,
  end_of_early_data: 5,
  encrypted_extensions: 8,
  certificate: 11,
  certificate_request: 13,
  certificate_verify: 15,
  finished: 20,
  key_update: 24,
  compressed_certificate: 25,
} as const;

export type HandshakeName = keyof typeof HANDSHAKE_TYPES;

export const HANDSHAKE_NAMES: readonly HandshakeName[] = Object.freeze(
  Object.keys(HANDSHAKE_TYPES) as HandshakeName[],
);

const NAMES = new Map<number, HandshakeName>(HANDSHAKE_NAMES.map((name) => [HANDSHAKE_TYPES[name], name]));

export function handshakeType(name: HandshakeName): number {
  return HANDSHAKE_TYPES[name];
}

export function handshakeName(type: number): HandshakeName | undefined {
  return NAMES.get(type);
}

/** The synthetic message of a retried transcript (§4.4.1); never on the wire. */
export const MESSAGE_HASH = 254;

export const ExtensionType = {
  serverName: 0,
  maxFragmentLength: 1,
  statusRequest: 5,
  supportedGroups: 10,
  signatureAlgorithms: 13,
  useSrtp: 14,
  heartbeat: 15,
  alpn: 16,
  signedCertificateTimestamp: 18,
  clientCertificateType: 19,
  serverCertificateType: 20,
  padding: 21,
  compressCertificate: 27,
  recordSizeLimit: 28,
  preSharedKey: 41,
  earlyData: 42,
  supportedVersions: 43,
  cookie: 44,
  pskKeyExchangeModes: 45,
  certificateAuthorities: 47,
  oidFilters: 48,
  postHandshakeAuth: 49,
  signatureAlgorithmsCert: 50,
  keyShare: 51,
  ticketRequest: 58,
} as const;

export const TLS13 = 0x0304;
/** legacy_version of both hellos: TLS 1.2, for ever (§4.2.2). */
export const LEGACY_VERSION = 0x0303;
