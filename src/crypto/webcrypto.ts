/**
 * Keys that the platform keeps: a non-extractable CryptoKey signs by promise and never shows its bytes, so a page that is
 * taken over can use it while it is open but cannot carry it away. IndexedDB stores a CryptoKey as it is.
 */
import type { Bytes } from '../base/bytes.ts';
import { CryptoError } from './errors.ts';
import { CURVE_SCHEME, requireScheme } from './privateKey.ts';
import type { Signer } from './provider.ts';
import { derFromRaw } from './signature.ts';
import { type CurveKind, parseSpki } from './spki.ts';

interface Algorithm {
  readonly key: EcKeyGenParams | { readonly name: 'Ed25519' };
  readonly sign: EcdsaParams | { readonly name: 'Ed25519' };
}

const ALGORITHMS: Readonly<Record<CurveKind, Algorithm>> = {
  ed25519: { key: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
  p256: { key: { name: 'ECDSA', namedCurve: 'P-256' }, sign: { name: 'ECDSA', hash: 'SHA-256' } },
  p384: { key: { name: 'ECDSA', namedCurve: 'P-384' }, sign: { name: 'ECDSA', hash: 'SHA-384' } },
  p521: { key: { name: 'ECDSA', namedCurve: 'P-521' }, sign: { name: 'ECDSA', hash: 'SHA-512' } },
};

/** A signer over a private CryptoKey and the SubjectPublicKeyInfo of its public half. Throws ERR_CRYPTO_KEY. */
export function webCryptoSigner(privateKey: CryptoKey, spki: Uint8Array): Signer {
  const kind = kindOf(privateKey);
  const publicKind = parseSpki(spki)?.kind;
  if (kind === undefined || privateKey.type !== 'private' || !privateKey.usages.includes('sign'))
    throw new CryptoError(
      'ERR_CRYPTO_KEY',
      `${privateKey.type} ${privateKey.algorithm.name} key, wanted a private Ed25519, P-256, P-384 or P-521 key that may sign`,
    );
  if (kind !== publicKind)
    throw new CryptoError(
      'ERR_CRYPTO_KEY',
      `${publicKind ?? 'unreadable'} public key beside a private ${kind} key`,
    );
  return Object.freeze<Signer>({
    kind,
    spki: new Uint8Array(spki),
    schemes: Object.freeze([CURVE_SCHEME[kind]]),
    async sign(scheme, message): Promise<Bytes> {
      requireScheme(this, scheme);
      const signature = await subtle().sign(ALGORITHMS[kind].sign, privateKey, new Uint8Array(message));
      const raw = new Uint8Array(signature);
      return kind === 'ed25519' ? raw : derFromRaw(raw); // ECDSA comes as r ‖ s
    },
  });
}

export interface WebCryptoKey {
  readonly signer: Signer;
  /** Not extractable. */
  readonly privateKey: CryptoKey;
}

/** A fresh key of the platform. Rejects with ERR_CRYPTO_UNSUPPORTED where it lacks the kind. */
export async function generateWebCryptoKey(kind: CurveKind): Promise<WebCryptoKey> {
  let pair: CryptoKeyPair;
  try {
    pair = (await subtle().generateKey(ALGORITHMS[kind].key, false, ['sign', 'verify'])) as CryptoKeyPair;
  } catch (cause) {
    throw new CryptoError('ERR_CRYPTO_UNSUPPORTED', `this platform's webcrypto does not make ${kind} keys`, {
      cause,
      hint: 'p256 is supported everywhere',
    });
  }
  const spki = new Uint8Array(await subtle().exportKey('spki', pair.publicKey));
  return { signer: webCryptoSigner(pair.privateKey, spki), privateKey: pair.privateKey };
}

/** Browsers offer WebCrypto to secure contexts only. */
function subtle(): SubtleCrypto {
  const found = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (found !== undefined) return found;
  throw new CryptoError('ERR_CRYPTO_UNSUPPORTED', 'webcrypto is missing', {
    hint: 'browsers offer it on https pages and on localhost only',
  });
}

function kindOf(key: CryptoKey): CurveKind | undefined {
  const { name, namedCurve } = key.algorithm as EcKeyAlgorithm;
  if (name === 'Ed25519') return 'ed25519';
  if (name !== 'ECDSA') return undefined;
  return (['p256', 'p384', 'p521'] as const).find(
    (kind) => (ALGORITHMS[kind].key as EcKeyGenParams).namedCurve === namedCurve,
  );
}
