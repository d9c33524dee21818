/** KeyUpdate (RFC 9846 §4.7.3). */
import type { Bytes } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { illegalParameter } from '../errors.ts';
import { encodeMessage } from './handshake.ts';

export function encodeKeyUpdate(requestPeer: boolean): Bytes {
  return encodeMessage('key_update', (w) => w.u8(requestPeer ? 1 : 0));
}

/** Whether the peer wants us to update too. */
export function decodeKeyUpdate(body: Uint8Array): boolean {
  const reader = new Reader(body);
  const request = reader.u8();
  reader.end();
  if (request > 1) throw illegalParameter(`KeyUpdate asks for ${request}, wanted 0 or 1`);
  return request === 1;
}
