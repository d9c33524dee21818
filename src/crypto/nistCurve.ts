/**
 * ECDH (RFC 9846 §7.4.2) and ECDSA (FIPS 186-5 §6.4) on P-256 and P-384. Points, fields and multiplication in constant time
 * are noble's. The formulas over them are written here because noble's come with key recovery, formats and a DER of their
 * own, 3 KB of every page; `test/crypto/nistCurve.test.ts` holds both to the same bytes.
 */
import { mapHashToField } from '@noble/curves/abstract/modular.js';
import type { WeierstrassPointCons } from '@noble/curves/abstract/weierstrass.js';
import { weierstrass } from '@noble/curves/abstract/weierstrass.js';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { hmac } from '@noble/hashes/hmac.js';
import { type Bytes, concat, EMPTY } from '../base/bytes.ts';
import { HASHES } from './hashes.ts';

type Random = (length: number) => Bytes;

/** One as wide as the curve: what RFC 6979 and `integer` would do for others is not needed. */
type CurveHash = 'sha256' | 'sha384';

class NistCurve {
  /** Bytes of a scalar, and of a coordinate. */
  readonly size: number;
  readonly #Point: WeierstrassPointCons<bigint>;
  readonly #hash: CurveHash;

  constructor(Point: WeierstrassPointCons<bigint>, hash: CurveHash) {
    this.#Point = Point;
    this.#hash = hash;
    this.size = Point.Fn.BYTES;
  }

  /** A private key: surplus random bits make the reduction modulo the order unbiased (FIPS 186-5 §A.2.1). */
  freshSecret(random: Random): Bytes {
    return mapHashToField(random(this.size * 1.5), this.#Point.Fn.ORDER) as Bytes;
  }

  /** Uncompressed. Throws for a private key of the wrong length or range. */
  publicKey(secret: Uint8Array): Bytes {
    const { BASE, Fn } = this.#Point;
    return BASE.multiply(Fn.fromBytes(secret)).toBytes(false) as Bytes;
  }

  /** The x-coordinate, in full width. Throws for a share that is no point of the curve. */
  sharedSecret(secret: Uint8Array, share: Uint8Array): Bytes {
    const Point = this.#Point;
    const shared = Point.fromBytes(share).multiply(Point.Fn.fromBytes(secret));
    return shared.toBytes(false).slice(1, 1 + this.size) as Bytes;
  }

  /**
   * r ‖ s over the hash of `message`. The nonce is hedged (RFC 6979 §3.6): deterministic if the randomness fails, and no
   * target for fault attacks if it does not.
   */
  sign(message: Uint8Array, secret: Uint8Array, random: Random): Bytes {
    const { BASE, Fn } = this.#Point;
    const d = Fn.fromBytes(secret);
    const z = this.#integer(HASHES[this.#hash](message));
    const nextNonce = nonces(this.#hash, concat([secret, Fn.toBytes(z), random(32)]));
    for (;;) {
      const k = bytesToNumberBE(nextNonce());
      if (k === 0n || k >= Fn.ORDER) continue;
      const r = Fn.create(BASE.multiply(k).x);
      // k⁻¹(z + dr), everything times a random factor: how long an inversion takes says something about what it inverts.
      const blind = Fn.fromBytes(this.freshSecret(random));
      const sum = Fn.add(Fn.mul(blind, z), Fn.mul(Fn.mul(blind, d), r));
      const s = Fn.mul(Fn.inv(Fn.mul(blind, k)), sum);
      if (r !== 0n && s !== 0n) return concat([Fn.toBytes(r), Fn.toBytes(s)]);
    }
  }

  /** `signature`: r ‖ s, high s allowed. `digest`: of any hash. Throws for numbers out of range and keys off the curve. */
  verify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
    const { BASE, Fn } = this.#Point;
    const point = this.#Point.fromBytes(publicKey);
    const r = Fn.fromBytes(signature.subarray(0, this.size));
    const s = Fn.fromBytes(signature.subarray(this.size));
    if (r === 0n || s === 0n) return false;
    const inverse = Fn.inv(s);
    const z = this.#integer(digest);
    const sum = BASE.mulAddUnsafe(Fn.mul(z, inverse), point, Fn.mul(r, inverse));
    return !sum.is0() && Fn.create(sum.x) === r;
  }

  /** The leftmost bits of a digest, as many as the order has. */
  #integer(digest: Uint8Array): bigint {
    return this.#Point.Fn.create(bytesToNumberBE(digest.subarray(0, this.size)));
  }
}

/** RFC 6979 §3.2, steps b to h, for a hash that fills a candidate at once. */
function nonces(name: CurveHash, seed: Bytes): () => Uint8Array {
  const hash = HASHES[name];
  let key: Uint8Array = new Uint8Array(hash.outputLen);
  let value: Uint8Array = new Uint8Array(hash.outputLen).fill(1);
  const mix = (separator: number, data: Bytes): void => {
    key = hmac(hash, key, concat([value, Uint8Array.of(separator), data]));
    value = hmac(hash, key, value);
  };
  mix(0, seed);
  mix(1, seed);
  seed.fill(0);
  let isFirst = true;
  return () => {
    if (!isFirst) mix(0, EMPTY);
    isFirst = false;
    value = hmac(hash, key, value);
    return value;
  };
}

/** Parameters of SP 800-186 §3.2.1: the curve y² = x³ - 3x + b modulo p, and a point of order n on it. */
function point(p: string, n: string, b: string, x: string, y: string): WeierstrassPointCons<bigint> {
  const number = (hex: string): bigint => BigInt(`0x${hex}`);
  const curve = { p: number(p), n: number(n), h: 1n, a: number(p) - 3n, b: number(b) };
  return weierstrass({ ...curve, Gx: number(x), Gy: number(y) });
}

export const p256: NistCurve = new NistCurve(
  point(
    'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
    'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
    '5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b',
    '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296',
    '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
  ),
  'sha256',
);

export const p384: NistCurve = new NistCurve(
  point(
    'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff',
    'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
    'b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef',
    'aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7',
    '3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f',
  ),
  'sha384',
);
