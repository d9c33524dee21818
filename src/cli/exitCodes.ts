/** What the process's exit code says. Scripts rely on it: the numbers are documented and tested. */
import { type Fault, isQ2qError } from '../base/errors.ts';
import { type AlertName, TlsError } from '../tls/index.ts';

export const EXIT = {
  ok: 0,
  /** Anything that has no number of its own. */
  other: 1,
  /** The command line itself is wrong: nothing was tried. */
  usage: 2,
  /** Our own identity, key, certificate, invite file, configuration or port cannot be used. */
  config: 3,
  /** Nobody answered, or the way there broke. */
  unreachable: 4,
  /** The other end refused us, or is not who it should be. */
  refused: 5,
  /** The other end broke the protocol, or has none in common with us. */
  protocol: 6,
  timeout: 7,
  /** SIGINT, or SIGTERM before the work was done. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `Exit codes:
  0 done                            4 unreachable
  1 another error                   5 refused, or not who was expected
  2 wrong usage                     6 protocol error
  3 own identity or configuration   7 timed out         130 interrupted`;

/** What an error's fault means for the person at the command line. */
const BY_FAULT: Readonly<Record<Fault, ExitCode>> = {
  config: EXIT.config,
  transport: EXIT.unreachable,
  remote: EXIT.protocol,
  local: EXIT.other,
};

/** Codes that say more than their fault does. */
const BY_CODE: Readonly<Record<string, ExitCode>> = {
  ERR_CLI_USAGE: EXIT.usage,
  ERR_CLI_INTERRUPTED: EXIT.interrupted,
  // Words of the command line that are no address, name, key or protocol
  ERR_IDENTITY_ADDRESS: EXIT.usage,
  ERR_IDENTITY_KEY_ID: EXIT.usage,
  ERR_IDENTITY_KEY_WORDS: EXIT.usage,
  ERR_IDENTITY_PROTOCOL: EXIT.usage,
  ERR_PEER_ADDRESS: EXIT.usage,
  // The way broke, whoever broke it
  ERR_MUX_GOAWAY: EXIT.unreachable,
  ERR_MUX_RESET: EXIT.unreachable,
  ERR_MUX_STOPPED: EXIT.unreachable,
  ERR_PEER_RESET: EXIT.unreachable,
  // No is an answer
  ERR_MUX_REFUSED: EXIT.refused,
  ERR_PEER_BUSY: EXIT.refused,
  ERR_PEER_INVITE_EXPIRED: EXIT.refused,
  ERR_PEER_INVITE_REFUSED: EXIT.refused,
  ERR_PEER_INVITE_USED: EXIT.refused,
  ERR_PEER_LOGIN_REFUSED: EXIT.refused,
  ERR_PEER_TOO_MANY_DEVICES: EXIT.refused,
  ERR_PEER_NOT_FOUND: EXIT.refused,
  ERR_PEER_REFUSED: EXIT.refused,
  ERR_PEER_REVOKED: EXIT.refused,
  ERR_PEER_USER_CA: EXIT.refused,
  ERR_PEER_WRONG_IDENTITY: EXIT.refused,
  ERR_TLS_CERTIFICATE: EXIT.refused,
  ERR_TLS_CERTIFICATE_REQUIRED: EXIT.refused,
  ERR_TLS_PEER_REFUSED: EXIT.refused,
  // Silence is none
  ERR_LINK_TIMEOUT: EXIT.timeout,
  ERR_PEER_TIMEOUT: EXIT.timeout,
  ERR_SECURE_CLOSE_TIMEOUT: EXIT.timeout,
  ERR_SECURE_TIMEOUT: EXIT.timeout,
  // Our own data
  ERR_RELAY_DATA: EXIT.config,
};

/** Alerts by which the other end refuses our identity (RFC 9846 §6.2), rather than our protocol. */
const REFUSING_ALERTS: ReadonlySet<string> = new Set([
  'bad_certificate',
  'unsupported_certificate',
  'certificate_revoked',
  'certificate_expired',
  'certificate_unknown',
  'unknown_ca',
  'access_denied',
  'unrecognized_name',
  'certificate_required',
] satisfies AlertName[]);

export function exitCodeOf(error: unknown): ExitCode {
  if (!isQ2qError(error)) return EXIT.other;
  const exact = BY_CODE[error.code];
  if (exact !== undefined) return exact;
  // A chain that proves nothing is somebody else's, for what we read from files is wrapped as ERR_CLI_FILE.
  if (error.code.startsWith('ERR_IDENTITY_')) return error.fault === 'remote' ? EXIT.refused : EXIT.config;
  if (error instanceof TlsError && error.alert !== undefined && REFUSING_ALERTS.has(error.alert)) {
    return EXIT.refused;
  }
  return BY_FAULT[error.fault];
}
