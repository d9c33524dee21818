/** What can go wrong with a domain's data and with the relay as a process. */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

export type RelayErrorCode =
  | 'ERR_RELAY_LOCKED'
  | 'ERR_RELAY_NO_DOMAIN'
  | 'ERR_RELAY_OTHER_DOMAIN'
  | 'ERR_RELAY_DATA'
  | 'ERR_RELAY_ACCOUNT'
  | 'ERR_RELAY_REVOKE'
  | 'ERR_RELAY_ROOT'
  | 'ERR_RELAY_PASSWORD'
  | 'ERR_RELAY_CLOSED'
  | 'ERR_RELAY_LISTEN'
  | 'ERR_RELAY_ADMIN';

const TABLE: Readonly<Record<RelayErrorCode, readonly [Fault, hint?: string]>> = {
  ERR_RELAY_LOCKED: ['config', 'one process serves a data folder; stop the other one first'],
  ERR_RELAY_NO_DOMAIN: ['config', 'name the domain once: q2q relay --domain example.org'],
  ERR_RELAY_OTHER_DOMAIN: ['config', 'one data folder holds one domain; use another folder'],
  ERR_RELAY_DATA: ['local', 'restore the file from a backup; nothing was changed'],
  ERR_RELAY_ACCOUNT: ['config'],
  ERR_RELAY_REVOKE: ['config', 'name a key id, an account, or an issuer with a serial number'],
  ERR_RELAY_ROOT: ['config'],
  ERR_RELAY_PASSWORD: ['config', 'several words that nobody would guess make a good one'],
  ERR_RELAY_CLOSED: ['local'],
  ERR_RELAY_LISTEN: ['config'],
  /** What came over the control socket in the data folder. */
  ERR_RELAY_ADMIN: ['local'],
};

export class RelayError extends Q2qError<RelayErrorCode> {
  constructor(code: RelayErrorCode, message: string, details: ErrorDetails = {}) {
    const [fault, usualHint] = TABLE[code];
    const hint = details.hint ?? usualHint;
    super(code, fault, message, { cause: details.cause, ...(hint === undefined ? {} : { hint }) });
    this.name = 'RelayError';
  }
}
