/** noble's hash functions by the names of `HashName`. */
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

export const HASHES: {
  readonly sha256: typeof sha256;
  readonly sha384: typeof sha384;
  readonly sha512: typeof sha512;
} = { sha256, sha384, sha512 };
