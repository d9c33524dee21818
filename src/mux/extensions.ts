/**
 * EXT frames: whatever later versions add. Even numbers may be ignored by who does not know them; odd ones must be
 * understood, so they are sent only to who listed them in its SETTINGS. Every end sends one that means nothing, so that
 * "ignore" is practised from the first day (RFC 8701's way).
 */
import { concat } from '../base/bytes.ts';
import { decodeVarints, encodeVarints } from './bodies.ts';
import { MuxError } from './errors.ts';

/** The extension that means nothing: its number, 26 modulo 32, and its bytes come from the nonce. */
export function greaseExtension(nonce: Uint8Array): Uint8Array {
  return concat([encodeVarints(26 + 32 * nonce[1]!), nonce.subarray(4, 4 + (nonce[3]! % 5))]);
}

/** No extension is known yet. Throws MuxError for one that must be understood. */
export function readExtension(body: Uint8Array): void {
  const [number] = decodeVarints(body, 1, 'EXT') as [number];
  if (number % 2 === 1)
    throw new MuxError(
      'ERR_MUX_PROTOCOL',
      `EXT_REQUIRED: extension ${number} must be understood and is unknown here`,
    );
}
