/**
 * Reset codes of our own channels, as they go over the wire (docs/protocol.md §7). Below 0x100 are the mux's,
 * from 0x200 on the application's.
 */
export type CloseCodeName =
  | 'notFound'
  | 'protocol'
  | 'notAdmitted'
  | 'busy'
  | 'superseded'
  | 'expired'
  | 'timeout'
  | 'goingAway'
  | 'token'
  | 'wrongIdentity'
  | 'handlerFailed'
  | 'revoked';

export const CLOSE_CODES: Readonly<Record<CloseCodeName, number>> = {
  /** Absent, not listening or not allowed: deliberately one code. */
  notFound: 0x100,
  /** Malformed, unexpected or oversized message. */
  protocol: 0x101,
  /** The identity is not admitted here. */
  notAdmitted: 0x102,
  /** A limit was reached. */
  busy: 0x103,
  /** The same instance opened a newer control channel. */
  superseded: 0x104,
  /** The certificate ran out. */
  expired: 0x105,
  timeout: 0x106,
  goingAway: 0x107,
  /** A path token that is unknown, used, late or of another link. */
  token: 0x108,
  /** Who answered is not who was dialled, or who called is not who the relay said. */
  wrongIdentity: 0x109,
  /** The application's handler threw. */
  handlerFailed: 0x10a,
  /** The domain has withdrawn a certificate that this stands on, or blocked its account. */
  revoked: 0x10b,
};

/** From here on, codes are the application's. */
export const FIRST_APPLICATION_CODE = 0x200;

const NAMES = new Map<number, CloseCodeName>(
  Object.entries(CLOSE_CODES).map(([name, code]) => [code, name as CloseCodeName]),
);

export function closeCodeName(code: number): CloseCodeName | undefined {
  return NAMES.get(code);
}

/** The reset code somewhere in a chain of causes: each layer wraps the error of the one below. */
export function resetCodeOf(error: unknown): number | undefined {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth++) {
    if ('resetCode' in at && typeof at.resetCode === 'number') return at.resetCode;
    at = 'cause' in at ? at.cause : undefined;
  }
  return undefined;
}
