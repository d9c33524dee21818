/** HKDF-Expand-Label and Derive-Secret (RFC 9846 §7.1). */
import type { Bytes } from '../../base/bytes.ts';
import { utf8 } from '../../base/bytes.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';

export type ScheduleHash = 'sha256' | 'sha384';

/**
 * `struct HkdfLabel { uint16 length; opaque label<7..255>; opaque context<0..255>; }`, written by hand: a handshake makes
 * forty.
 */
function hkdfLabel(label: string, context: Uint8Array, length: number): Bytes {
  const name = utf8(`tls13 ${label}`);
  if (name.length > 255 || context.length > 255) throw new RangeError('label or context is too long');
  const info = new Uint8Array(4 + name.length + context.length);
  info[0] = length >>> 8;
  info[1] = length;
  info[2] = name.length;
  info.set(name, 3);
  info[3 + name.length] = context.length;
  info.set(context, 4 + name.length);
  return info;
}

export function expandLabel(
  provider: CryptoProvider,
  hash: ScheduleHash,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Bytes {
  return provider.hkdfExpand(hash, secret, hkdfLabel(label, context, length), length);
}
