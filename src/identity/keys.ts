/** Private keys as files: PEM around PKCS#8 (RFC 5958, RFC 7468 §10, §11), plain or encrypted. */
import type { Bytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { IdentityError } from './errors.ts';
import { decryptPkcs8, encryptPkcs8, type Passphrase } from './pbes2.ts';
import { formatPem, type PemBlock, parsePem } from './pem.ts';

const PLAIN = 'PRIVATE KEY';
const ENCRYPTED = 'ENCRYPTED PRIVATE KEY';
const CERTIFICATE = 'CERTIFICATE';

const CONVERT = 'convert it with `openssl pkcs8 -topk8 -in F -out G`';
const OTHER_FORMS: Readonly<Record<string, string>> = {
  'EC PRIVATE KEY': CONVERT,
  'RSA PRIVATE KEY': CONVERT,
  'DSA PRIVATE KEY': 'no kind of DSA key serves; make one with `openssl genpkey -algorithm ed25519`',
  'EC PARAMETERS': CONVERT,
  'OPENSSH PRIVATE KEY': 'an ssh key serves ssh only; make one with `q2q id` or `openssl genpkey`',
  'PUBLIC KEY': 'this is the public half; the private key is in another file',
  'CERTIFICATE REQUEST': 'this is a request; the key it was made with is in another file',
  [CERTIFICATE]: 'this is the certificate; the key is in another file',
};

/**
 * Reads the one private key of a PEM text; certificates beside it are passed over, for many tools keep both
 * in one file. An encrypted key needs `passphrase`; a plain one ignores it. The key itself never appears in an error.
 */
export function readPrivateKey(
  provider: CryptoProvider,
  pemText: string,
  passphrase?: Passphrase,
): PrivateKey {
  return importKey(provider, onlyKey(parsePem(pemText)), passphrase);
}

/** The same for a page: it leaves the machinery of encrypted keys out of what is loaded, and refuses those. */
export function readPlainPrivateKey(provider: CryptoProvider, pemText: string): PrivateKey {
  const block = onlyKey(parsePem(pemText));
  if (block.label !== PLAIN) throw passphraseNeeded('the private key is encrypted, wanted a plain one');
  return imported(provider, block.der);
}

/** True for the labels that `importKey` takes. */
export function isKeyLabel(label: string): boolean {
  return label === PLAIN || label === ENCRYPTED;
}

/** The key of a block with one of the two labels. */
export function importKey(
  provider: CryptoProvider,
  { label, der }: PemBlock,
  passphrase?: Passphrase,
): PrivateKey {
  if (label === PLAIN) return imported(provider, der);
  if (passphrase === undefined)
    throw passphraseNeeded('the private key is encrypted, and no passphrase was given');
  return imported(provider, decryptPkcs8(der, passphrase));
}

/** The key of PKCS#8 bytes, which are zeroed. */
export function imported(provider: CryptoProvider, pkcs8: Bytes): PrivateKey {
  try {
    return provider.importKey(pkcs8);
  } catch (cause) {
    const { message, hint } = cause as Error & { hint?: string };
    throw new IdentityError('ERR_IDENTITY_KEY', message, { cause, hint });
  } finally {
    pkcs8.fill(0);
  }
}

function passphraseNeeded(message: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_PASSPHRASE_NEEDED', message, {
    hint: 'give its passphrase, or decrypt it with `openssl pkcs8 -in F -out G`',
  });
}

function onlyKey(blocks: readonly PemBlock[]): PemBlock {
  const keys = blocks.filter(({ label }) => isKeyLabel(label));
  if (keys.length > 1)
    throw new IdentityError('ERR_IDENTITY_KEY', `PEM text has ${keys.length} private keys, wanted one`);
  const stranger = blocks.find(({ label }) => !isKeyLabel(label) && label !== CERTIFICATE);
  const wrong = stranger ?? (keys.length === 0 ? blocks[0] : undefined);
  if (wrong === undefined) return keys[0]!;
  throw notAKey(wrong.label);
}

export function notAKey(label: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_PEM_LABEL', `PEM block is a "${label}", wanted a "${PLAIN}"`, {
    hint: OTHER_FORMS[label],
  });
}

/** Unencrypted PEM; write it only to a file of mode 0600. */
export function writePrivateKey(key: PrivateKey): string {
  const pkcs8 = key.dangerousExport();
  try {
    return formatPem(PLAIN, pkcs8);
  } finally {
    pkcs8.fill(0);
  }
}

/** PEM under a passphrase: scrypt and AES-256-CBC, which OpenSSL reads without being told. Takes a third of a second. */
export function writeEncryptedPrivateKey(
  key: PrivateKey,
  passphrase: Passphrase,
  provider: CryptoProvider,
): string {
  const pkcs8 = key.dangerousExport();
  try {
    return formatPem(
      ENCRYPTED,
      encryptPkcs8(pkcs8, passphrase, (length) => provider.random(length)),
    );
  } finally {
    pkcs8.fill(0);
  }
}
