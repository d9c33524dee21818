/** Private keys held in memory: what both providers share around their own arithmetic. */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import { CryptoError } from './errors.ts';
import { encodePkcs8, parsePkcs8 } from './pkcs8.ts';
import type { PrivateKey } from './provider.ts';
import { type CurveKind, encodeSpki } from './spki.ts';
import type { KeyKind, SchemeName } from './suites.ts';

/** Each curve key signs with exactly one scheme of TLS 1.3 (RFC 9846 §4.3.3). */
export const CURVE_SCHEME: Readonly<Record<CurveKind, SchemeName>> = Object.freeze({
  ed25519: 'ed25519',
  p256: 'ecdsa_secp256r1_sha256',
  p384: 'ecdsa_secp384r1_sha384',
  p521: 'ecdsa_secp521r1_sha512',
});

export interface CurveArithmetic<Kind extends CurveKind> {
  readonly kinds: readonly Kind[];
  /** The public half, or undefined when the secret is out of range. */
  publicOf(kind: Kind, secret: Uint8Array): Bytes | undefined;
  /** A function that signs with this key; ECDSA signatures are DER. */
  signer(kind: Kind, secret: Bytes, publicKey: Bytes): (message: Uint8Array) => Bytes;
}

/** Reads a key on a curve of `arithmetic`, or names the kind that was found instead. Throws ERR_CRYPTO_KEY. */
export function importCurveKey<Kind extends CurveKind>(
  pkcs8: Uint8Array,
  arithmetic: CurveArithmetic<Kind>,
): PrivateKey | Exclude<KeyKind, Kind> {
  const key = parsePkcs8(pkcs8);
  if (key === undefined)
    throw new CryptoError('ERR_CRYPTO_KEY', 'private key is not a PKCS#8 key of a supported kind', {
      hint: 'ed25519, p256 and p384 keys are supported: openssl genpkey -algorithm ed25519',
    });
  const kind = arithmetic.kinds.find((known) => known === key.kind);
  if (kind === undefined || !('secret' in key)) return key.kind as Exclude<KeyKind, Kind>;
  const secret = new Uint8Array(key.secret);
  const publicKey = arithmetic.publicOf(kind, secret);
  if (publicKey === undefined)
    throw new CryptoError('ERR_CRYPTO_KEY', `private ${kind} key is outside the curve's range`);
  if (key.claimedPublic !== undefined && !equalBytes(key.claimedPublic, publicKey))
    throw new CryptoError('ERR_CRYPTO_KEY', `private ${kind} key carries the public half of another key`);
  return curveKey(kind, secret, publicKey, arithmetic);
}

export function curveKey<Kind extends CurveKind>(
  kind: Kind,
  secret: Bytes,
  publicKey: Bytes,
  arithmetic: CurveArithmetic<Kind>,
): PrivateKey {
  return new CurvePrivateKey(kind, secret, publicKey, arithmetic.signer(kind, secret, publicKey));
}

/** The secret sits in private fields: neither inspection nor JSON shows it. */
class CurvePrivateKey implements PrivateKey {
  readonly kind: CurveKind;
  readonly spki: Bytes;
  readonly schemes: readonly SchemeName[];
  readonly #secret: Bytes;
  readonly #publicKey: Bytes;
  readonly #sign: (message: Uint8Array) => Bytes;

  constructor(kind: CurveKind, secret: Bytes, publicKey: Bytes, sign: (message: Uint8Array) => Bytes) {
    this.kind = kind;
    this.spki = encodeSpki(kind, publicKey);
    this.schemes = Object.freeze([CURVE_SCHEME[kind]]);
    this.#secret = secret;
    this.#publicKey = publicKey;
    this.#sign = sign;
  }

  sign(scheme: SchemeName, message: Uint8Array): Bytes {
    requireScheme(this, scheme);
    return this.#sign(message);
  }

  dangerousExport(): Bytes {
    return encodePkcs8(this.kind, this.#secret, this.#publicKey);
  }
}

/** Throws ERR_CRYPTO_SCHEME unless the key signs with `scheme`. */
export function requireScheme(
  key: { readonly kind: KeyKind; readonly schemes: readonly SchemeName[] },
  scheme: SchemeName,
): void {
  if (key.schemes.includes(scheme)) return;
  throw new CryptoError(
    'ERR_CRYPTO_SCHEME',
    `${key.kind} key cannot sign ${scheme}, wanted ${key.schemes.join(' or ')}`,
  );
}
