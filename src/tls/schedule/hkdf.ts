/** HKDF-Expand-Label and Derive-Secret (RFC 9846 §7.1). */
import type { Bytes } from '../../base/bytes.ts';
import { utf8 } from '../../base/bytes.ts';
import { Writer } from '../../base/writer.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';

export type ScheduleHash = 'sha256' | 'sha384';

/** `struct HkdfLabel { uint16 length; opaque label<7..255>; opaque context<0..255>; }` */
function hkdfLabel(label: string, context: Uint8Array, length: number): Bytes {
  return new Writer(10 + label.length + context.length)
    .u16(length)
    .vector(1, (w) => w.bytes(utf8(`tls13 ${label}`)))
    .vector(1, (w) => w.bytes(context))
    .finish();
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
