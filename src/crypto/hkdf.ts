/** HKDF (RFC 5869) on a provider's HMAC. */
import { type Bytes, EMPTY } from '../base/bytes.ts';
import type { CryptoProvider } from './provider.ts';
import type { HashName } from './suites.ts';

const HASH_LENGTHS: Readonly<Record<HashName, number>> = Object.freeze({
  sha256: 32,
  sha384: 48,
  sha512: 64,
});

/** The counter of the first block, which in TLS is the only one: secrets, keys and IVs are no longer than a digest. */
const FIRST: Uint8Array = Uint8Array.of(1);

/** HKDF-Extract (§2.2) is HMAC itself, which pads an empty salt with zeros. HKDF-Expand is §2.3. */
export function hkdfOn(hmac: CryptoProvider['hmac']): Pick<CryptoProvider, 'hkdfExtract' | 'hkdfExpand'> {
  return {
    hkdfExtract: hmac,
    hkdfExpand(name, pseudoRandomKey, info, length): Bytes {
      const size = HASH_LENGTHS[name];
      if (pseudoRandomKey.length < size)
        throw new RangeError(`pseudo-random key of ${pseudoRandomKey.length} bytes, wanted ${size} or more`);
      if (length > 255 * size)
        throw new RangeError(`hkdf output of ${length} bytes, wanted at most ${255 * size}`);
      if (length === size) return hmac(name, pseudoRandomKey, info, FIRST);
      const output = new Uint8Array(length);
      let block = EMPTY;
      for (let at = 0, counter = 1; at < length; at += size, counter++) {
        block = hmac(name, pseudoRandomKey, block, info, Uint8Array.of(counter));
        output.set(block.subarray(0, length - at), at);
      }
      return output;
    },
  };
}
