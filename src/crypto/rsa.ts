/**
 * RSA signature verification (RFC 8017 §8.1.2, §8.2.2) on BigInt, for certificates and handshakes of the wild. Public
 * values only, so nothing here needs constant time. A 2048-bit check with e = 65537 takes well under a millisecond.
 */
import { pow } from '@noble/curves/abstract/modular.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import { type Bytes, concat, equalBytes, fromHex } from '../base/bytes.ts';
import { HASHES } from './hashes.ts';
import type { RsaKey } from './spki.ts';
import type { HashName } from './suites.ts';

/** DER of DigestInfo up to the digest (RFC 8017 §9.2 note 1): NULL parameters present, no other form accepted. */
const DIGEST_INFO: Readonly<Record<HashName, Bytes>> = {
  sha256: fromHex('3031300d060960864801650304020105000420'),
  sha384: fromHex('3041300d060960864801650304020205000430'),
  sha512: fromHex('3051300d060960864801650304020305000440'),
};

/** RSASSA-PKCS1-v1_5: the padding is built and compared whole, never parsed (Bleichenbacher 2006). */
export function verifyPkcs1(
  key: RsaKey,
  hash: HashName,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = recover(key, signature);
  if (encoded === undefined) return false;
  const tail = concat([Uint8Array.of(0), DIGEST_INFO[hash], HASHES[hash](message)]);
  const wanted = new Uint8Array(encoded.length).fill(0xff);
  wanted[0] = 0;
  wanted[1] = 1;
  wanted.set(tail, wanted.length - tail.length);
  return equalBytes(encoded, wanted);
}

/** RSASSA-PSS with MGF1 of the same hash and a salt as long as the digest (RFC 9846 §4.3.3). */
export function verifyPss(key: RsaKey, hash: HashName, message: Uint8Array, signature: Uint8Array): boolean {
  const encoded = recover(key, signature);
  if (encoded === undefined) return false;
  // EMSA-PSS-VERIFY (RFC 8017 §9.1.2); the modulus fills whole bytes, so emBits = 8·emLen - 1.
  const digest = HASHES[hash];
  const hashLength = digest.outputLen;
  const dbLength = encoded.length - hashLength - 1;
  if (encoded[encoded.length - 1] !== 0xbc || encoded[0]! >= 0x80) return false;
  const seed = encoded.subarray(dbLength, dbLength + hashLength);
  const db = encoded.slice(0, dbLength);
  const mask = mgf1(hash, seed, dbLength);
  for (let i = 0; i < dbLength; i++) db[i]! ^= mask[i]!;
  db[0]! &= 0x7f;
  const saltAt = dbLength - hashLength;
  for (let i = 0; i < saltAt - 1; i++) if (db[i] !== 0) return false;
  if (db[saltAt - 1] !== 1) return false;
  const inner = concat([new Uint8Array(8), digest(message), db.subarray(saltAt)]);
  return equalBytes(digest(inner), seed);
}

/** MGF1 (RFC 8017 §B.2.1). */
function mgf1(hash: HashName, seed: Uint8Array, length: number): Bytes {
  const digest = HASHES[hash];
  const blocks: Uint8Array[] = [];
  for (let i = 0; i * digest.outputLen < length; i++)
    blocks.push(digest(concat([seed, Uint8Array.of(0, 0, i >> 8, i)])));
  return concat(blocks).subarray(0, length);
}

/** s^e mod n (RFC 8017 §5.2.2) as bytes of the modulus's length; undefined unless 0 ≤ s < n and the length fits. */
function recover(key: RsaKey, signature: Uint8Array): Bytes | undefined {
  const size = key.modulus.length;
  if (signature.length !== size) return undefined;
  const n = bytesToNumberBE(key.modulus);
  const s = bytesToNumberBE(signature);
  if (s >= n) return undefined;
  return numberToBytesBE(pow(s, bytesToNumberBE(key.exponent), n), size) as Bytes;
}
