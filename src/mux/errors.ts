/**
 * Every way a multiplexed link or one of its channels can fail, in one table. The peer learns only the numeric code
 * (RESET, STOP, GOAWAY), never the text.
 */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

/**
 * Codes on the wire. 0 to 255 belong to the protocol, applications use 256 and above. Shared by RESET, STOP and GOAWAY,
 * so that one table explains every number in a trace.
 */
export const WireCode = {
  none: 0,
  protocol: 1,
  flowControl: 2,
  limit: 3,
  internal: 4,
  idle: 5,
  refused: 6,
  cancelled: 7,
  goaway: 8,
  busy: 9,
  unsupported: 10,
  /** The session that a RESUME names is not here, or the proof for it is wrong. */
  unknownSession: 11,
  /** A session that lost its link was given up: too long, or too much, waited for a new one. */
  lost: 12,
  /** A message or datagram larger than announced. */
  tooLarge: 13,
} as const;

export type WireCodeName = keyof typeof WireCode;

/**
 * Code: whose fault, and the code that the peer reads in our GOAWAY (none where none is sent). What each means is said in
 * `errorMeanings.ts`, which only those load who print it.
 */
const TABLE = {
  ERR_MUX_PREFACE: ['remote', 'protocol'],
  ERR_MUX_VERSION: ['remote', 'unsupported'],
  ERR_MUX_PROTOCOL: ['remote', 'protocol'],
  ERR_MUX_FLOW_CONTROL: ['remote', 'flowControl'],
  ERR_MUX_LIMIT: ['remote', 'limit'],
  ERR_MUX_ROLE: ['remote', 'protocol'],
  ERR_MUX_IDLE: ['transport', 'idle'],
  ERR_MUX_LINK_CLOSED: ['transport'],
  ERR_MUX_LOST: ['transport', 'lost'],
  ERR_MUX_REMOTE: ['remote'],
  ERR_MUX_GOAWAY: ['remote'],
  ERR_MUX_RESET: ['remote'],
  ERR_MUX_STOPPED: ['remote'],
  ERR_MUX_REFUSED: ['remote'],
  ERR_MUX_ABORTED: ['local', 'cancelled'],
  ERR_MUX_HANDLER: ['local', 'internal'],
  ERR_MUX_CLOSED: ['local'],
  ERR_MUX_ARGUMENT: ['config'],
  ERR_MUX_PENDING: ['local'],
} as const;

export type MuxErrorCode = keyof typeof TABLE;

/** `wire` is 0 where the peer is told nothing. */
export function consequencesOf(code: MuxErrorCode): { fault: Fault; wire: number } {
  const [fault, wire = 'none'] = TABLE[code] as readonly [Fault, WireCodeName?];
  return { fault, wire: WireCode[wire] };
}

export interface MuxErrorDetails extends ErrorDetails {
  /** The code that came in RESET, STOP or GOAWAY. */
  readonly resetCode?: number;
}

export class MuxError extends Q2qError<MuxErrorCode> {
  readonly resetCode: number | undefined;

  constructor(code: MuxErrorCode, message: string, details: MuxErrorDetails = {}) {
    super(code, consequencesOf(code).fault, message, details);
    this.name = 'MuxError';
    this.resetCode = details.resetCode;
  }
}

const NAMES = new Map<number, string>(Object.entries(WireCode).map(([name, code]) => [code, name]));

/** '7 (cancelled)', or the bare number of an application's code. */
export function describeCode(code: number): string {
  const name = NAMES.get(code);
  return name === undefined ? String(code) : `${code} (${name})`;
}
