/** What HKDF-Expand takes (RFC 5869 §2.3), checked the same way by both providers. */
import type { HashName } from './suites.ts';

export const HASH_LENGTHS: Readonly<Record<HashName, number>> = Object.freeze({
  sha256: 32,
  sha384: 48,
  sha512: 64,
});

export function checkExpand(name: HashName, pseudoRandomKey: Uint8Array, length: number): void {
  const size = HASH_LENGTHS[name];
  if (pseudoRandomKey.length < size)
    throw new RangeError(`pseudo-random key of ${pseudoRandomKey.length} bytes, wanted ${size} or more`);
  if (length > 255 * size)
    throw new RangeError(`hkdf output of ${length} bytes, wanted at most ${255 * size}`);
}
