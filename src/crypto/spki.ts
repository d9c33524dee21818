/**
 * SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of the key kinds that TLS peers hold. Each elliptic-curve key has exactly one
 * accepted encoding: its fixed DER prefix and the uncompressed point (RFC 5480 §2, RFC 8410 §4).
 */
import { type Bytes, concat, equalBytes, fromHex } from '../base/bytes.ts';
import { Reader } from '../base/reader.ts';
import { bitString, element, NotDer, nested, SEQUENCE, unlessMalformed, unsigned } from './der.ts';
import { MAX_RSA_BYTES, MAX_SPKI_BYTES, MIN_RSA_BYTES } from './limits.ts';
import { pssHash } from './pss.ts';
import type { HashName } from './suites.ts';

export type CurveKind = 'ed25519' | 'p256' | 'p384' | 'p521';

export interface CurveKey {
  readonly kind: CurveKind;
  /** The 32 bytes of Ed25519, or `04 ‖ x ‖ y`. Not yet known to lie on the curve. */
  readonly bytes: Uint8Array;
}

export interface RsaKey {
  readonly kind: 'rsa' | 'rsa-pss';
  /** Big-endian, without leading zeros. */
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
  /** An id-RSASSA-PSS key may be bound to one hash by its parameters (RFC 4055 §3.3). */
  readonly onlyHash: HashName | undefined;
}

export type PublicKey = CurveKey | RsaKey;

interface CurveForm {
  readonly kind: CurveKind;
  readonly keyLength: number;
  readonly prefix: Bytes;
}

const FORMS: readonly CurveForm[] = [
  { kind: 'ed25519', keyLength: 32, prefix: fromHex('302a300506032b6570032100') },
  { kind: 'p256', keyLength: 65, prefix: fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200') },
  { kind: 'p384', keyLength: 97, prefix: fromHex('3076301006072a8648ce3d020106052b81040022036200') },
  {
    kind: 'p521',
    keyLength: 133,
    prefix: fromHex('30819b301006072a8648ce3d020106052b8104002303818600'),
  },
];

/** The key, or undefined when it is malformed, weak or of another kind. */
export function parseSpki(spki: Uint8Array): PublicKey | undefined {
  for (const { kind, keyLength, prefix } of FORMS) {
    if (spki.length !== prefix.length + keyLength || !startsWith(spki, prefix)) continue;
    const bytes = spki.subarray(prefix.length);
    if (kind === 'ed25519' ? isWeakEd25519(bytes) : bytes[0] !== 0x04) return undefined;
    return { kind, bytes };
  }
  if (spki.length > MAX_SPKI_BYTES) return undefined;
  return unlessMalformed(() => parseRsa(spki));
}

export function encodeSpki(kind: CurveKind, key: Uint8Array): Bytes {
  return concat([FORMS.find((form) => form.kind === kind)!.prefix, key]);
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, prefix.length), prefix);
}

/**
 * The y-coordinates of the eight points of small order. A signature under such a key verifies for many messages, so it
 * proves nothing; OpenSSL lets them pass and noble does not, hence the check is ours. Sign bit cleared.
 */
const SMALL_ORDER: readonly Bytes[] = [
  fromHex('0000000000000000000000000000000000000000000000000000000000000000'),
  fromHex('0100000000000000000000000000000000000000000000000000000000000000'),
  fromHex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
  fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
  fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
];

/** Small order, or y ≥ p = 2^255 - 19 (RFC 8032 §5.1.3 step 1: decoding fails). */
function isWeakEd25519(key: Uint8Array): boolean {
  const y = key.slice();
  y[31]! &= 0x7f;
  const unreduced = y[31] === 0x7f && y[0]! >= 0xed && y.subarray(1, 31).every((byte) => byte === 0xff);
  return unreduced || SMALL_ORDER.some((point) => equalBytes(point, y));
}

// RSA

/** rsaEncryption; its parameters must be NULL (RFC 3279 §2.3.1). */
const RSA_ALGORITHM: Bytes = fromHex('06092a864886f70d0101010500');
const PSS_OID: Bytes = fromHex('06092a864886f70d01010a');

function parseRsa(spki: Uint8Array): RsaKey | undefined {
  const outer = new Reader(spki);
  const info = nested(outer, SEQUENCE);
  outer.end();
  const algorithm = rsaAlgorithm(element(info, SEQUENCE));
  const key = new Reader(bitString(info));
  info.end();
  const pair = nested(key, SEQUENCE);
  key.end();
  const modulus = unsigned(pair);
  const exponent = unsigned(pair);
  pair.end();
  if (!isUsableModulus(modulus) || !isUsableExponent(exponent)) return undefined;
  return { ...algorithm, modulus, exponent };
}

function isUsableModulus(modulus: Uint8Array): boolean {
  const size = modulus.length;
  // Whole bytes: a top bit that is set keeps the PSS arithmetic (RFC 8017 §9.1) free of odd cases.
  return (
    size >= MIN_RSA_BYTES && size <= MAX_RSA_BYTES && modulus[0]! >= 0x80 && (modulus[size - 1]! & 1) === 1
  );
}

/** Odd, 3 ≤ e < 2^33: what keeps one verification cheap. */
function isUsableExponent(exponent: Uint8Array): boolean {
  const size = exponent.length;
  if (size > 5 || (size === 5 && exponent[0]! > 1)) return false;
  return (exponent[size - 1]! & 1) === 1 && (size > 1 || exponent[0]! >= 3);
}

/** Reads the content of the AlgorithmIdentifier of an RSA key. Throws NotDer for every other algorithm. */
export function rsaAlgorithm(content: Uint8Array): Pick<RsaKey, 'kind' | 'onlyHash'> {
  if (equalBytes(content, RSA_ALGORITHM)) return { kind: 'rsa', onlyHash: undefined };
  if (!startsWith(content, PSS_OID)) throw new NotDer('not an RSA key');
  const parameters = content.subarray(PSS_OID.length);
  if (parameters.length === 0) return { kind: 'rsa-pss', onlyHash: undefined };
  const onlyHash = pssHash(parameters);
  if (onlyHash === undefined) throw new NotDer('RSASSA-PSS parameters that no TLS scheme has');
  return { kind: 'rsa-pss', onlyHash };
}
