/**
 * RSASSA-PSS-params (RFC 4055 §3.1) that say exactly what a TLS scheme does: a hash, MGF1 with the same hash, a salt as
 * long as the digest. In keys and in signatures alike.
 */
import { type Bytes, EMPTY, equalBytes, fromHex } from '../base/bytes.ts';
import { encode, SEQUENCE } from './der.ts';
import type { HashName } from './suites.ts';

const HASHES: Readonly<Record<HashName, { readonly saltLength: number; readonly oid: Bytes }>> = {
  sha256: { saltLength: 32, oid: fromHex('0609608648016503040201') },
  sha384: { saltLength: 48, oid: fromHex('0609608648016503040202') },
  sha512: { saltLength: 64, oid: fromHex('0609608648016503040203') },
};
const MGF1_OID: Bytes = fromHex('06092a864886f70d010108');
const NULL: Bytes = fromHex('0500');

/** The hash's own parameters may be NULL or absent (RFC 4055 §2.1). */
export function encodePssParameters(hash: HashName, hashParameters: Bytes = NULL): Bytes {
  const { saltLength, oid } = HASHES[hash];
  const algorithm = encode(SEQUENCE, oid, hashParameters);
  return encode(
    SEQUENCE,
    encode(0xa0, algorithm),
    encode(0xa1, encode(SEQUENCE, MGF1_OID, algorithm)),
    encode(0xa2, Uint8Array.of(0x02, 1, saltLength)),
  );
}

/** The hash, or undefined when the parameters say something that no TLS scheme does. */
export function pssHash(parameters: Uint8Array): HashName | undefined {
  return (Object.keys(HASHES) as HashName[]).find((hash) =>
    [NULL, EMPTY].some((hashParameters) => equalBytes(parameters, encodePssParameters(hash, hashParameters))),
  );
}
