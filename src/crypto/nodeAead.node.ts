/**
 * The TLS 1.3 AEADs on node:crypto. OpenSSL's binding has no output argument: each record costs a cipher object, one
 * allocated result and one copy, which is where the time of small records goes.
 */
import { type CipherGCMTypes, createCipheriv, createDecipheriv } from 'node:crypto';
import type { Bytes } from '../base/bytes.ts';
import { checkNonce, copyKey, live, TAG_LENGTH } from './aead.ts';
import { RECORD_LIMITS } from './limits.ts';
import type { Aead } from './provider.ts';
import type { AeadName } from './suites.ts';

const OPTIONS = { authTagLength: TAG_LENGTH } as const;

export function nodeAead(name: AeadName, key: Uint8Array): Aead {
  return new NodeAead(name, copyKey(name, key));
}

class NodeAead implements Aead {
  readonly tagLength = TAG_LENGTH;
  readonly recordLimit: number;
  readonly #cipher: CipherGCMTypes; // ChaCha20-Poly1305 has the same interface, only its name is missing from the type
  #key: Bytes | undefined;

  constructor(name: AeadName, key: Bytes) {
    this.recordLimit = RECORD_LIMITS[name];
    this.#cipher = name as CipherGCMTypes;
    this.#key = key;
  }

  seal(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    parts: readonly Uint8Array[],
    out: Uint8Array,
    at: number,
  ): number {
    checkNonce(nonce);
    const key = live(this.#key);
    // A call into OpenSSL costs more than copying a record: gather the parts in their place, encrypt once.
    let end = at;
    for (const part of parts) {
      out.set(part, end);
      end += part.length;
    }
    if (end + TAG_LENGTH > out.length)
      throw new RangeError(`record ends at ${end + TAG_LENGTH} of ${out.length} bytes`);
    const cipher = createCipheriv(this.#cipher, key, nonce, OPTIONS);
    cipher.setAAD(additionalData);
    out.set(cipher.update(out.subarray(at, end)), at);
    cipher.final();
    out.set(cipher.getAuthTag(), end);
    return end + TAG_LENGTH;
  }

  open(nonce: Uint8Array, additionalData: Uint8Array, bytes: Uint8Array, from: number, to: number): number {
    checkNonce(nonce);
    const key = live(this.#key);
    const end = to - TAG_LENGTH;
    if (end < from) return -1;
    const decipher = createDecipheriv(this.#cipher, key, nonce, OPTIONS);
    decipher.setAAD(additionalData);
    decipher.setAuthTag(bytes.subarray(end, to));
    const plaintext = decipher.update(bytes.subarray(from, end));
    try {
      decipher.final();
    } catch {
      return -1;
    }
    bytes.set(plaintext, from);
    return end;
  }

  /** OpenSSL's own copies die with each record's cipher object. */
  destroy(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }
}
