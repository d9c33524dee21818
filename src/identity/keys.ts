/** Private keys as files: PEM around PKCS#8 (RFC 5958, RFC 7468 §10). */
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { IdentityError } from './errors.ts';
import { formatPem, parsePem } from './pem.ts';

const LABEL = 'PRIVATE KEY';

const OTHER_FORMS: Readonly<Record<string, string>> = {
  'ENCRYPTED PRIVATE KEY': 'it is encrypted; decrypt it with `openssl pkcs8 -in F -out G`',
  'EC PRIVATE KEY': 'convert it with `openssl pkcs8 -topk8 -nocrypt -in F -out G`',
  'RSA PRIVATE KEY': 'convert it with `openssl pkcs8 -topk8 -nocrypt -in F -out G`',
  'OPENSSH PRIVATE KEY': 'an ssh key serves ssh only; make one with `q2q id` or `openssl genpkey`',
  CERTIFICATE: 'this is the certificate; the key is in another file',
};

/** Reads the one private key of a PEM text. The key itself never appears in an error. */
export function readPrivateKey(provider: CryptoProvider, pemText: string): PrivateKey {
  const blocks = parsePem(pemText);
  const [block, second] = blocks;
  if (second !== undefined)
    throw new IdentityError('ERR_IDENTITY_KEY', `key file has ${blocks.length} PEM blocks, wanted one`);
  if (block!.label !== LABEL) {
    const hint = OTHER_FORMS[block!.label];
    throw new IdentityError(
      'ERR_IDENTITY_PEM_LABEL',
      `PEM block is a "${block!.label}", wanted a "${LABEL}"`,
      hint === undefined ? {} : { hint },
    );
  }
  try {
    return provider.importKey(block!.der);
  } catch (cause) {
    const { message, hint } = cause as Error & { hint?: string };
    throw new IdentityError('ERR_IDENTITY_KEY', message, { cause, ...(hint === undefined ? {} : { hint }) });
  } finally {
    block!.der.fill(0);
  }
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
