/** The limits of the crypto room: what hostile input may cost, and what one key may protect. */
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

/** Below 2048 bits a modulus is too weak; above 8192 one verification costs several milliseconds. */
export const MIN_RSA_BYTES = 256;
export const MAX_RSA_BYTES = 1024;

/** An 8192-bit modulus, a 33-bit exponent, PSS parameters and their headers. */
export const MAX_SPKI_BYTES = 1200;

/** An 8192-bit RSA key with its primes takes 4.7 KB. */
export const MAX_PKCS8_BYTES = 8192;

/** Public keys that the node provider keeps imported. Worst case 256 RSA keys of 8192 bits: about 1 MB. */
export const KEY_CACHE_LIMIT = 256;

/** The longest record body: 2^14 of content, its type, and the expansion that RFC 9846 §5.2 allows. One buffer in all. */
export const SCRATCH_SIZE: number = 2 ** 14 + 256;
