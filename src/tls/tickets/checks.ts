/** What the issuers and the store may be told: every refusal names the option (ERR_TLS_CONFIG). */
import { TlsError } from '../errors.ts';
import { DEFAULT_TICKET_LIFETIME, MAX_TICKET_LIFETIME } from '../limits.ts';

export function invalid(field: string, problem: string): TlsError {
  return new TlsError('ERR_TLS_CONFIG', `${field}: ${problem}`);
}

export function count(field: string, value: number, least = 1): number {
  if (!Number.isSafeInteger(value) || value < least)
    throw invalid(field, `${value} is not an integer from ${least} up`);
  return value;
}

/** Seconds. */
export function lifetime(value: number = DEFAULT_TICKET_LIFETIME): number {
  if (!Number.isInteger(value) || value < 1 || value > MAX_TICKET_LIFETIME)
    throw invalid('lifetime', `${value} is not an integer from 1 to ${MAX_TICKET_LIFETIME} seconds`);
  return value;
}
