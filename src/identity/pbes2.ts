/**
 * Encrypted private keys: PKCS#8 EncryptedPrivateKeyInfo (RFC 5958 §3) under PBES2 (RFC 8018 §6.2), as OpenSSL writes it.
 *
 * Read: PBKDF2 with any HMAC of the SHA family that OpenSSL offers, or scrypt (RFC 7914 §7); AES-CBC with 128, 192 or 256
 * bits. Written: scrypt and AES-256 only. What a file asks us to compute is bounded before anything is computed, for it comes
 * from whoever sent the file.
 *
 * A passphrase is its UTF-8 octets as typed, not normalised: OpenSSL takes the octets of the terminal, and a file must open
 * here with the same keys pressed that made it there.
 */
import { cbc } from '@noble/ciphers/aes.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { type Bytes, utf8 } from '../base/bytes.ts';
import { DerReader, der, integer, malformed, octetString, oid, sequence, TAG } from './der.ts';
import { IdentityError } from './errors.ts';
import {
  MAX_ENCRYPTED_KEY,
  MAX_KEY_DERIVATION,
  MAX_PASSPHRASE,
  MAX_SALT,
  MAX_SCRYPT_MEMORY,
  SCRYPT_STEPS,
} from './limits.ts';

/** Text, or the very octets. */
export type Passphrase = string | Uint8Array;

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const SCRYPT = '1.3.6.1.4.1.11591.4.11';

const SHA1_PRF = '1.2.840.113549.2.7';
/** Pseudo-random functions of PBKDF2 (RFC 8018 §B.1.2). */
const PRFS = {
  [SHA1_PRF]: sha1,
  '1.2.840.113549.2.8': sha224,
  '1.2.840.113549.2.9': sha256,
  '1.2.840.113549.2.10': sha384,
  '1.2.840.113549.2.11': sha512,
} as const;

/** Key lengths of AES-CBC (RFC 8018 §B.2.5). */
const CIPHERS: Readonly<Record<string, number>> = {
  '2.16.840.1.101.3.4.1.2': 16,
  '2.16.840.1.101.3.4.1.22': 24,
  '2.16.840.1.101.3.4.1.42': 32,
};
const AES_256_CBC = '2.16.840.1.101.3.4.1.42';
const BLOCK = 16;

/** Schemes that are known and refused: nobody should rely on them, and OpenSSL converts them. */
const LEGACY: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.5.1': 'MD2 with DES',
  '1.2.840.113549.1.5.3': 'MD5 with DES',
  '1.2.840.113549.1.5.4': 'MD2 with RC2',
  '1.2.840.113549.1.5.6': 'MD5 with RC2',
  '1.2.840.113549.1.5.10': 'SHA-1 with DES',
  '1.2.840.113549.1.5.11': 'SHA-1 with RC2',
  '1.2.840.113549.1.12.1.1': 'SHA-1 with RC4',
  '1.2.840.113549.1.12.1.2': 'SHA-1 with RC4',
  '1.2.840.113549.1.12.1.3': 'SHA-1 with 3DES',
  '1.2.840.113549.1.12.1.4': 'SHA-1 with 3DES',
  '1.2.840.113549.1.12.1.5': 'SHA-1 with RC2',
  '1.2.840.113549.1.12.1.6': 'SHA-1 with RC2',
  '1.2.840.113549.3.2': 'RC2',
  '1.2.840.113549.3.7': '3DES',
  '1.3.14.3.2.7': 'DES',
};

/**
 * 16 MiB, the most that OpenSSL allots without being asked, and five passes over it: the cost that OWASP's table asks for at
 * this size.
 */
const WRITTEN = { N: 2 ** 14, r: 8, p: 5 } as const;
const WRITTEN_SALT = 16;

/** What deriving the keys of one file has cost so far: a file of many parts may not ask for each part's most. */
export class DerivationBudget {
  #left: number;

  /** Fewer steps than usual, for whoever has less time. */
  constructor(steps: number = MAX_KEY_DERIVATION) {
    this.#left = Math.min(steps, MAX_KEY_DERIVATION);
  }

  spend(steps: number): void {
    if (steps > this.#left)
      throw refused(
        `deriving the key takes ${steps} steps, ${this.#left} of ${MAX_KEY_DERIVATION} a file are left`,
        'encrypt it anew: `openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in F -out G`',
      );
    this.#left -= steps;
  }
}

/** The PKCS#8 inside. A wrong passphrase and a malformed file are different errors, and neither shows a byte of it. */
export function decryptPkcs8(
  bytes: Uint8Array,
  passphrase: Passphrase,
  budget: DerivationBudget = new DerivationBudget(),
): Bytes {
  if (bytes.length > MAX_ENCRYPTED_KEY)
    throw new IdentityError(
      'ERR_IDENTITY_KEY',
      `encrypted key of ${bytes.length} bytes, at most ${MAX_ENCRYPTED_KEY} are read`,
    );
  try {
    const outer = new DerReader(new Uint8Array(bytes));
    const info = outer.sequence('encrypted key');
    outer.end('encrypted key');
    return decryptKeyInfo(info, passphrase, budget);
  } catch (error) {
    if (error instanceof IdentityError && error.code === 'ERR_IDENTITY_DER')
      throw new IdentityError('ERR_IDENTITY_KEY', `malformed encrypted key: ${error.message}`, {
        cause: error,
      });
    throw error;
  }
}

/** Reads the content of an EncryptedPrivateKeyInfo; DER errors are the caller's to name. */
export function decryptKeyInfo(info: DerReader, passphrase: Passphrase, budget: DerivationBudget): Bytes {
  const algorithm = info.sequence('encryptionAlgorithm');
  const ciphertext = info.octetString('encryptedData');
  info.end('encrypted key');
  return decryptPbes2(algorithm, ciphertext, passphrase, budget);
}

/**
 * Decrypts one SEQUENCE under the scheme that an AlgorithmIdentifier names, given its content. CBC proves nothing: whether the
 * passphrase was right shows in the padding and in the SEQUENCE that must fill the plaintext, which one wrong key in 2^24 or
 * so passes; then what is inside does not parse.
 */
export function decryptPbes2(
  algorithm: DerReader,
  ciphertext: Uint8Array,
  passphrase: Passphrase,
  budget: DerivationBudget,
): Bytes {
  const plain = openPbes2(algorithm, ciphertext, passphrase, budget);
  if (plain === undefined || !isOneSequence(plain)) throw wrongPassphrase();
  return plain;
}

export function wrongPassphrase(): IdentityError {
  return new IdentityError('ERR_IDENTITY_PASSPHRASE_WRONG', 'the passphrase does not decrypt the file', {
    hint: 'if you are sure of the passphrase, the file is damaged: copy it again',
  });
}

/** The octets under the encryption, or undefined where the padding is wrong. */
export function openPbes2(
  algorithm: DerReader,
  ciphertext: Uint8Array,
  passphrase: Passphrase,
  budget: DerivationBudget,
): Bytes | undefined {
  const scheme = algorithm.oid('encryption scheme');
  if (scheme !== PBES2) throw unsupported('encryption scheme', scheme);
  const parameters = algorithm.sequence('PBES2 parameters');
  algorithm.end('encryption algorithm');
  const derivation = parameters.sequence('key derivation');
  const encryption = parameters.sequence('encryption scheme');
  parameters.end('PBES2 parameters');

  const cipher = encryption.oid('cipher');
  const keyLength = CIPHERS[cipher];
  if (keyLength === undefined) throw unsupported('cipher', cipher);
  const iv = encryption.octetString('initialisation vector');
  encryption.end('encryption scheme');
  if (iv.length !== BLOCK) throw malformed(`initialisation vector has ${iv.length} bytes, wanted ${BLOCK}`);
  if (ciphertext.length === 0 || ciphertext.length % BLOCK !== 0)
    throw malformed(`encrypted data has ${ciphertext.length} bytes, wanted a multiple of ${BLOCK}`);

  const key = readDerivation(derivation, keyLength, budget)(passphraseOctets(passphrase));
  try {
    return cbc(key, iv).decrypt(ciphertext) as Bytes;
  } catch {
    return undefined; // noble looks at the padding, and says nothing else at this point
  } finally {
    key.fill(0);
  }
}

function isOneSequence(plain: Bytes): boolean {
  try {
    const reader = new DerReader(plain);
    reader.expect(TAG.sequence, 'content');
    return reader.done;
  } catch {
    return false;
  }
}

export type Derive = (passphrase: Uint8Array) => Uint8Array;

function readDerivation(reader: DerReader, keyLength: number, budget: DerivationBudget): Derive {
  const id = reader.oid('key derivation');
  if (id !== PBKDF2 && id !== SCRYPT) throw unsupported('key derivation', id);
  const parameters = reader.sequence('key derivation parameters');
  reader.end('key derivation');
  return (id === PBKDF2 ? readPbkdf2 : readScrypt)(parameters, keyLength, budget);
}

/**
 * PBKDF2-params (RFC 8018 §A.2), also those of a PKCS#12 file's MAC, which says how long its key is (RFC 9579 §4): then no
 * `wanted` is given.
 */
export function readPbkdf2(
  parameters: DerReader,
  wanted: number | undefined,
  budget: DerivationBudget,
): Derive {
  const salt = readSalt(parameters);
  const iterations = parameters.smallInteger('iteration count');
  if (iterations < 1) throw malformed('iteration count is 0');
  const keyLength = wanted ?? readMacKeyLength(parameters);
  if (wanted !== undefined) readKeyLength(parameters, wanted);
  let prf: string = SHA1_PRF;
  if (!parameters.done) {
    // Java writes out the default. Nothing is signed here, so a second spelling is harmless.
    const algorithm = parameters.sequence('pseudo-random function');
    prf = algorithm.oid('pseudo-random function');
    if (!algorithm.done && algorithm.expect(TAG.null, 'parameters of the function').value.length > 0)
      throw malformed('parameters of the function are no NULL');
    algorithm.end('pseudo-random function');
  }
  parameters.end('PBKDF2 parameters');
  if (!(prf in PRFS)) throw unsupported('pseudo-random function', prf);
  const hash = PRFS[prf as keyof typeof PRFS];
  budget.spend(iterations * Math.ceil(keyLength / hash.outputLen));
  return (passphrase) => pbkdf2(hash, passphrase, salt, { c: iterations, dkLen: keyLength });
}

/** scrypt-params (RFC 7914 §7.1). */
function readScrypt(parameters: DerReader, keyLength: number, budget: DerivationBudget): Derive {
  const salt = readSalt(parameters);
  const N = parameters.smallInteger('scrypt cost');
  const r = parameters.smallInteger('scrypt block size');
  const p = parameters.smallInteger('scrypt parallelization');
  readKeyLength(parameters, keyLength);
  parameters.end('scrypt parameters');
  if (N < 2 || (N & (N - 1)) !== 0) throw malformed(`scrypt cost is ${N}, wanted a power of two`);
  if (r < 1 || p < 1) throw malformed('scrypt block size or parallelization is 0');
  const memory = 128 * r * (N + p + 1);
  if (memory > MAX_SCRYPT_MEMORY)
    throw refused(
      `deriving the key by scrypt takes ${memory} bytes of memory, at most ${MAX_SCRYPT_MEMORY} are used`,
      'encrypt it anew: `openssl pkcs8 -topk8 -scrypt -in F -out G`',
    );
  budget.spend(Math.ceil((N * r * p) / SCRYPT_STEPS));
  return (passphrase) => scrypt(passphrase, salt, { N, r, p, dkLen: keyLength });
}

function readSalt(parameters: DerReader): Bytes {
  const salt = parameters.octetString('salt');
  if (salt.length > MAX_SALT) throw malformed(`salt has ${salt.length} bytes, at most ${MAX_SALT} are read`);
  return salt;
}

/** As long as a digest: from SHA-1's 20 octets to SHA-512's 64. */
function readMacKeyLength(parameters: DerReader): number {
  const length = parameters.smallInteger('key length');
  if (length < 20 || length > 64) throw malformed(`key length is ${length}, wanted 20 to 64`);
  return length;
}

function readKeyLength(parameters: DerReader, wanted: number): void {
  if (parameters.peek() !== TAG.integer) return;
  const length = parameters.smallInteger('key length');
  if (length !== wanted) throw malformed(`key length is ${length}, the cipher wants ${wanted}`);
}

/** Encrypts PKCS#8; salt and initialisation vector are taken from `random`. */
export function encryptPkcs8(
  pkcs8: Uint8Array,
  passphrase: Passphrase,
  random: (length: number) => Bytes,
): Bytes {
  const octets = passphraseOctets(passphrase);
  if (octets.length === 0)
    throw new IdentityError(
      'ERR_IDENTITY_PASSPHRASE_NEEDED',
      'the passphrase is empty, which protects nothing',
      {
        hint: 'give a passphrase, or write the key unencrypted to a file of mode 0600',
      },
    );
  const salt = random(WRITTEN_SALT);
  const iv = random(BLOCK);
  const key = scrypt(octets, salt, { ...WRITTEN, dkLen: 32 });
  try {
    const { N, r, p } = WRITTEN;
    return sequence(
      sequence(
        oid(PBES2),
        sequence(
          sequence(oid(SCRYPT), sequence(octetString(salt), integer(N), integer(r), integer(p))),
          sequence(oid(AES_256_CBC), octetString(iv)),
        ),
      ),
      der(TAG.octetString, cbc(key, iv).encrypt(pkcs8)),
    );
  } finally {
    key.fill(0);
  }
}

export function passphraseOctets(passphrase: Passphrase): Uint8Array {
  const octets = typeof passphrase === 'string' ? utf8(passphrase) : passphrase;
  if (octets.length > MAX_PASSPHRASE)
    throw refused(`passphrase of ${octets.length} bytes, at most ${MAX_PASSPHRASE} are taken`);
  return octets;
}

export function unsupported(what: string, id: string): IdentityError {
  const name = LEGACY[id];
  return refused(
    name === undefined ? `${what} ${id} is not supported` : `${what} is ${name}, too weak to be read`,
    'encrypt it anew: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in F -out G`',
  );
}

function refused(message: string, hint?: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_ENCRYPTION', message, { hint });
}
