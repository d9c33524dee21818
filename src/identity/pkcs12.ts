/**
 * PKCS#12 (RFC 7292), import only: the one private key of a `.p12` or `.pfx` file and the certificates that lead on from it.
 *
 * The file's MAC is checked before anything inside is read, with a key made by the KDF of appendix B or by PBKDF2 (PBMAC1,
 * RFC 9579); what is encrypted must be so by PBES2. RC2, RC4 and 3DES, which older programs wrote, are refused with the
 * command that converts the file, as are files without a MAC and the BER that some programs write in place of DER.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalBytes, equalConstantTime } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { verifySignature } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import type { CredentialBundle } from './credentialBundle.ts';
import { context, DerReader, malformed, TAG } from './der.ts';
import { IdentityError } from './errors.ts';
import { imported } from './keys.ts';
import { MAX_BAGS, MAX_PKCS12, MAX_SALT } from './limits.ts';
import {
  DerivationBudget,
  decryptKeyInfo,
  decryptPbes2,
  passphraseOctets,
  readPbkdf2,
  unsupported,
  wrongPassphrase,
} from './pbes2.ts';
import { parseCertificate } from './x509.ts';

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
/** Content that is protected by other means than a password. */
const OTHER_CONTENT: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.7.2': 'signed with a public key',
  '1.2.840.113549.1.7.3': 'encrypted with a public key',
};

const BAG = {
  key: '1.2.840.113549.1.12.10.1.1',
  shroudedKey: '1.2.840.113549.1.12.10.1.2',
  certificate: '1.2.840.113549.1.12.10.1.3',
  safeContents: '1.2.840.113549.1.12.10.1.6',
} as const;
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';

const PBMAC1 = '1.2.840.113549.1.5.14';
const DIGESTS = {
  '1.3.14.3.2.26': sha1,
  '2.16.840.1.101.3.4.2.4': sha224,
  '2.16.840.1.101.3.4.2.1': sha256,
  '2.16.840.1.101.3.4.2.2': sha384,
  '2.16.840.1.101.3.4.2.3': sha512,
} as const;
const HMACS = {
  '1.2.840.113549.2.7': sha1,
  '1.2.840.113549.2.8': sha224,
  '1.2.840.113549.2.9': sha256,
  '1.2.840.113549.2.10': sha384,
  '1.2.840.113549.2.11': sha512,
} as const;
type Digest = (typeof DIGESTS)[keyof typeof DIGESTS];

const CONVERT = 'convert it: `openssl pkcs12 -legacy -in F -nodes | openssl pkcs12 -export -out G`';

/**
 * The key, and the chain from its certificate as far as the file has the issuers; certificates that do not belong to it are
 * left out. A wrong password and a damaged file look alike to the MAC, and are one error.
 */
export function readPkcs12(
  bytes: Uint8Array,
  password: string,
  provider: CryptoProvider,
  budget: DerivationBudget = new DerivationBudget(),
): CredentialBundle {
  if (bytes.length > MAX_PKCS12)
    throw refused(`PKCS#12 file of ${bytes.length} bytes, at most ${MAX_PKCS12} are read`);
  const file = new Import(password, budget);
  try {
    file.read(new Uint8Array(bytes));
    return file.result(provider);
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    if (error.code === 'ERR_IDENTITY_DER')
      throw refused(`malformed PKCS#12 file: ${error.message}`, CONVERT, error);
    if (error.code === 'ERR_IDENTITY_ENCRYPTION')
      throw new IdentityError(error.code, error.message, { hint: CONVERT, cause: error });
    throw error;
  } finally {
    file.forget();
  }
}

class Import {
  readonly #password: string;
  readonly #budget: DerivationBudget;
  readonly #keys: Bytes[] = [];
  readonly #certificates: Certificate[] = [];
  #bags = 0;

  constructor(password: string, budget: DerivationBudget) {
    this.#password = password;
    this.#budget = budget;
  }

  /** PFX (§4). */
  read(bytes: Bytes): void {
    const outer = new DerReader(bytes);
    const pfx = outer.sequence('PFX');
    outer.end('PFX');
    const version = pfx.smallInteger('version');
    if (version !== 3) throw malformed(`version is ${version}, wanted 3`);
    const safe = readContent(pfx.sequence('authSafe'), DATA);
    const content = safe.octetString('authSafe');
    safe.end('authSafe');
    if (pfx.done)
      throw refused(
        'the PKCS#12 file has no MAC: nobody can tell whether it was changed',
        'make it anew: `openssl pkcs12 -in F -nodes | openssl pkcs12 -export -out G`',
      );
    this.#checkMac(pfx.sequence('macData'), content);
    pfx.end('PFX');

    const safes = pfx.wrapped(content).sequence('authenticatedSafe');
    while (!safes.done) this.#readSafe(safes.sequence('contentInfo'));
  }

  /** MacData (§4, appendix A); with PBMAC1 its salt and iterations mean nothing (RFC 9579 §5). */
  #checkMac(macData: DerReader, content: Bytes): void {
    const info = macData.sequence('digestInfo');
    const algorithm = info.sequence('digestAlgorithm');
    const id = algorithm.oid('digestAlgorithm');
    const digest = info.octetString('MAC');
    info.end('digestInfo');
    const salt = macData.octetString('MAC salt');
    if (salt.length > MAX_SALT)
      throw malformed(`MAC salt has ${salt.length} bytes, at most ${MAX_SALT} are read`);
    const iterations = macData.done ? 1 : macData.smallInteger('MAC iterations');
    macData.end('macData');
    if (iterations < 1) throw malformed('MAC iterations are 0');
    const macs = id === PBMAC1 ? this.#pbmac1(algorithm) : this.#appendixB(id, algorithm, salt, iterations);
    for (const mac of macs) if (equalConstantTime(mac(content), digest)) return;
    throw wrongPassphrase();
  }

  #pbmac1(algorithm: DerReader): readonly Mac[] {
    const parameters = algorithm.sequence('PBMAC1 parameters');
    algorithm.end('digestAlgorithm');
    const derivation = parameters.sequence('key derivation');
    const scheme = parameters.sequence('MAC scheme');
    parameters.end('PBMAC1 parameters');
    const kdf = derivation.oid('key derivation');
    if (kdf !== '1.2.840.113549.1.5.12') throw unsupported('key derivation of the MAC', kdf);
    const derive = readPbkdf2(derivation.sequence('PBKDF2 parameters'), undefined, this.#budget);
    derivation.end('key derivation');
    const id = scheme.oid('MAC scheme');
    readNull(scheme, 'MAC scheme');
    if (!(id in HMACS)) throw unsupported('MAC', id);
    const hash = HMACS[id as keyof typeof HMACS];
    return [(content) => hmac(hash, derive(passphraseOctets(this.#password)), content)];
  }

  #appendixB(id: string, algorithm: DerReader, salt: Bytes, iterations: number): readonly Mac[] {
    readNull(algorithm, 'digestAlgorithm');
    if (!(id in DIGESTS)) throw unsupported('digest of the MAC', id);
    const hash = DIGESTS[id as keyof typeof DIGESTS];
    passphraseOctets(this.#password);
    // No password may be an empty string, or not even its end: programs differ, and OpenSSL tries both.
    const passwords = [bmpString(this.#password), ...(this.#password === '' ? [new Uint8Array(0)] : [])];
    this.#budget.spend(iterations * passwords.length);
    return passwords.map(
      (password) => (content) => hmac(hash, macKey(hash, password, salt, iterations), content),
    );
  }

  #readSafe(reader: DerReader): void {
    const type = reader.oid('content type');
    const content = reader.nested(context(0, true), 'content');
    reader.end('contentInfo');
    if (type === DATA) this.#readBags(content.wrapped(content.octetString('safeContents')));
    else if (type === ENCRYPTED_DATA)
      this.#readBags(content.wrapped(this.#decrypt(content.sequence('encryptedData'))));
    else throw otherContent(type);
    content.end('content');
  }

  /** EncryptedData (RFC 5652 §8). */
  #decrypt(reader: DerReader): Bytes {
    const version = reader.smallInteger('version');
    if (version !== 0) throw malformed(`version of encryptedData is ${version}, wanted 0`);
    const info = reader.sequence('encryptedContentInfo');
    reader.end('encryptedData');
    const type = info.oid('content type');
    if (type !== DATA) throw otherContent(type);
    const algorithm = info.sequence('encryption algorithm');
    const ciphertext = info.octetString('encrypted content', context(0));
    info.end('encryptedContentInfo');
    return decryptPbes2(algorithm, ciphertext, this.#password, this.#budget);
  }

  #readBags(reader: DerReader): void {
    const bags = reader.sequence('safeContents');
    reader.end('safeContents');
    while (!bags.done) this.#readBag(bags.sequence('bag'));
  }

  /** SafeBag (§4.2). Kinds that hold neither key nor certificate are passed over. */
  #readBag(bag: DerReader): void {
    if (++this.#bags > MAX_BAGS)
      throw refused(`the PKCS#12 file has more than ${MAX_BAGS} bags`, 'split it with `openssl pkcs12`');
    const id = bag.oid('bag');
    const value = bag.nested(context(0, true), 'bag value');
    bag.optional(TAG.set, 'bag attributes');
    bag.end('bag');
    if (id === BAG.key) this.#keys.push(new Uint8Array(value.expect(TAG.sequence, 'key').der));
    else if (id === BAG.shroudedKey)
      this.#keys.push(decryptKeyInfo(value.sequence('encrypted key'), this.#password, this.#budget));
    else if (id === BAG.certificate) this.#readCertificate(value.sequence('certificate bag'));
    else if (id === BAG.safeContents) this.#readBags(value);
    else value.any('bag value');
    value.end('bag value');
  }

  #readCertificate(bag: DerReader): void {
    const id = bag.oid('certificate type');
    const wrapper = bag.nested(context(0, true), 'certificate');
    bag.end('certificate bag');
    if (id === X509_CERTIFICATE)
      this.#certificates.push(parseCertificate(wrapper.octetString('certificate')));
    else wrapper.any('certificate');
    wrapper.end('certificate');
  }

  result(provider: CryptoProvider): CredentialBundle {
    const [pkcs8, second] = this.#keys;
    if (pkcs8 === undefined) throw refused('the PKCS#12 file has no private key');
    if (second !== undefined)
      throw refused(`the PKCS#12 file has ${this.#keys.length} private keys, wanted one`);
    const key = imported(provider, pkcs8);
    const leaf = this.#certificates.find(({ spki }) => equalBytes(spki, key.spki));
    if (leaf === undefined)
      throw new IdentityError(
        'ERR_IDENTITY_MISMATCH',
        'the key belongs to none of the certificates of the PKCS#12 file',
      );
    const chain = [leaf];
    for (let next: Certificate | undefined = leaf; next !== undefined; ) {
      const child: Certificate = next;
      next = this.#certificates.find(
        (one) => !chain.some(({ der }) => equalBytes(der, one.der)) && signed(one, child, provider),
      );
      if (next !== undefined) chain.push(next);
    }
    return Object.freeze({ key, chain: Object.freeze(chain) });
  }

  forget(): void {
    for (const key of this.#keys) key.fill(0);
  }
}

type Mac = (content: Uint8Array) => Uint8Array;

/** The content of a ContentInfo, which must be of `type`. */
function readContent(reader: DerReader, type: string): DerReader {
  const found = reader.oid('content type');
  if (found !== type) throw otherContent(found);
  const content = reader.nested(context(0, true), 'content');
  reader.end('contentInfo');
  return content;
}

function readNull(reader: DerReader, what: string): void {
  if (!reader.done && reader.expect(TAG.null, what).value.length > 0)
    throw malformed(`${what} has parameters`);
  reader.end(what);
}

function signed(issuer: Certificate, child: Certificate, provider: CryptoProvider): boolean {
  if (!equalBytes(issuer.subject, child.issuer)) return false;
  const { signatureAlgorithm: algorithm, tbs, signature } = child;
  return algorithm.family === undefined || verifySignature(algorithm, issuer.spki, tbs, signature, provider);
}

/** Appendix B.1: UTF-16, big end first, with a zero at its end. */
function bmpString(text: string): Bytes {
  const bytes = new Uint8Array(2 * text.length + 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i));
  return bytes;
}

/** Purpose 3, the key of a MAC (appendix B.3). */
const MAC_PURPOSE = 3;

/** Appendix B.2 for a key as long as the digest, which is its first round. */
function macKey(hash: Digest, password: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
  const block = hash.blockLen;
  const diversifier = new Uint8Array(block).fill(MAC_PURPOSE);
  let key: Uint8Array = concat([diversifier, filled(salt, block), filled(password, block)]);
  for (let i = 0; i < iterations; i++) key = hash(key);
  return key;
}

/** Copies of `bytes` up to the next multiple of `block`; none of nothing. */
function filled(bytes: Uint8Array, block: number): Bytes {
  const out = new Uint8Array(Math.ceil(bytes.length / block) * block);
  for (let i = 0; i < out.length; i++) out[i] = bytes[i % bytes.length]!;
  return out;
}

function otherContent(type: string): IdentityError {
  const how = OTHER_CONTENT[type] ?? `of content type ${type}`;
  return refused(`the PKCS#12 file is ${how}, wanted one that is protected by a password`);
}

function refused(message: string, hint?: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_IDENTITY_PKCS12', message, { hint, cause });
}
