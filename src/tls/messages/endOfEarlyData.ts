/** EndOfEarlyData (RFC 9846 §4.6): nothing but its header. */
import type { Bytes } from '../../base/bytes.ts';
import { decodeError } from '../errors.ts';
import { encodeMessage } from './handshake.ts';

export function encodeEndOfEarlyData(): Bytes {
  return encodeMessage('end_of_early_data', () => {});
}

export function decodeEndOfEarlyData(body: Uint8Array): void {
  if (body.length > 0) throw decodeError(`EndOfEarlyData of ${body.length} bytes, wanted none`);
}
