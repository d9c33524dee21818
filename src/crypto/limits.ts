/** How much one traffic key may protect (RFC 9846 §5.5). */
import type { AeadName } from './suites.ts';

/**
 * Records of full size under one key. RFC 9846 §5.5 allows AES-GCM about 2^24.5 before the advantage of an attacker
 * passes 2^-57; the bound comes from the 128-bit block, so it is the same for both key lengths, and 2^24 is its floor.
 * ChaCha20-Poly1305 would outlive the 64-bit record number (same section); 2^48 - 1 keeps counts exact in a Number.
 */
export const RECORD_LIMITS: Readonly<Record<AeadName, number>> = Object.freeze({
  'aes-128-gcm': 2 ** 24,
  'aes-256-gcm': 2 ** 24,
  'chacha20-poly1305': 2 ** 48 - 1,
});

export const KEY_LENGTHS: Readonly<Record<AeadName, number>> = Object.freeze({
  'aes-128-gcm': 16,
  'aes-256-gcm': 32,
  'chacha20-poly1305': 32,
});

export const TAG_LENGTH = 16;
export const NONCE_LENGTH = 12;

/** A private copy of the key, once its length is right. */
export function copyKey(name: AeadName, key: Uint8Array): Uint8Array<ArrayBuffer> {
  const wanted = KEY_LENGTHS[name];
  if (key.length !== wanted) throw new RangeError(`${name} key of ${key.length} bytes, wanted ${wanted}`);
  return new Uint8Array(key);
}
