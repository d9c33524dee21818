/**
 * Runs a Wycheproof file against a provider and lists where they differ. "valid" must pass and "invalid" must be refused;
 * "acceptable" is decided per file by us, in writing, never by what an implementation happens to do.
 */
import type { TestContext } from 'vitest';
import { concat, EMPTY, fromHex, hex } from '../../src/base/bytes.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { derFromRaw } from '../../src/crypto/signature.ts';
import { parseSpki } from '../../src/crypto/spki.ts';
import type { AeadName, CurveGroup, HashName, SchemeName } from '../../src/crypto/suites.ts';
import { readVectors } from '../support/vectors.ts';

type Result = 'valid' | 'invalid' | 'acceptable';

export interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: Result;
}

export interface File<Group, Vector> {
  readonly testGroups: readonly (Group & { readonly tests: readonly (Case & Vector)[] })[];
}

/** What a run gives: how many cases counted, and those that went wrong. */
export interface Outcome {
  readonly cases: number;
  readonly wrong: readonly string[];
}

/** Every `step`-th case is run: 1 is all of them. */
export function run<Group, Vector>(
  file: File<Group, Vector>,
  check: (vector: Case & Vector, group: Group) => boolean | 'outside',
  step = 1,
): Outcome {
  const wrong: string[] = [];
  let cases = 0;
  let index = 0;
  for (const group of file.testGroups)
    for (const vector of group.tests) {
      if (index++ % step !== 0) continue;
      const right = check(vector, group);
      if (right === 'outside') continue;
      cases++;
      if (!right) wrong.push(`${vector.tcId} ${vector.result}: ${vector.comment} [${vector.flags.join()}]`);
    }
  return { cases, wrong };
}

interface AeadGroup {
  readonly ivSize: number;
  readonly tagSize: number;
  readonly keySize: number;
}

interface AeadVector {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

/** Nonces of 96 bits, tags of 128 and the key sizes of TLS: others cannot be expressed. No case is "acceptable". */
export function aead(context: TestContext, provider: CryptoProvider, name: string): Outcome {
  const file = readVectors<File<AeadGroup, AeadVector>>(context, 'wycheproof', name);
  return run(file, (vector, group) => {
    if (group.ivSize !== 96 || group.tagSize !== 128 || group.keySize === 192) return 'outside';
    const cipher: AeadName = name.startsWith('chacha')
      ? 'chacha20-poly1305'
      : group.keySize === 128
        ? 'aes-128-gcm'
        : 'aes-256-gcm';
    const [nonce, aad, message] = [fromHex(vector.iv), fromHex(vector.aad), fromHex(vector.msg)];
    const sealed = fromHex(vector.ct + vector.tag);
    const aeadKey = provider.aead(cipher, fromHex(vector.key));
    const out = new Uint8Array(sealed.length);
    aeadKey.seal(nonce, aad, [message], out, 0);
    const end = aeadKey.open(nonce, aad, sealed, 0, sealed.length);
    if (vector.result === 'invalid') return end === -1;
    return hex(out) === vector.ct + vector.tag && hex(sealed.subarray(0, end)) === vector.msg;
  });
}

interface AgreementVector {
  readonly public: string;
  readonly private: string;
  readonly shared: string;
}

/**
 * "acceptable" for X25519: points on the twist, not reduced, or of low order must agree (RFC 7748 §5 reads any 32 bytes)
 * except where the result is zero, which RFC 9846 §7.4.2 refuses. For the NIST curves: compressed points, refused (§4.3.8.2).
 */
export function agreement(
  context: TestContext,
  provider: CryptoProvider,
  group: CurveGroup,
  name: string,
  step = 1,
): Outcome {
  const file = readVectors<File<object, AgreementVector>>(context, 'wycheproof', name);
  const width = { x25519: 64, secp256r1: 64, secp384r1: 96, secp521r1: 132 }[group];
  return run(
    file,
    (vector) => {
      const digits = vector.private.padStart(width, '0').slice(-width);
      const shared = provider.keyExchange(group, fromHex(digits)).agree(fromHex(vector.public));
      const refuse =
        vector.result === 'invalid' ||
        (vector.result === 'acceptable' && /^0*$/.test(vector.shared)) ||
        (vector.result === 'acceptable' && vector.flags.includes('CompressedPoint'));
      return refuse ? shared === undefined : shared !== undefined && hex(shared) === vector.shared;
    },
    step,
  );
}

interface SignatureGroup {
  readonly publicKeyDer: string;
}

interface SignatureVector {
  readonly msg: string;
  readonly sig: string;
}

/**
 * "acceptable" occurs once per RSA file: DigestInfo without its NULL, which we refuse (RFC 8017 §9.2 note 1). The P1363
 * files hold r ‖ s, which WebCrypto gives and `webCryptoSigner` turns into DER.
 */
export function signatures(
  context: TestContext,
  provider: CryptoProvider,
  scheme: SchemeName,
  name: string,
): Outcome {
  const file = readVectors<File<SignatureGroup, SignatureVector>>(context, 'wycheproof', name);
  return run(file, (vector, group) => {
    const spki = fromHex(group.publicKeyDer);
    // A PSS file may carry either kind of key; the scheme follows the key, as TLS has it (RFC 9846 §4.3.3).
    const named =
      parseSpki(spki)?.kind === 'rsa-pss' ? (scheme.replace('_rsae_', '_pss_') as SchemeName) : scheme;
    const signature = fromHex(vector.sig);
    const width = name.includes('secp384r1') ? 96 : 64;
    const der = !name.includes('p1363')
      ? signature
      : signature.length === width
        ? derFromRaw(signature)
        : EMPTY;
    const verdict = provider.verify(named, spki, fromHex(vector.msg), der);
    return verdict === (vector.result === 'valid');
  });
}

interface HkdfVector {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

export function hkdf(context: TestContext, provider: CryptoProvider, hash: HashName, name: string): Outcome {
  const file = readVectors<File<object, HkdfVector>>(context, 'wycheproof', name);
  return run(file, (vector) => {
    const secret = provider.hkdfExtract(hash, fromHex(vector.salt), fromHex(vector.ikm));
    try {
      return hex(provider.hkdfExpand(hash, secret, fromHex(vector.info), vector.size)) === vector.okm;
    } catch (error) {
      return vector.result === 'invalid' && error instanceof RangeError;
    }
  });
}

interface MacVector {
  readonly key: string;
  readonly msg: string;
  readonly tag: string;
}

export function hmac(context: TestContext, provider: CryptoProvider, hash: HashName, name: string): Outcome {
  const file = readVectors<File<object, MacVector>>(context, 'wycheproof', name);
  return run(file, (vector) => {
    const tag = hex(provider.hmac(hash, fromHex(vector.key), fromHex(vector.msg)));
    return tag.startsWith(vector.tag) === (vector.result === 'valid');
  });
}

interface DecapsulationVector {
  readonly seed: string;
  readonly c: string;
  readonly K: string;
}

/** Any X25519 key does for the other half of the hybrid. */
const COMPANION = new Uint8Array(32).fill(9);

/** ML-KEM-768 by way of X25519MLKEM768. "invalid" is a seed or a ciphertext of another length. */
export function mlKemDecapsulation(context: TestContext, provider: CryptoProvider, name: string): Outcome {
  const file = readVectors<File<object, DecapsulationVector>>(context, 'wycheproof', name);
  const { share } = provider.keyExchange('x25519', COMPANION);
  return run(file, (vector) => {
    const secret = orRefused(() =>
      provider
        .keyExchange('X25519MLKEM768', concat([fromHex(vector.seed), COMPANION]))
        .agree(concat([fromHex(vector.c), share])),
    );
    if (vector.result === 'invalid') return secret === undefined;
    return secret !== undefined && hex(secret.subarray(0, 32)) === vector.K;
  });
}

interface EncapsulationVector {
  readonly m: string;
  readonly ek: string;
  readonly c: string;
  readonly K: string;
}

/** "invalid" is a key of another length or with a coefficient above 3328 (FIPS 203 §7.2). */
export function mlKemEncapsulation(context: TestContext, provider: CryptoProvider, name: string): Outcome {
  const file = readVectors<File<object, EncapsulationVector>>(context, 'wycheproof', name);
  const { share } = provider.keyExchange('x25519', COMPANION);
  return run(file, (vector) => {
    const answer = orRefused(() =>
      provider.encapsulate(
        'X25519MLKEM768',
        concat([fromHex(vector.ek), share]),
        concat([fromHex(vector.m), COMPANION]),
      ),
    );
    if (vector.result === 'invalid') return answer === undefined;
    const [ciphertext, secret] = [answer?.share.subarray(0, 1088), answer?.secret.subarray(0, 32)];
    return hex(ciphertext ?? EMPTY) === vector.c && hex(secret ?? EMPTY) === vector.K;
  });
}

interface KeyPairVector {
  readonly seed: string;
  readonly ek: string;
}

export function mlKemKeyPairs(context: TestContext, provider: CryptoProvider, name: string): Outcome {
  const file = readVectors<File<object, KeyPairVector>>(context, 'wycheproof', name);
  return run(file, (vector) => {
    const { share } = provider.keyExchange('X25519MLKEM768', concat([fromHex(vector.seed), COMPANION]));
    return hex(share.subarray(0, 1184)) === vector.ek;
  });
}

/** Undefined where our own private key is refused as one of the wrong length. */
function orRefused<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
