/**
 * X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): secrets that a quantum computer of later years cannot read out of a
 * recording made today. An entry of its own, `q2q/mlkem`: its arithmetic comes from `@noble/post-quantum`, an optional
 * peer dependency, and a page that does not import it loads nothing of it.
 */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { type Bytes, concat } from '../base/bytes.ts';
import type { CryptoProvider, Encapsulation, KeyExchange } from './provider.ts';

const HYBRID = 'X25519MLKEM768';

/** Sizes of ML-KEM-768 (FIPS 203 §8, table 3), of X25519 (RFC 7748 §5), and of what fixes either end's share. */
const ENCAPSULATION_KEY = 1184;
const CIPHERTEXT = 1088;
const X25519 = 32;
const SEED = 64;
const RANDOMNESS = 32;

/** `provider` with X25519MLKEM768, which it then prefers to every other group. */
export function withMlKem(provider: CryptoProvider): CryptoProvider {
  const { supports } = provider;
  return Object.freeze<CryptoProvider>({
    name: provider.name,
    random: (length) => provider.random(length),
    hash: (name) => provider.hash(name),
    hmac: (name, key, ...parts) => provider.hmac(name, key, ...parts),
    hkdfExtract: (name, salt, inputKey) => provider.hkdfExtract(name, salt, inputKey),
    hkdfExpand: (name, key, info, length) => provider.hkdfExpand(name, key, info, length),
    aead: (name, key) => provider.aead(name, key),
    keyExchange: (group, privateKey) =>
      group === HYBRID ? new HybridExchange(provider, privateKey) : provider.keyExchange(group, privateKey),
    encapsulate: (group, peerShare, privateKey) =>
      group === HYBRID
        ? encapsulate(provider, peerShare, privateKey)
        : provider.encapsulate(group, peerShare, privateKey),
    verify: (scheme, spki, message, signature) => provider.verify(scheme, spki, message, signature),
    generateKey: (kind) => provider.generateKey(kind),
    importKey: (pkcs8) => provider.importKey(pkcs8),
    supports: Object.freeze({
      ...supports,
      groups: Object.freeze([HYBRID, ...supports.groups.filter((group) => group !== HYBRID)] as const),
    }),
  });
}

/**
 * The client's side. The secret is ML-KEM's ‖ X25519's (§4.3). noble's decapsulation is as constant in time as JavaScript
 * lets it be, which is not quite; here each key decapsulates once, so there is nothing to measure twice.
 */
class HybridExchange implements KeyExchange {
  readonly group = HYBRID;
  readonly share: Bytes;
  readonly companion: KeyExchange;
  #decapsulationKey: Uint8Array;

  /** `privateKey`: ML-KEM's seed d ‖ z (FIPS 203 §7.1), then X25519's key. */
  constructor(provider: CryptoProvider, privateKey: Uint8Array | undefined) {
    const [given, x25519] = split(privateKey, SEED);
    const seed = given ?? provider.random(SEED);
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    if (given === undefined) seed.fill(0);
    this.companion = provider.keyExchange('x25519', x25519);
    this.#decapsulationKey = secretKey;
    this.share = concat([publicKey, this.companion.share]);
  }

  agree(peerShare: Uint8Array): Bytes | undefined {
    if (this.#decapsulationKey.length === 0) throw new Error('key exchange was used after it was destroyed');
    if (peerShare.length !== CIPHERTEXT + X25519) return undefined;
    const classical = this.companion.agree(peerShare.subarray(CIPHERTEXT));
    if (classical === undefined) return undefined;
    // A ciphertext of the right length is never refused: a wrong one gives a secret of nobody (FIPS 203 §6.3).
    const secret = ml_kem768.decapsulate(peerShare.subarray(0, CIPHERTEXT), this.#decapsulationKey);
    return joined(secret, classical);
  }

  destroy(): void {
    this.companion.destroy();
    this.#decapsulationKey.fill(0);
    this.#decapsulationKey = new Uint8Array(0);
  }
}

/** The server's side. `privateKey`: ML-KEM's randomness m (FIPS 203 §6.2), then X25519's key. */
function encapsulate(
  provider: CryptoProvider,
  peerShare: Uint8Array,
  privateKey: Uint8Array | undefined,
): Encapsulation | undefined {
  const [given, x25519] = split(privateKey, RANDOMNESS);
  if (peerShare.length !== ENCAPSULATION_KEY + X25519) return undefined;
  const classical = provider.encapsulate('x25519', peerShare.subarray(ENCAPSULATION_KEY), x25519);
  if (classical === undefined) return undefined;
  const randomness = given ?? provider.random(RANDOMNESS);
  const answer = encapsulateTo(peerShare.slice(0, ENCAPSULATION_KEY), randomness);
  if (given === undefined) randomness.fill(0);
  if (answer === undefined) return undefined;
  return {
    share: concat([answer.cipherText, classical.share]),
    secret: joined(answer.sharedSecret, classical.secret),
  };
}

/** Undefined when a coefficient of the key is not below 3329 (FIPS 203 §7.2, modulus check): noble throws. */
function encapsulateTo(
  key: Uint8Array,
  randomness: Uint8Array,
): ReturnType<typeof ml_kem768.encapsulate> | undefined {
  try {
    return ml_kem768.encapsulate(key, randomness);
  } catch {
    return undefined;
  }
}

/** A given private key in its halves, the first of `length` bytes; both undefined when none is given. */
function split(
  privateKey: Uint8Array | undefined,
  length: number,
): readonly [Uint8Array, Uint8Array] | readonly [undefined, undefined] {
  if (privateKey === undefined) return [undefined, undefined];
  if (privateKey.length !== length + X25519)
    throw new RangeError(
      `private ${HYBRID} key of ${privateKey.length} bytes is not valid, wanted ${length + X25519}`,
    );
  return [privateKey.subarray(0, length), privateKey.subarray(length)];
}

/** Both halves as one secret; the halves are zeroed. */
function joined(first: Uint8Array, second: Uint8Array): Bytes {
  const secret = concat([first, second]);
  first.fill(0);
  second.fill(0);
  return secret;
}
