/** Key agreement, signatures and their keys on node:crypto. */
import {
  constants,
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type ECDH,
  type KeyObject,
  randomFillSync,
  sign,
  verify,
} from 'node:crypto';
import { base64url, fromBase64url } from '../base/base64.ts';
import { type Bytes, concat, fromHex } from '../base/bytes.ts';
import { CryptoError } from './errors.ts';
import { lacksGroup } from './keyAgreement.ts';
import { KEY_CACHE_LIMIT, MAX_SPKI_BYTES } from './limits.ts';
import { encodePkcs8 } from './pkcs8.ts';
import { CURVE_SCHEME, type CurveArithmetic, curveKey, requireScheme } from './privateKey.ts';
import type { KeyExchange, PrivateKey } from './provider.ts';
import { rawFromDer } from './signature.ts';
import { type CurveKind, type PublicKey, parseSpki, type RsaKey } from './spki.ts';
import { type CurveGroup, type GroupName, SCHEMES, type SchemeName, schemeByName } from './suites.ts';

/** A plain view: a Buffer's `slice`, `toJSON` and equality would surprise the portable layers. */
export function plain(buffer: Uint8Array): Bytes {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
}

export function nodeKeyExchange(group: GroupName, privateKey?: Uint8Array): KeyExchange {
  if (group === 'X25519MLKEM768') throw lacksGroup('node', group);
  return group === 'x25519' ? new X25519Exchange(privateKey) : new NistExchange(group, privateKey);
}

const X25519_PKCS8: Bytes = fromHex('302e020100300506032b656e04220420');

/**
 * Raw keys cross into OpenSSL as JWK: 5 µs, where its DER decoder takes 75. The pair is made of 32 random bytes, never by
 * generateKeyPairSync: in Node 20 the finalizer of a generated pair takes the pair's lock, and so does its export as JWK,
 * which allocates. A garbage collection at that moment waits for itself for ever.
 */
class X25519Exchange implements KeyExchange {
  readonly group = 'x25519';
  readonly share: Bytes;
  #privateKey: KeyObject | undefined;

  constructor(privateKey: Uint8Array = randomFillSync(new Uint8Array(32))) {
    if (privateKey.length !== 32)
      throw new RangeError(`private x25519 key of ${privateKey.length} bytes is not valid`);
    const { object, share } = x25519FromJwk(privateKey) ?? x25519FromDer(privateKey);
    this.#privateKey = object;
    this.share = share;
  }

  agree(peerShare: Uint8Array): Bytes | undefined {
    const privateKey = this.#privateKey;
    if (privateKey === undefined) throw new Error('key exchange was used after it was destroyed');
    if (peerShare.length !== 32) return undefined;
    const publicKey = okp('X25519', peerShare);
    try {
      return plain(diffieHellman({ privateKey, publicKey }));
    } catch {
      return undefined; // OpenSSL refuses an all-zero result (RFC 9846 §7.4.2)
    }
  }

  destroy(): void {
    this.#privateKey = undefined;
  }
}

interface X25519Private {
  readonly object: KeyObject;
  readonly share: Bytes;
}

/** Node wants a public half in a private JWK and derives its own: the one given is all zero, which no key has. */
const UNUSED_PUBLIC: string = base64url(new Uint8Array(32));

/** Undefined where a runtime checks, or believes, the public half. */
function x25519FromJwk(secret: Uint8Array): X25519Private | undefined {
  try {
    const key = { kty: 'OKP', crv: 'X25519', d: base64url(secret), x: UNUSED_PUBLIC };
    const object = createPrivateKey({ key, format: 'jwk' });
    const x = publicJwk(object);
    return x === UNUSED_PUBLIC ? undefined : { object, share: fromBase64url(x) };
  } catch {
    return undefined;
  }
}

function x25519FromDer(secret: Uint8Array): X25519Private {
  const object = privateFromDer(concat([X25519_PKCS8, secret]));
  return { object, share: fromBase64url(publicJwk(object)) };
}

function publicJwk(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'jwk' }).x!;
}

type NistGroup = Exclude<CurveGroup, 'x25519'>;
type NistKind = Exclude<CurveKind, 'ed25519'>;

/** OpenSSL's names, and the bytes of a coordinate or scalar. */
const CURVES: Readonly<Record<NistGroup | NistKind, { readonly name: string; readonly size: number }>> = {
  secp256r1: { name: 'prime256v1', size: 32 },
  secp384r1: { name: 'secp384r1', size: 48 },
  secp521r1: { name: 'secp521r1', size: 66 },
  p256: { name: 'prime256v1', size: 32 },
  p384: { name: 'secp384r1', size: 48 },
  p521: { name: 'secp521r1', size: 66 },
};

class NistExchange implements KeyExchange {
  readonly group: NistGroup;
  readonly share: Bytes;
  #ecdh: ECDH | undefined;

  constructor(group: NistGroup, privateKey: Uint8Array | undefined) {
    this.group = group;
    const { name, size } = CURVES[group];
    const ecdh = createECDH(name);
    if (privateKey === undefined) this.share = plain(ecdh.generateKeys());
    else {
      const share = setPrivateKey(ecdh, size, privateKey);
      if (share === undefined)
        throw new RangeError(`private ${group} key of ${privateKey.length} bytes is not valid`);
      this.share = share;
    }
    this.#ecdh = ecdh;
  }

  agree(peerShare: Uint8Array): Bytes | undefined {
    if (this.#ecdh === undefined) throw new Error('key exchange was used after it was destroyed');
    if (peerShare.length !== this.share.length || peerShare[0] !== 0x04) return undefined;
    try {
      return plain(this.#ecdh.computeSecret(peerShare));
    } catch {
      return undefined; // not on the curve
    }
  }

  destroy(): void {
    this.#ecdh = undefined;
  }
}

/** The public point, or undefined unless 0 < privateKey < the group's order. */
function setPrivateKey(ecdh: ECDH, size: number, privateKey: Uint8Array): Bytes | undefined {
  if (privateKey.length !== size) return undefined;
  try {
    ecdh.setPrivateKey(privateKey);
    return plain(ecdh.getPublicKey());
  } catch {
    return undefined;
  }
}

// Verification

/**
 * Imported public keys by SPKI, newest last: the chains of a handshake are mostly the same few keys, and importing a
 * P-256 key costs as much as checking its signature.
 */
const keyCache = new Map<string, ImportedKey>();

interface ImportedKey {
  readonly key: PublicKey;
  readonly object: KeyObject;
}

export function nodeVerify(
  scheme: SchemeName,
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { key: kind, hash } = schemeByName(scheme);
  const imported = importPublic(spki);
  if (imported === undefined || imported.key.kind !== kind) return false;
  const { key, object } = imported;
  switch (key.kind) {
    case 'ed25519':
      return signature.length === 64 && verify(null, message, object, signature);
    case 'p256':
    case 'p384':
    case 'p521': {
      const raw = rawFromDer(signature, CURVES[key.kind].size);
      return raw !== undefined && verify(hash, message, { key: object, dsaEncoding: 'ieee-p1363' }, raw);
    }
    default:
      if (key.onlyHash !== undefined && key.onlyHash !== hash) return false;
      if (signature.length !== key.modulus.length) return false;
      return verify(hash, message, { key: object, ...rsaPadding(scheme) }, signature);
  }
}

function importPublic(spki: Uint8Array): ImportedKey | undefined {
  if (spki.length > MAX_SPKI_BYTES) return undefined;
  const id = Buffer.from(spki.buffer, spki.byteOffset, spki.length).toString('latin1');
  let imported = keyCache.get(id);
  if (imported !== undefined) keyCache.delete(id);
  else {
    const key = parseSpki(new Uint8Array(spki));
    const object = key === undefined ? undefined : publicObject(key);
    if (key === undefined || object === undefined) return undefined;
    imported = { key, object };
  }
  keyCache.set(id, imported);
  if (keyCache.size > KEY_CACHE_LIMIT) keyCache.delete(keyCache.keys().next().value!);
  return imported;
}

function publicObject(key: PublicKey): KeyObject | undefined {
  try {
    switch (key.kind) {
      case 'ed25519':
        return okp('Ed25519', key.bytes);
      case 'p256':
      case 'p384':
      case 'p521': {
        const { size } = CURVES[key.kind];
        const x = base64url(key.bytes.subarray(1, 1 + size));
        const y = base64url(key.bytes.subarray(1 + size));
        const crv = `P-${key.kind.slice(1)}`;
        return createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' });
      }
      default: {
        // An id-RSASSA-PSS key is the same numbers; its binding to a hash was read from the SPKI.
        const jwk = { kty: 'RSA', n: base64url(key.modulus), e: base64url(key.exponent) };
        return createPublicKey({ key: jwk, format: 'jwk' });
      }
    }
  } catch {
    return undefined; // a point off the curve
  }
}

function okp(crv: 'X25519' | 'Ed25519', bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv, x: base64url(bytes) }, format: 'jwk' });
}

function rsaPadding(scheme: SchemeName): { padding: number; saltLength?: number } {
  if (scheme.startsWith('rsa_pkcs1')) return { padding: constants.RSA_PKCS1_PADDING };
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}

// Signing

export const nodeArithmetic: CurveArithmetic<CurveKind> = {
  kinds: ['ed25519', 'p256', 'p384', 'p521'],
  publicOf(kind, secret) {
    if (kind !== 'ed25519') return setPrivateKey(createECDH(CURVES[kind].name), secret.length, secret);
    return fromBase64url(publicJwk(privateFromDer(encodePkcs8(kind, secret, secret))));
  },
  signer(kind, secret, publicKey) {
    const key = privateFromDer(encodePkcs8(kind, secret, publicKey));
    const hash = schemeByName(CURVE_SCHEME[kind]).hash ?? null;
    return (message) => plain(sign(hash, message, key));
  },
};

export function nodeGenerateKey(kind: CurveKind): PrivateKey {
  if (kind === 'ed25519') {
    const seed = randomFillSync(new Uint8Array(32));
    return curveKey(kind, seed, nodeArithmetic.publicOf(kind, seed)!, nodeArithmetic);
  }
  const { name, size } = CURVES[kind];
  const ecdh = createECDH(name);
  const publicKey = plain(ecdh.generateKeys());
  const scalar = ecdh.getPrivateKey();
  const secret = new Uint8Array(size);
  secret.set(scalar, secret.length - scalar.length); // OpenSSL drops leading zeros
  return curveKey(kind, secret, publicKey, nodeArithmetic);
}

function privateFromDer(pkcs8: Bytes): KeyObject {
  return createPrivateKey({ key: pkcs8 as Buffer, format: 'der', type: 'pkcs8' });
}

/** An RSA key that OpenSSL reads and whose public half is one this library would verify. */
export function importRsaKey(pkcs8: Uint8Array): PrivateKey {
  let key: KeyObject;
  try {
    key = privateFromDer(new Uint8Array(pkcs8));
  } catch (cause) {
    throw new CryptoError('ERR_CRYPTO_KEY', 'private rsa key is malformed', { cause });
  }
  const spki = plain(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  const parsed = parseSpki(spki);
  if (parsed === undefined || (parsed.kind !== 'rsa' && parsed.kind !== 'rsa-pss'))
    throw new CryptoError(
      'ERR_CRYPTO_KEY',
      'rsa key, wanted a modulus of 2048 to 8192 bits and a small odd exponent',
    );
  return new RsaPrivateKey(key, spki, parsed);
}

class RsaPrivateKey implements PrivateKey {
  readonly kind: 'rsa' | 'rsa-pss';
  readonly spki: Bytes;
  readonly schemes: readonly SchemeName[];
  readonly #key: KeyObject;

  constructor(key: KeyObject, spki: Bytes, { kind, onlyHash }: RsaKey) {
    this.kind = kind;
    this.spki = spki;
    this.schemes = Object.freeze(
      SCHEMES.filter((s) => s.key === kind && (onlyHash === undefined || s.hash === onlyHash)).map(
        (s) => s.name,
      ),
    );
    this.#key = key;
  }

  sign(scheme: SchemeName, message: Uint8Array): Bytes {
    requireScheme(this, scheme);
    return plain(sign(schemeByName(scheme).hash, message, { key: this.#key, ...rsaPadding(scheme) }));
  }

  dangerousExport(): Bytes {
    return plain(this.#key.export({ format: 'der', type: 'pkcs8' }));
  }
}
