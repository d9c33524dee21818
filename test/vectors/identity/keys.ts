/**
 * The keys of the vectors, each from its name alone, so that making the file anew gives the same bytes. Ed25519 and
 * ECDSA come from the portable provider, whose randomness is replaced; RSA from primes whose places are noted, for
 * only node:crypto signs with it, and PKCS#1 v1.5 signs alike each time.
 */
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, utf8 } from '../../../src/base/bytes.ts';
import { nobleProvider } from '../../../src/crypto/noble.ts';
import { provider as node } from '../../../src/crypto/node.node.ts';
import { parsePkcs8 } from '../../../src/crypto/pkcs8.ts';
import type { PrivateKey } from '../../../src/crypto/provider.ts';
import { derFromRaw } from '../../../src/crypto/signature.ts';
import { der, integer, octetString, oid, sequence, TAG } from '../../../src/identity/der.ts';

export type VectorKind = 'ed25519' | 'p256' | 'p384' | 'rsa';

/** `length` bytes that depend on nothing but `name`. */
export function expand(name: string, length: number): Bytes {
  const blocks: Bytes[] = [];
  for (let i = 0; i * 32 < length; i++) blocks.push(sha256(utf8(`q2q vectors/${name}/${i}`)) as Bytes);
  return concat(blocks).slice(0, length);
}

/** How far the primes stand above the odd number that their name gives, upper two bits set. */
const RSA_KEYS = {
  a: { size: 128, p: 248n, q: 762n },
  b: { size: 128, p: 142n, q: 522n },
  weak: { size: 64, p: 124n, q: 906n },
} as const;

const known = new Map<string, PrivateKey>();

/** A key with this name: for RSA `a`, `b` or `weak` (1024 bits). */
export function keyOf(kind: VectorKind, name: string): PrivateKey {
  const id = `${kind}/${name}`;
  let key = known.get(id);
  if (key === undefined) {
    key = kind === 'rsa' ? rsaKey(name as keyof typeof RSA_KEYS) : curveKey(kind, id);
    known.set(id, key);
  }
  return key;
}

function curveKey(kind: Exclude<VectorKind, 'rsa'>, id: string): PrivateKey {
  return nobleProvider({ random: (length) => expand(id, length) }).generateKey(kind);
}

function rsaKey(name: keyof typeof RSA_KEYS): PrivateKey {
  return node.importKey(rsaPkcs8(name));
}

function rsaPrime(name: keyof typeof RSA_KEYS, half: 'p' | 'q'): bigint {
  const { size, ...offsets } = RSA_KEYS[name];
  const odd = toBigInt(expand(`rsa-${name}/${half}`, size)) | (3n << BigInt(size * 8 - 2)) | 1n;
  return odd + offsets[half];
}

export function rsaModulus(name: keyof typeof RSA_KEYS): bigint {
  return rsaPrime(name, 'p') * rsaPrime(name, 'q');
}

function rsaPkcs8(name: keyof typeof RSA_KEYS): Bytes {
  const p = rsaPrime(name, 'p');
  const q = rsaPrime(name, 'q');
  const e = 65537n;
  const d = inverse(e, (p - 1n) * (q - 1n));
  const numbers = [0n, p * q, e, d, p, q, d % (p - 1n), d % (q - 1n), inverse(q, p)];
  const algorithm = sequence(oid('1.2.840.113549.1.1.1'), der(TAG.null));
  return sequence(
    integer(0),
    algorithm,
    octetString(sequence(...numbers.map((number) => integer(toBytes(number))))),
  );
}

/** ECDSA over a digest of any width, which no scheme of TLS 1.3 has. */
export function signDigest(name: string, digest: Uint8Array): Bytes {
  const key = parsePkcs8(keyOf('p256', name).dangerousExport());
  if (key === undefined || !('secret' in key)) throw new Error('keyOf made another kind of key');
  return derFromRaw(p256.sign(digest, key.secret, { prehash: false, lowS: false }));
}

export function toBigInt(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

export function toBytes(number: bigint): Bytes {
  const text = number.toString(16);
  return new Uint8Array(Buffer.from(text.padStart(text.length + (text.length % 2), '0'), 'hex'));
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (b > 0n) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}
