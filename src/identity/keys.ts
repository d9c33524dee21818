/** Private keys as files: PEM around PKCS#8 (RFC 5958, RFC 7468 §10). */
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { IdentityError } from './errors.ts';
import { formatPem, type PemBlock, parsePem } from './pem.ts';

const LABEL = 'PRIVATE KEY';
const CERTIFICATE = 'CERTIFICATE';

const OTHER_FORMS: Readonly<Record<string, string>> = {
  'ENCRYPTED PRIVATE KEY': 'it is encrypted; decrypt it with `openssl pkcs8 -in F -out G`',
  'EC PRIVATE KEY': 'convert it with `openssl pkcs8 -topk8 -nocrypt -in F -out G`',
  'RSA PRIVATE KEY': 'convert it with `openssl pkcs8 -topk8 -nocrypt -in F -out G`',
  'OPENSSH PRIVATE KEY': 'an ssh key serves ssh only; make one with `q2q id` or `openssl genpkey`',
  'EC PARAMETERS': 'convert it with `openssl pkcs8 -topk8 -nocrypt -in F -out G`',
  [CERTIFICATE]: 'this is the certificate; the key is in another file',
};

/**
 * Reads the one private key of a PEM text; certificates beside it are passed over, for many tools keep both
 * in one file. The key itself never appears in an error.
 */
export function readPrivateKey(provider: CryptoProvider, pemText: string): PrivateKey {
  const block = onlyKey(parsePem(pemText));
  try {
    return provider.importKey(block.der);
  } catch (cause) {
    const { message, hint } = cause as Error & { hint?: string };
    throw new IdentityError('ERR_IDENTITY_KEY', message, { cause, hint });
  } finally {
    block.der.fill(0);
  }
}

function onlyKey(blocks: readonly PemBlock[]): PemBlock {
  const keys = blocks.filter((block) => block.label === LABEL);
  if (keys.length > 1)
    throw new IdentityError('ERR_IDENTITY_KEY', `PEM text has ${keys.length} private keys, wanted one`);
  const stranger = blocks.find(({ label }) => label !== LABEL && label !== CERTIFICATE);
  const wrong = stranger ?? (keys.length === 0 ? blocks[0] : undefined);
  if (wrong === undefined) return keys[0]!;
  const hint = OTHER_FORMS[wrong.label];
  throw new IdentityError('ERR_IDENTITY_PEM_LABEL', `PEM block is a "${wrong.label}", wanted a "${LABEL}"`, {
    hint,
  });
}

/** Unencrypted PEM; write it only to a file of mode 0600. */
export function writePrivateKey(key: PrivateKey): string {
  const pkcs8 = key.dangerousExport();
  try {
    return formatPem(LABEL, pkcs8);
  } finally {
    pkcs8.fill(0);
  }
}
