/** What can go wrong with the carrier itself: one table, one class. */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

export type LinkErrorCode =
  | 'ERR_LINK_ADDRESS'
  | 'ERR_LINK_ADDRESS_IN_USE'
  | 'ERR_LINK_PERMISSION'
  | 'ERR_LINK_NAME'
  | 'ERR_LINK_REFUSED'
  | 'ERR_LINK_UNREACHABLE'
  | 'ERR_LINK_TIMEOUT'
  | 'ERR_LINK_RESET'
  | 'ERR_LINK_CLOSED'
  | 'ERR_LINK_CERTIFICATE'
  | 'ERR_LINK_UPGRADE'
  | 'ERR_LINK_PROTOCOL'
  | 'ERR_LINK_OVERFLOW'
  | 'ERR_LINK_LIMIT'
  | 'ERR_LINK_EXITED'
  | 'ERR_LINK_ABORTED';

interface Row {
  readonly fault: Fault;
  readonly hint?: string;
}

/** Whose doing each failure is, and what the person can do about it. */
const LINK_ERRORS: Readonly<Record<LinkErrorCode, Row>> = {
  ERR_LINK_ADDRESS: { fault: 'config', hint: 'use ws://, wss://, tcp://host:port or unix:/path' },
  ERR_LINK_ADDRESS_IN_USE: {
    fault: 'config',
    hint: 'another process listens there; stop it or choose another',
  },
  ERR_LINK_PERMISSION: { fault: 'config', hint: 'this user may not open that port or path' },
  ERR_LINK_NAME: {
    fault: 'transport',
    hint: 'check the spelling of the host name and the network connection',
  },
  ERR_LINK_REFUSED: {
    fault: 'transport',
    hint: 'check that the other end is running and listens on that address',
  },
  ERR_LINK_UNREACHABLE: { fault: 'transport', hint: 'check the network connection, routes and firewalls' },
  ERR_LINK_TIMEOUT: { fault: 'transport', hint: 'the network or the other end did not answer in time' },
  ERR_LINK_RESET: { fault: 'transport', hint: 'the other end or something on the way cut the connection' },
  ERR_LINK_CLOSED: { fault: 'transport' },
  ERR_LINK_CERTIFICATE: {
    fault: 'config',
    hint: 'the server shows no certificate for that name from a root you trust: check the name, or give the root',
  },
  ERR_LINK_UPGRADE: {
    fault: 'remote',
    hint: 'check that the address is that of a q2q server, path included',
  },
  ERR_LINK_PROTOCOL: { fault: 'remote', hint: 'the other end does not speak q2q over WebSocket' },
  ERR_LINK_OVERFLOW: { fault: 'remote', hint: 'the other end sends faster than it was given room for' },
  ERR_LINK_LIMIT: { fault: 'local' }, // whoever reports it says which limit to raise
  ERR_LINK_EXITED: { fault: 'remote', hint: 'look at what the process wrote to its standard error' },
  ERR_LINK_ABORTED: { fault: 'local' },
};

export class LinkError extends Q2qError<LinkErrorCode> {
  constructor(code: LinkErrorCode, message: string, details: ErrorDetails = {}) {
    const row = LINK_ERRORS[code];
    super(code, row.fault, message, { cause: details.cause, hint: details.hint ?? row.hint });
    this.name = 'LinkError';
  }
}

/** What `reset` on our own side reports to our own handler. */
export function resetHere(): LinkError {
  return new LinkError('ERR_LINK_ABORTED', 'link was reset on this side');
}
