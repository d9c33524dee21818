/**
 * What the layers above need of cryptography, as interfaces only. Everything is synchronous: the engines are, and
 * noble is. Two providers implement it (`noble.ts`, portable; `node.node.ts`, node:crypto) and pass one suite of tests.
 * Keys that can only sign by promise (non-extractable WebCrypto keys, agents) enter through `Signer` instead.
 */
import type { Bytes } from '../base/bytes.ts';
import type { AeadName, GroupName, HashName, KeyKind, SchemeName } from './suites.ts';

export interface CryptoProvider {
  readonly name: string;

  /** `length` unpredictable bytes. */
  random(length: number): Bytes;

  hash(name: HashName): Hash;
  /** HMAC (RFC 2104) over the concatenation of `parts`. */
  hmac(name: HashName, key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes;
  /** HKDF (RFC 5869). An empty salt means a string of zeros. */
  hkdfExtract(name: HashName, salt: Uint8Array, inputKey: Uint8Array): Bytes;
  hkdfExpand(name: HashName, pseudoRandomKey: Uint8Array, info: Uint8Array, length: number): Bytes;

  /** Throws RangeError when the key has the wrong length. */
  aead(name: AeadName, key: Uint8Array): Aead;

  /** The offering side: a fresh ephemeral key pair. `privateKey` fixes it (tests that replay published traces). */
  keyExchange(group: GroupName, privateKey?: Uint8Array): KeyExchange;

  /**
   * The answering side: our share and the secret for a share that was offered, or undefined when that share is invalid
   * as `KeyExchange.agree` has it. A KEM has no other way to answer; ECDH answers with a fresh pair.
   */
  encapsulate(group: GroupName, peerShare: Uint8Array, privateKey?: Uint8Array): Encapsulation | undefined;

  /**
   * Checks a signature made by the holder of `spki` (DER SubjectPublicKeyInfo). False for a wrong signature, a key of
   * another kind than the scheme's, or a malformed one: never throws on hostile input.
   */
  verify(scheme: SchemeName, spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;

  generateKey(kind: 'ed25519' | 'p256' | 'p384'): PrivateKey;
  /** Reads an unencrypted PKCS#8 key (DER). Throws `ERR_CRYPTO_KEY` when it is malformed or of an unsupported kind. */
  importKey(pkcs8: Uint8Array): PrivateKey;

  /** What there is, preferred first. */
  readonly supports: {
    readonly aeads: readonly AeadName[];
    readonly groups: readonly GroupName[];
    readonly verifies: readonly SchemeName[];
    readonly signs: readonly SchemeName[];
  };
}

export interface Hash {
  update(bytes: Uint8Array): this;
  /** The digest of what was put in so far; the object must not be used afterwards. Use `clone` for a snapshot. */
  digest(): Bytes;
  clone(): Hash;
}

/** One direction's traffic key. Nonces are 12 bytes, tags 16, as every TLS 1.3 suite has them. */
export interface Aead {
  /** Bytes that encrypting adds. */
  readonly tagLength: 16;
  /** Records that one key may protect before it must be replaced (RFC 9846 §5.5). */
  readonly recordLimit: number;
  /**
   * Encrypts the concatenation of `parts` into `out` at `at`, tag behind it; returns the index behind the tag.
   * `out` must not overlap any part.
   */
  seal(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    parts: readonly Uint8Array[],
    out: Uint8Array,
    at: number,
  ): number;
  /**
   * Decrypts `bytes[from, to)` (ciphertext and tag) in place; returns the index behind the plaintext, or -1 when the tag
   * does not match. After -1 the range's content is unspecified.
   */
  open(nonce: Uint8Array, additionalData: Uint8Array, bytes: Uint8Array, from: number, to: number): number;
  /**
   * `seal` for a cipher that always returns new memory, as node:crypto does: ciphertext and tag as they came, without the
   * copy into the caller's array, which for a large record costs as much as a quarter of the encryption.
   */
  sealApart?(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    parts: readonly Uint8Array[],
  ): readonly [ciphertext: Uint8Array, tag: Uint8Array];
  /** `open` for such a cipher: the plaintext in memory of its own, or undefined when the tag does not match. */
  openApart?(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): Uint8Array | undefined;
  /** Zeroes the key as far as the platform lets us. */
  destroy(): void;
}

export interface KeyExchange {
  readonly group: GroupName;
  /** Our key share as it goes on the wire. */
  readonly share: Bytes;
  /**
   * The shared secret, or undefined when the peer's share is invalid: wrong length, not on the curve, or (X25519) an
   * all-zero result (RFC 9846 §7.4.2).
   */
  agree(peerShare: Uint8Array): Bytes | undefined;
  /**
   * The classical half of a hybrid as a group of its own, on the same key: offering both shares costs one key pair, and
   * only one of them is ever answered. Destroyed with the hybrid.
   */
  readonly companion?: KeyExchange;
  destroy(): void;
}

export interface Encapsulation {
  /** Our key share as it goes on the wire. */
  readonly share: Bytes;
  readonly secret: Bytes;
}

/** Signs, perhaps later: the shape of every key that stands behind a certificate. */
export interface Signer {
  readonly kind: KeyKind;
  /** DER SubjectPublicKeyInfo of the public half. */
  readonly spki: Bytes;
  /** Schemes it can sign with, preferred first. */
  readonly schemes: readonly SchemeName[];
  /** ECDSA signatures are DER (RFC 9846 §4.3.3). */
  sign(scheme: SchemeName, message: Uint8Array): Bytes | Promise<Bytes>;
}

/** A signer whose key is in memory: signs at once and can be exported. */
export interface PrivateKey extends Signer {
  sign(scheme: SchemeName, message: Uint8Array): Bytes;
  /** DER PKCS#8 (RFC 5958), unencrypted. */
  dangerousExport(): Bytes;
}
