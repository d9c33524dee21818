/**
 * The TLS 1.3 AEADs on node:crypto. OpenSSL's binding has no output argument: each record costs a cipher object and a
 * result of its own, which is where the time of small records goes. `sealApart` and `openApart` hand that result out. The
 * key is a key object: for one in an array Node 24 takes 16 µs more a record, and sealing a kilobyte takes 7.
 */
import {
  type CipherGCM,
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type DecipherGCM,
  type KeyObject,
} from 'node:crypto';
import type { Bytes } from '../base/bytes.ts';
import { checkNonce, copyKey, live, TAG_LENGTH } from './aead.ts';
import { RECORD_LIMITS, SCRATCH_SIZE } from './limits.ts';
import type { Aead } from './provider.ts';
import type { AeadName } from './suites.ts';

const OPTIONS = { authTagLength: TAG_LENGTH } as const;

/** Where a record's parts are put together: a call into OpenSSL costs more than copying them. Serves all keys. */
const scratch: Bytes = new Uint8Array(SCRATCH_SIZE);

export function nodeAead(name: AeadName, key: Uint8Array): Aead {
  const copy = copyKey(name, key);
  const object = createSecretKey(copy);
  copy.fill(0);
  return new NodeAead(name, object);
}

class NodeAead implements Aead {
  readonly tagLength = TAG_LENGTH;
  readonly recordLimit: number;
  readonly #cipher: CipherGCMTypes; // ChaCha20-Poly1305 has the same interface, only its name is missing from the type
  #key: KeyObject | undefined;

  constructor(name: AeadName, key: KeyObject) {
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
    const end = gather(parts, out, at);
    if (end + TAG_LENGTH > out.length)
      throw new RangeError(`record ends at ${end + TAG_LENGTH} of ${out.length} bytes`);
    const cipher = this.#encryption(nonce, additionalData);
    out.set(cipher.update(out.subarray(at, end)), at);
    cipher.final();
    out.set(cipher.getAuthTag(), end);
    return end + TAG_LENGTH;
  }

  sealApart(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    parts: readonly Uint8Array[],
  ): [Uint8Array, Uint8Array] {
    const cipher = this.#encryption(nonce, additionalData);
    const end = gather(parts, scratch, 0);
    const text = scratch.subarray(0, end);
    const ciphertext = cipher.update(text);
    cipher.final();
    text.fill(0); // nothing of a record stays behind
    return [plainArray(ciphertext, end), plainArray(cipher.getAuthTag(), TAG_LENGTH)];
  }

  open(nonce: Uint8Array, additionalData: Uint8Array, bytes: Uint8Array, from: number, to: number): number {
    const plaintext = this.openApart(nonce, additionalData, bytes, from, to);
    if (plaintext === undefined) return -1;
    bytes.set(plaintext, from);
    return to - TAG_LENGTH;
  }

  openApart(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): Uint8Array | undefined {
    const decipher = this.#decryption(nonce, additionalData);
    const end = to - TAG_LENGTH;
    if (end < from) return undefined;
    decipher.setAuthTag(bytes.subarray(end, to));
    const plaintext = decipher.update(bytes.subarray(from, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plainArray(plaintext, end - from);
  }

  /** The key and its copies in the cipher objects of records are overwritten when those objects are collected, not before. */
  destroy(): void {
    this.#key = undefined;
  }

  #encryption(nonce: Uint8Array, additionalData: Uint8Array): CipherGCM {
    checkNonce(nonce);
    return createCipheriv(this.#cipher, live(this.#key), nonce, OPTIONS).setAAD(additionalData);
  }

  #decryption(nonce: Uint8Array, additionalData: Uint8Array): DecipherGCM {
    checkNonce(nonce);
    return createDecipheriv(this.#cipher, live(this.#key), nonce, OPTIONS).setAAD(additionalData);
  }
}

/** Copies the parts one behind the other; returns the index behind them. */
function gather(parts: readonly Uint8Array[], out: Uint8Array, at: number): number {
  let end = at;
  for (const part of parts) {
    out.set(part, end);
    end += part.length;
  }
  return end;
}

/** A Buffer as what it is made of: engines see one shape of array, and its `slice` copies as everywhere else. */
function plainArray(buffer: Buffer, length: number): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length);
}
