import type { ErrorDetails } from '../../base/errors.ts';
import { TlsError } from '../errors.ts';

/** A mistake in what the caller gave, told by the name of the field. */
export function invalid(field: string, problem: string, details: ErrorDetails = {}): TlsError {
  return new TlsError('ERR_TLS_CONFIG', `${field}: ${problem}`, details);
}
