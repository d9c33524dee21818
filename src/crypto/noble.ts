/** The portable provider: noble only, the same in browsers, workers, Node, Deno and Bun. */
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { hmac } from '@noble/hashes/hmac.js';
import type { Bytes } from '../base/bytes.ts';
import { CryptoError } from './errors.ts';
import { HASHES } from './hashes.ts';
import { hkdfOn } from './hkdf.ts';
import { answerWith, lacksGroup } from './keyAgreement.ts';
import { nobleAead } from './nobleAead.ts';
import { type CurveArithmetic, curveKey, importCurveKey } from './privateKey.ts';
import type { CryptoProvider, Hash, KeyExchange, PrivateKey } from './provider.ts';
import { verifyPkcs1, verifyPss } from './rsa.ts';
import { derFromRaw, rawFromDer } from './signature.ts';
import { type CurveKey, type CurveKind, parseSpki } from './spki.ts';
import { type GroupName, type HashName, SCHEMES, type SchemeName, schemeByName } from './suites.ts';

export interface NobleOptions {
  /** Replaces the platform's randomness: tests that replay a run. */
  readonly random?: (length: number) => Bytes;
}

/** P-521 is left out: few would use what every page would load. */
type NobleGroup = 'x25519' | 'secp256r1' | 'secp384r1';
type NobleKind = Exclude<CurveKind, 'p521'>;

const NIST = { p256, p384, secp256r1: p256, secp384r1: p384 } as const;

export function nobleProvider(options: NobleOptions = {}): CryptoProvider {
  const random = options.random ?? platformRandom;
  const arithmetic = nobleArithmetic(random);
  const keyExchange = (group: GroupName, privateKey?: Uint8Array): KeyExchange => {
    if (group === 'secp521r1' || group === 'X25519MLKEM768') throw lacksGroup('noble', group);
    return new NobleKeyExchange(group, privateKey, random);
  };
  return Object.freeze<CryptoProvider>({
    name: 'noble',
    random,
    hash: (name) => HASHES[name].create() as unknown as Hash,
    hmac: nobleHmac,
    ...hkdfOn(nobleHmac),
    aead: nobleAead,
    keyExchange,
    encapsulate: (group, peerShare, privateKey) => answerWith(keyExchange(group, privateKey), peerShare),
    verify,
    generateKey(kind) {
      const { secret, publicKey } = freshKey(kind, random);
      return curveKey(kind, secret, publicKey, arithmetic);
    },
    importKey(pkcs8): PrivateKey {
      const key = importCurveKey(pkcs8, arithmetic);
      if (typeof key !== 'string') return key;
      throw new CryptoError('ERR_CRYPTO_KEY', `${key} key, wanted ed25519, p256 or p384`, {
        hint: 'rsa and p521 keys sign only with the node:crypto provider',
      });
    },
    supports: Object.freeze({
      // ChaCha20 first: in JavaScript it is twice as fast as AES, and free of table lookups that leak timing.
      aeads: Object.freeze(['chacha20-poly1305', 'aes-128-gcm', 'aes-256-gcm'] as const),
      groups: Object.freeze(['x25519', 'secp256r1', 'secp384r1'] as const),
      verifies: Object.freeze(SCHEMES.filter((scheme) => scheme.key !== 'p521').map((scheme) => scheme.name)),
      signs: Object.freeze(['ed25519', 'ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384'] as const),
    }),
  });
}

function nobleHmac(name: HashName, key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  const mac = hmac.create(HASHES[name], key);
  for (const part of parts) mac.update(part);
  return mac.digest() as Bytes;
}

/** One getRandomValues call gives at most 65,536 bytes (Web Cryptography §10.1.1). */
const RANDOM_QUOTA = 65_536;

function platformRandom(length: number): Bytes {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_QUOTA)
    globalThis.crypto.getRandomValues(bytes.subarray(at, at + RANDOM_QUOTA));
  return bytes;
}

/**
 * X25519 per RFC 7748 §5, the NIST curves per RFC 9846 §7.4.2: the secret is the x-coordinate in full width. noble checks
 * that the peer's point is on the curve and that the X25519 result is not all zero.
 */
class NobleKeyExchange implements KeyExchange {
  readonly group: NobleGroup;
  readonly share: Bytes;
  #secret: Bytes;

  constructor(group: NobleGroup, privateKey: Uint8Array | undefined, random: (length: number) => Bytes) {
    this.group = group;
    if (privateKey !== undefined) {
      this.#secret = new Uint8Array(privateKey);
      this.share = publicShare(group, this.#secret);
    } else {
      const fresh = freshKey(group, random);
      this.#secret = fresh.secret;
      this.share = fresh.publicKey;
    }
  }

  agree(peerShare: Uint8Array): Bytes | undefined {
    if (this.#secret.length === 0) throw new Error('key exchange was used after it was destroyed');
    if (peerShare.length !== this.share.length) return undefined;
    try {
      if (this.group === 'x25519') return x25519.getSharedSecret(this.#secret, peerShare) as Bytes;
      if (peerShare[0] !== 0x04) return undefined;
      return NIST[this.group].getSharedSecret(this.#secret, peerShare, true).slice(1) as Bytes;
    } catch {
      return undefined;
    }
  }

  destroy(): void {
    this.#secret.fill(0);
    this.#secret = new Uint8Array(0);
  }
}

/** Throws RangeError for a private key of the wrong length or range. */
function publicShare(kind: NobleGroup | NobleKind, secret: Bytes): Bytes {
  try {
    if (kind === 'x25519') return x25519.getPublicKey(secret) as Bytes;
    if (kind === 'ed25519') return ed25519.getPublicKey(secret) as Bytes;
    return NIST[kind].getPublicKey(secret, false) as Bytes;
  } catch (cause) {
    throw new RangeError(`private ${kind} key of ${secret.length} bytes is not valid`, { cause });
  }
}

function freshKey(
  kind: NobleGroup | NobleKind,
  random: (length: number) => Bytes,
): { secret: Bytes; publicKey: Bytes } {
  if (kind === 'x25519' || kind === 'ed25519') {
    const secret = random(32);
    return { secret, publicKey: publicShare(kind, secret) };
  }
  // FIPS 186-5 §A.2.1: 64 surplus bits make the reduction modulo the group's order unbiased.
  const curve = NIST[kind];
  const secret = curve.utils.randomSecretKey(random(curve.lengths.seed!)) as Bytes;
  return { secret, publicKey: publicShare(kind, secret) };
}

function nobleArithmetic(random: (length: number) => Bytes): CurveArithmetic<NobleKind> {
  return {
    kinds: ['ed25519', 'p256', 'p384'],
    publicOf(kind, secret) {
      try {
        return publicShare(kind, new Uint8Array(secret));
      } catch {
        return undefined;
      }
    },
    signer(kind, secret) {
      if (kind === 'ed25519') return (message) => ed25519.sign(message, secret) as Bytes;
      const curve = NIST[kind];
      // Hedged RFC 6979 (§3.6): deterministic if the randomness fails, and no target for fault attacks if it does not.
      return (message) => derFromRaw(curve.sign(message, secret, { lowS: false, extraEntropy: random(32) }));
    },
  };
}

function verify(scheme: SchemeName, spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const { key: kind, hash } = schemeByName(scheme);
  const key = parseSpki(spki);
  if (key === undefined || key.kind !== kind) return false;
  if (!('modulus' in key)) return verifyCurve(key, message, signature);
  if (key.onlyHash !== undefined && key.onlyHash !== hash) return false;
  return scheme.startsWith('rsa_pkcs1')
    ? verifyPkcs1(key, hash!, message, signature)
    : verifyPss(key, hash!, message, signature);
}

function verifyCurve(key: CurveKey, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    // Strict RFC 8032 §5.1.7 decoding; zip215 would admit encodings that OpenSSL refuses.
    if (key.kind === 'ed25519')
      return signature.length === 64 && ed25519.verify(signature, message, key.bytes, { zip215: false });
    if (key.kind === 'p521') return false;
    const curve = NIST[key.kind];
    const raw = rawFromDer(signature, curve.lengths.secretKey!);
    return raw !== undefined && curve.verify(raw, message, key.bytes, { lowS: false });
  } catch {
    return false; // a point off the curve
  }
}

export const provider: CryptoProvider = nobleProvider();
