/**
 * Runs the Wycheproof files that are identity's: password-based encryption and key derivation, and ECDSA with a hash of
 * another width than the curve, as certificates are signed. No case of these is "acceptable".
 */
import type { TestContext } from 'vitest';
import { fromHex, hex } from '../../src/base/bytes.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { parseSpki } from '../../src/crypto/spki.ts';
import type { HashName } from '../../src/crypto/suites.ts';
import { verifySignature } from '../../src/identity/algorithms.ts';
import { DerReader, der, integer, octetString, oid, sequence, TAG } from '../../src/identity/der.ts';
import { MAX_KEY_DERIVATION } from '../../src/identity/limits.ts';
import { OID } from '../../src/identity/oid.ts';
import { DerivationBudget, openPbes2, readPbkdf2 } from '../../src/identity/pbes2.ts';
import { type Case, type File, type Outcome, run } from '../crypto/wycheproof.ts';
import { readVectors } from '../support/vectors.ts';

const PRFS: Readonly<Record<string, string>> = {
  sha1: '1.2.840.113549.2.7',
  sha224: '1.2.840.113549.2.8',
  sha256: '1.2.840.113549.2.9',
  sha384: '1.2.840.113549.2.10',
  sha512: '1.2.840.113549.2.11',
};
const CIPHERS: Readonly<Record<string, string>> = {
  128: '2.16.840.1.101.3.4.1.2',
  192: '2.16.840.1.101.3.4.1.22',
  256: '2.16.840.1.101.3.4.1.42',
};

interface Derivation extends Case {
  readonly password: string;
  readonly salt: string;
  readonly iterationCount: number;
}

interface EncryptionVector extends Derivation {
  readonly iv: string;
  readonly msg: string;
  readonly ct: string;
}

interface DerivationVector extends Derivation {
  readonly dkLen: number;
  readonly dk: string;
}

function pbkdf2Parameters({ salt, iterationCount }: Derivation, hash: string): readonly Uint8Array[] {
  const prf = hash === 'sha1' ? [] : [sequence(oid(PRFS[hash]!), der(TAG.null))];
  return [octetString(fromHex(salt)), integer(iterationCount), ...prf];
}

/** `pbes2_hmacsha256_aes_128_test.json` and the like. */
export function pbes2(context: TestContext, name: string, step = 1): Outcome {
  const file = readVectors<File<object, EncryptionVector>>(context, 'wycheproof', name);
  const [, hash, bits] = /hmac(sha\d+)_aes_(\d+)/.exec(name)!;
  const check = (vector: EncryptionVector): boolean => {
    const algorithm = sequence(
      oid('1.2.840.113549.1.5.13'),
      sequence(
        sequence(oid('1.2.840.113549.1.5.12'), sequence(...pbkdf2Parameters(vector, hash!))),
        sequence(oid(CIPHERS[bits!]!), octetString(fromHex(vector.iv))),
      ),
    );
    const reader = new DerReader(algorithm).sequence('algorithm');
    const octets = fromHex(vector.password);
    const plain = openPbes2(reader, fromHex(vector.ct), octets, new DerivationBudget());
    const right = plain !== undefined && hex(plain) === vector.msg;
    return right === (vector.result === 'valid');
  };
  return run(file, check, step);
}

/** `pbkdf2_hmacsha256_test.json` and the like. */
export function pbkdf2(context: TestContext, name: string, step = 1): Outcome {
  const file = readVectors<File<object, DerivationVector>>(context, 'wycheproof', name);
  const [, hash] = /hmac(sha\d+)/.exec(name)!;
  const check = (vector: DerivationVector): boolean | 'outside' => {
    if (vector.iterationCount > MAX_KEY_DERIVATION) return 'outside'; // 2^24, once, in RFC 6070
    const reader = new DerReader(sequence(...pbkdf2Parameters(vector, hash!))).sequence('parameters');
    const key = readPbkdf2(reader, vector.dkLen, new DerivationBudget())(fromHex(vector.password));
    return (hex(key) === vector.dk) === (vector.result === 'valid');
  };
  return run(file, check, step);
}

/** `ecdsa_secp256r1_sha512_test.json` and the like: what no TLS scheme says and a certificate may. */
export function certificateEcdsa(context: TestContext, name: string, provider: CryptoProvider): Outcome {
  const [, hash] = /_(sha\d+)_test/.exec(name)!;
  const algorithm = { oid: OID.ecdsaWithSha256, family: 'ecdsa', hash: hash as HashName } as const;
  const file = readVectors<File<{ publicKeyDer: string }, Case & { msg: string; sig: string }>>(
    context,
    'wycheproof',
    name,
  );
  return run(file, ({ result, msg, sig }, { publicKeyDer }) => {
    const spki = fromHex(publicKeyDer);
    if (parseSpki(spki) === undefined) return result !== 'valid';
    return verifySignature(algorithm, spki, fromHex(msg), fromHex(sig), provider) === (result === 'valid');
  });
}
