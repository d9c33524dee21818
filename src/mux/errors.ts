/**
 * Every way a multiplexed link or one of its channels can fail, in one table. The peer learns only the numeric code
 * (RESET, STOP, GOAWAY), never the text.
 */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

interface Meaning {
  readonly fault: Fault;
  /** The code that the peer reads in our GOAWAY; 0 where none is sent. */
  readonly wire: number;
  readonly means: string;
}

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
} as const;

export type WireCodeName = keyof typeof WireCode;

export type MuxErrorCode =
  | 'ERR_MUX_PREFACE'
  | 'ERR_MUX_VERSION'
  | 'ERR_MUX_PROTOCOL'
  | 'ERR_MUX_FLOW_CONTROL'
  | 'ERR_MUX_LIMIT'
  | 'ERR_MUX_ROLE'
  | 'ERR_MUX_IDLE'
  | 'ERR_MUX_LINK_CLOSED'
  | 'ERR_MUX_REMOTE'
  | 'ERR_MUX_GOAWAY'
  | 'ERR_MUX_RESET'
  | 'ERR_MUX_STOPPED'
  | 'ERR_MUX_REFUSED'
  | 'ERR_MUX_ABORTED'
  | 'ERR_MUX_HANDLER'
  | 'ERR_MUX_CLOSED'
  | 'ERR_MUX_ARGUMENT'
  | 'ERR_MUX_PENDING';

/** What each code means; documentation prints from here. */
export const MUX_ERRORS: Readonly<Record<MuxErrorCode, Meaning>> = Object.freeze({
  ERR_MUX_PREFACE: row('remote', WireCode.protocol, 'the other end does not speak this protocol'),
  ERR_MUX_VERSION: row('remote', WireCode.unsupported, 'the other end speaks another version'),
  ERR_MUX_PROTOCOL: row('remote', WireCode.protocol, 'a frame breaks the rules'),
  ERR_MUX_FLOW_CONTROL: row('remote', WireCode.flowControl, 'more data came than credit was given'),
  ERR_MUX_LIMIT: row('remote', WireCode.limit, 'the other end asks for more work than it may'),
  ERR_MUX_ROLE: row('remote', WireCode.protocol, 'both ends drew the same nonce: this end talks to itself'),
  ERR_MUX_IDLE: row('transport', WireCode.idle, 'nothing came for too long'),
  ERR_MUX_LINK_CLOSED: row('transport', WireCode.none, 'the link ended under open channels'),
  ERR_MUX_REMOTE: row('remote', WireCode.none, 'the other end gave the link up for an error'),
  ERR_MUX_GOAWAY: row('remote', WireCode.none, 'the other end takes no new channels; it never saw this one'),
  ERR_MUX_RESET: row('remote', WireCode.none, 'the other end reset the channel'),
  ERR_MUX_STOPPED: row('remote', WireCode.none, 'the other end stopped reading and data was lost'),
  ERR_MUX_REFUSED: row('remote', WireCode.none, 'the other end refused the channel'),
  ERR_MUX_ABORTED: row('local', WireCode.cancelled, 'this end reset the channel or the session'),
  ERR_MUX_HANDLER: row('local', WireCode.internal, 'a handler threw'),
  ERR_MUX_CLOSED: row('local', WireCode.none, 'the session takes no new channels any more'),
  ERR_MUX_ARGUMENT: row('config', WireCode.none, 'an argument is out of bounds'),
  ERR_MUX_PENDING: row('local', WireCode.none, 'too many channels wait for the other end to allow them'),
});

function row(fault: Fault, wire: number, means: string): Meaning {
  return { fault, wire, means };
}

export interface MuxErrorDetails extends ErrorDetails {
  /** The code that came in RESET, STOP or GOAWAY. */
  readonly resetCode?: number;
}

export class MuxError extends Q2qError<MuxErrorCode> {
  readonly resetCode: number | undefined;

  constructor(code: MuxErrorCode, message: string, details: MuxErrorDetails = {}) {
    super(code, MUX_ERRORS[code].fault, message, details);
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
