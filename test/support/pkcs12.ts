/** PKCS#12 files made by hand: PBMAC1 with few iterations, nothing encrypted, every part can be another. For tests only. */
import { hmac } from '@noble/hashes/hmac.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8 } from '../../src/base/bytes.ts';
import { context, der, integer, octetString, oid, sequence, TAG } from '../../src/identity/der.ts';
import type { Made } from '../identity/maker.ts';

export const PASSWORD = 'Käse, 4 Stück';

export const DATA = '1.2.840.113549.1.7.1';
export const NULL: Uint8Array = der(TAG.null);
export const explicit = (...content: readonly Uint8Array[]): Uint8Array => der(context(0, true), ...content);
export const contentInfo = (type: string, content: Uint8Array): Uint8Array =>
  sequence(oid(type), explicit(content));
export const bag = (kind: number, value: Uint8Array): Uint8Array =>
  sequence(oid(`1.2.840.113549.1.12.10.1.${kind}`), explicit(value));
export const keyBag = (made: Made): Uint8Array => bag(1, made.key.dangerousExport());
export const certBag = (made: Made, type = '1.2.840.113549.1.9.22.1'): Uint8Array =>
  bag(3, sequence(oid(type), explicit(octetString(made.der))));

export const SALT: Uint8Array = new Uint8Array(8).fill(5);
const HMAC_SHA256 = sequence(oid('1.2.840.113549.2.9'), NULL);

export function pbmac1(content: Uint8Array, iterations = 1, keyLength = 32): Uint8Array {
  const key = pbkdf2(sha256, utf8(PASSWORD), SALT, { c: Math.min(iterations, 10), dkLen: keyLength });
  const derivation = sequence(
    oid('1.2.840.113549.1.5.12'),
    sequence(octetString(SALT), integer(iterations), integer(keyLength), HMAC_SHA256),
  );
  const algorithm = sequence(oid('1.2.840.113549.1.5.14'), sequence(derivation, HMAC_SHA256));
  return sequence(sequence(algorithm, octetString(hmac(sha256, key, content))), octetString(SALT));
}

export function pfx(
  bags: readonly Uint8Array[],
  {
    version = 3,
    mac = pbmac1,
    type = DATA,
    safes = [contentInfo(DATA, octetString(sequence(...bags)))],
  }: {
    version?: number;
    mac?: (content: Uint8Array) => Uint8Array;
    type?: string;
    safes?: readonly Uint8Array[];
  } = {},
): Uint8Array {
  const content = sequence(...safes);
  const macData = mac(content);
  return sequence(
    integer(version),
    contentInfo(type, octetString(content)),
    ...(macData.length === 0 ? [] : [macData]),
  );
}

/** Any content under a MAC that is right: what is inside is read. */
export function sealed(content: Uint8Array): Uint8Array {
  return sequence(integer(3), contentInfo(DATA, octetString(content)), pbmac1(content));
}
