/** Sizes of the TLS 1.3 AEADs (RFC 9846 §5.3), checked the same way by both providers. */
import type { Bytes } from '../base/bytes.ts';
import type { AeadName } from './suites.ts';

export const KEY_LENGTHS: Readonly<Record<AeadName, number>> = Object.freeze({
  'aes-128-gcm': 16,
  'aes-256-gcm': 32,
  'chacha20-poly1305': 32,
});

export const TAG_LENGTH = 16;
export const NONCE_LENGTH = 12;

/** A private copy of the key, once its length is right. */
export function copyKey(name: AeadName, key: Uint8Array): Bytes {
  const wanted = KEY_LENGTHS[name];
  if (key.length !== wanted) throw new RangeError(`${name} key of ${key.length} bytes, wanted ${wanted}`);
  return new Uint8Array(key);
}

export function checkNonce(nonce: Uint8Array): void {
  if (nonce.length !== NONCE_LENGTH)
    throw new RangeError(`nonce of ${nonce.length} bytes, wanted ${NONCE_LENGTH}`);
}

/** The key of an AEAD in use: one that was destroyed must not turn into a key of zeros. */
export function live<K>(key: K | undefined): K {
  if (key === undefined) throw new Error('traffic key was used after it was destroyed');
  return key;
}
