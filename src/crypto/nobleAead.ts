/** The TLS 1.3 AEADs on @noble/ciphers. */
import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { Bytes } from '../base/bytes.ts';
import { checkNonce, copyKey, live, TAG_LENGTH } from './aead.ts';
import { RECORD_LIMITS, SCRATCH_SIZE } from './limits.ts';
import type { Aead } from './provider.ts';
import type { AeadName } from './suites.ts';

export function nobleAead(name: AeadName, key: Uint8Array): Aead {
  return new NobleAead(name, copyKey(name, key));
}

/** A cipher over a slot that holds the text with 16 bytes for the tag behind it. Both work in place. */
interface InPlace {
  encrypt(key: Bytes, nonce: Uint8Array, additionalData: Uint8Array, slot: Uint8Array): void;
  /** False when the tag is wrong. */
  decrypt(key: Bytes, nonce: Uint8Array, additionalData: Uint8Array, slot: Uint8Array): boolean;
}

class NobleAead implements Aead {
  readonly tagLength = TAG_LENGTH;
  readonly recordLimit: number;
  readonly #cipher: InPlace;
  #key: Bytes | undefined;

  constructor(name: AeadName, key: Bytes) {
    this.recordLimit = RECORD_LIMITS[name];
    this.#cipher = name === 'chacha20-poly1305' ? chacha : aesGcm;
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
    let end = at;
    for (const part of parts) {
      out.set(part, end);
      end += part.length;
    }
    end += TAG_LENGTH;
    if (end > out.length) throw new RangeError(`record ends at ${end} of ${out.length} bytes`);
    this.#cipher.encrypt(key, nonce, additionalData, out.subarray(at, end));
    return end;
  }

  open(nonce: Uint8Array, additionalData: Uint8Array, bytes: Uint8Array, from: number, to: number): number {
    checkNonce(nonce);
    const key = live(this.#key);
    if (to - from < TAG_LENGTH) return -1;
    return this.#cipher.decrypt(key, nonce, additionalData, bytes.subarray(from, to)) ? to - TAG_LENGTH : -1;
  }

  destroy(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }
}

const chacha: InPlace = {
  encrypt(key, nonce, additionalData, slot) {
    const work = aligned(slot);
    // Output = input is allowed: noble copies the input onto itself and encrypts there.
    chacha20poly1305(key, nonce, additionalData).encrypt(work.subarray(0, -TAG_LENGTH), work);
    if (work !== slot) moveBack(work, slot);
  },
  decrypt(key, nonce, additionalData, slot) {
    const work = aligned(slot);
    try {
      chacha20poly1305(key, nonce, additionalData).decrypt(work, work.subarray(0, -TAG_LENGTH));
    } catch {
      return false;
    }
    if (work !== slot) moveBack(work, slot);
    return true;
  },
};

/** noble's GCM derives its tables anew for each record and always returns a new array: ChaCha20 is the one to prefer. */
const aesGcm: InPlace = {
  encrypt(key, nonce, additionalData, slot) {
    slot.set(gcm(key, nonce, additionalData).encrypt(slot.subarray(0, -TAG_LENGTH)));
  },
  decrypt(key, nonce, additionalData, slot) {
    try {
      slot.set(gcm(key, nonce, additionalData).decrypt(slot));
      return true;
    } catch {
      return false;
    }
  },
};

/** Below this the detour costs more than it saves. */
const SCRATCH_FROM = 256;
const scratch: Bytes = new Uint8Array(SCRATCH_SIZE);

/**
 * noble works by words only where bytes are 4-byte aligned and is 15 to 20% slower elsewhere, while a record starts
 * wherever the one before it ended. Two copies cost 2%. One scratch serves all keys, since nothing here is asynchronous.
 */
function aligned(slot: Uint8Array): Uint8Array {
  if (slot.byteOffset % 4 === 0 || slot.length < SCRATCH_FROM || slot.length > SCRATCH_SIZE) return slot;
  const work = scratch.subarray(0, slot.length);
  work.set(slot);
  return work;
}

/** Nothing of a record stays behind. */
function moveBack(work: Uint8Array, slot: Uint8Array): void {
  slot.set(work);
  work.fill(0);
}
