/** Finished (RFC 9846 §4.5.3). */
import type { Bytes } from '../../base/bytes.ts';
import { encodeMessage } from './handshake.ts';

/** The body is verify_data and nothing else; its length is the hash's, checked by whoever compares it. */
export function encodeFinished(verifyData: Uint8Array): Bytes {
  return encodeMessage('finished', (w) => w.bytes(verifyData));
}
