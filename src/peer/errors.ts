/** Every way dialling, listening and enrolling can fail, in one table. */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

export type PeerErrorCode =
  | 'ERR_PEER_NOT_FOUND'
  | 'ERR_PEER_UNREACHABLE'
  | 'ERR_PEER_WRONG_IDENTITY'
  | 'ERR_PEER_REFUSED'
  | 'ERR_PEER_RESET'
  | 'ERR_PEER_NOT_ENROLLED'
  | 'ERR_PEER_TIMEOUT'
  | 'ERR_PEER_CLOSED'
  | 'ERR_PEER_NO_TRUST'
  | 'ERR_PEER_NO_RELAY'
  | 'ERR_PEER_NO_IDENTITY'
  | 'ERR_PEER_BUSY'
  | 'ERR_PEER_PROTOCOL'
  | 'ERR_PEER_LISTENING'
  | 'ERR_PEER_ADDRESS'
  | 'ERR_PEER_INVITE_MALFORMED'
  | 'ERR_PEER_INVITE_EXPIRED'
  | 'ERR_PEER_INVITE_USED'
  | 'ERR_PEER_INVITE_REFUSED'
  | 'ERR_PEER_REVOKED'
  | 'ERR_PEER_USER_CA'
  | 'ERR_PEER_LOGIN_REFUSED'
  | 'ERR_PEER_TOO_MANY_DEVICES';

/** Code: whose fault, and what the person can do about it. Messages say what happened. */
const TABLE: Readonly<Record<PeerErrorCode, readonly [Fault, hint?: string]>> = {
  ERR_PEER_NOT_FOUND: [
    'remote',
    'nobody of that name answers that protocol for you: absent, not listening and not allowed all look the same',
  ],
  ERR_PEER_UNREACHABLE: ['transport', 'check the relay address, and that the relay is running'],
  ERR_PEER_WRONG_IDENTITY: [
    'remote',
    'somebody else answered: do not send anything, and tell the people who run the relay and the domain',
  ],
  ERR_PEER_REFUSED: ['remote'],
  ERR_PEER_RESET: ['remote'],
  ERR_PEER_NOT_ENROLLED: ['config', 'enrol with an invite of that domain, or renew an expired certificate'],
  ERR_PEER_TIMEOUT: ['transport', 'the other end did not answer in time'],
  ERR_PEER_CLOSED: ['local'],
  ERR_PEER_NO_TRUST: ['config', 'get the root certificate of that domain first: an invite brings it'],
  ERR_PEER_NO_RELAY: ['config', 'name a relay that serves that domain'],
  ERR_PEER_NO_IDENTITY: ['config', 'give the peer the identity it should speak for'],
  ERR_PEER_BUSY: ['remote', 'a limit was reached; wait a little and try again'],
  ERR_PEER_PROTOCOL: ['remote', 'the other end does not speak this version of q2q'],
  ERR_PEER_LISTENING: ['config', 'one identity answers a protocol once; close the other listener first'],
  ERR_PEER_ADDRESS: ['config', 'dial user@domain/protocol or key:<key id>/protocol'],
  ERR_PEER_INVITE_MALFORMED: ['config', 'copy the whole line, from "q2q-invite:" to its end'],
  ERR_PEER_INVITE_EXPIRED: ['config', 'ask for a new invite'],
  ERR_PEER_INVITE_USED: ['config', 'an invite works once; ask for a new one'],
  ERR_PEER_INVITE_REFUSED: ['config', 'ask for a new invite'],
  ERR_PEER_REVOKED: [
    'remote',
    'the domain has withdrawn a certificate or blocked an account; if it is yours, ask who runs the domain, or another device of yours',
  ],
  ERR_PEER_USER_CA: ['config', 'the device that holds the user CA signs this one again'],
  ERR_PEER_LOGIN_REFUSED: [
    'config',
    'check both; after a few wrong passwords the account is locked for a while',
  ],
  ERR_PEER_TOO_MANY_DEVICES: ['config', 'revoke a device that is not used any more'],
};

export class PeerError extends Q2qError<PeerErrorCode> {
  constructor(code: PeerErrorCode, message: string, details: ErrorDetails = {}) {
    const [fault, usualHint] = TABLE[code];
    super(code, fault, message, { cause: details.cause, hint: details.hint ?? usualHint });
    this.name = 'PeerError';
  }
}
