/**
 * PKCS#8 private keys (RFC 5958): Ed25519 (RFC 8410 §7), P-256, P-384 and P-521 (RFC 5915 inside), with or without the public
 * half, as OpenSSL and WebCrypto write them. RSA is recognised, not taken apart: only node:crypto signs with it.
 */
import { type Bytes, concat, equalBytes, fromHex } from '../base/bytes.ts';
import { Reader } from '../base/reader.ts';
import {
  bitString,
  element,
  NotDer,
  nested,
  OCTET_STRING,
  SEQUENCE,
  unlessMalformed,
  unsigned,
} from './der.ts';
import { MAX_PKCS8_BYTES } from './limits.ts';
import { type CurveKind, type RsaKey, rsaAlgorithm } from './spki.ts';

export interface CurvePrivateKey {
  readonly kind: CurveKind;
  /** Ed25519 seed, or the scalar in the curve's full width. */
  readonly secret: Uint8Array;
  /** What the file claims to be the public half: to be compared, never believed. */
  readonly claimedPublic: Uint8Array | undefined;
}

export type Pkcs8 = CurvePrivateKey | Pick<RsaKey, 'kind' | 'onlyHash'>;

const ED25519_ALGORITHM: Bytes = fromHex('06032b6570');
const CURVES = [
  { kind: 'p256', size: 32, oid: fromHex('06082a8648ce3d030107') },
  { kind: 'p384', size: 48, oid: fromHex('06052b81040022') },
  { kind: 'p521', size: 66, oid: fromHex('06052b81040023') },
] as const;
const EC_OID: Bytes = fromHex('06072a8648ce3d0201');

const ATTRIBUTES = 0xa0;
const PUBLIC_KEY = 0x81;

/** Undefined when the bytes are malformed or the key is of another kind. */
export function parsePkcs8(pkcs8: Uint8Array): Pkcs8 | undefined {
  if (pkcs8.length > MAX_PKCS8_BYTES) return undefined;
  return unlessMalformed(() => {
    const outer = new Reader(pkcs8);
    const info = nested(outer, SEQUENCE);
    outer.end();
    const version = smallInteger(info);
    const algorithm = element(info, SEQUENCE);
    const inner = element(info, OCTET_STRING);
    if (info.peek() === ATTRIBUTES) element(info, ATTRIBUTES);
    // The public half is a version 2 field, and version 2 is written as 1 (RFC 5958 §2).
    const outerPublic = version === 1 && info.peek() === PUBLIC_KEY ? bitString(info, PUBLIC_KEY) : undefined;
    info.end();
    if (version > 1) throw new NotDer(`PKCS#8 version ${version}`);
    return readKey(algorithm, inner, outerPublic);
  });
}

function readKey(algorithm: Uint8Array, inner: Uint8Array, claimedPublic: Uint8Array | undefined): Pkcs8 {
  if (equalBytes(algorithm, ED25519_ALGORITHM)) {
    const reader = new Reader(inner);
    const secret = element(reader, OCTET_STRING);
    reader.end();
    if (secret.length !== 32) throw new NotDer(`Ed25519 seed of ${secret.length} bytes`);
    return { kind: 'ed25519', secret, claimedPublic };
  }
  const curve = CURVES.find(({ oid }) => equalBytes(algorithm, concat([EC_OID, oid])));
  return curve === undefined ? rsaAlgorithm(algorithm) : readEc(curve, inner, claimedPublic);
}

/** ECPrivateKey (RFC 5915 §3). */
function readEc(
  { kind, size, oid }: (typeof CURVES)[number],
  der: Uint8Array,
  outerPublic: Uint8Array | undefined,
): CurvePrivateKey {
  const outer = new Reader(der);
  const key = nested(outer, SEQUENCE);
  outer.end();
  if (smallInteger(key) !== 1) throw new NotDer('ECPrivateKey of another version');
  const secret = element(key, OCTET_STRING);
  if (secret.length !== size) throw new NotDer(`scalar of ${secret.length} bytes, wanted ${size}`);
  if (key.peek() === 0xa0 && !equalBytes(element(key, 0xa0), oid)) throw new NotDer('two different curves');
  let claimedPublic = outerPublic;
  if (key.peek() === 0xa1) {
    const wrapper = nested(key, 0xa1);
    claimedPublic = bitString(wrapper);
    wrapper.end();
  }
  key.end();
  return { kind, secret, claimedPublic };
}

function smallInteger(reader: Reader): number {
  const bytes = unsigned(reader);
  if (bytes.length !== 1) throw new NotDer('version too large');
  return bytes[0]!;
}

const PREFIXES: Readonly<Record<CurveKind, Bytes>> = {
  ed25519: fromHex('302e020100300506032b657004220420'),
  p256: fromHex('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420'),
  p384: fromHex('3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430'),
  p521: fromHex('3081ee020100301006072a8648ce3d020106052b810400230481d63081d30201010442'),
};
/** Headers of the public half that follows the scalar: [1] BIT STRING. */
const PUBLIC_HEADERS = {
  p256: fromHex('a144034200'),
  p384: fromHex('a164036200'),
  p521: fromHex('a1818903818600'),
} as const;

/** Byte for byte what `openssl genpkey` writes: the public half inside EC keys, not in Ed25519 ones. */
export function encodePkcs8(kind: CurveKind, secret: Uint8Array, publicKey: Uint8Array): Bytes {
  if (kind === 'ed25519') return concat([PREFIXES.ed25519, secret]);
  return concat([PREFIXES[kind], secret, PUBLIC_HEADERS[kind], publicKey]);
}
