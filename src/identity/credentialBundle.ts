/**
 * A private key with the certificates that speak for it, in one PEM text or two: what a server, a device or a move to another
 * machine is made of. Exactly one key, its certificate first, then each one's issuer, nothing else. People put such files
 * together by hand, and a file that is nearly right is worse than none: every mistake has its own code and says what to do.
 */
import { equalBytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { verifySignature } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { showDistinguishedName } from './distinguishedName.ts';
import { IdentityError, type IdentityErrorCode } from './errors.ts';
import { importKey, isKeyLabel, notAKey } from './keys.ts';
import { WEB_CHAIN } from './limits.ts';
import type { Passphrase } from './pbes2.ts';
import { type PemBlock, parsePem } from './pem.ts';
import { parseCertificate } from './x509.ts';

export interface CredentialBundle {
  readonly key: PrivateKey;
  /** Leaf first, each followed by its issuer; the root may be left out. */
  readonly chain: readonly Certificate[];
}

/** One text, or two where certificates and key are kept apart: then a key among the certificates is a mistake. */
export type CredentialText = string | { readonly certificates: string; readonly key: string };

export function readCredentialBundle(
  provider: CryptoProvider,
  text: CredentialText,
  passphrase?: Passphrase,
): CredentialBundle {
  const apart = typeof text !== 'string';
  const blocks = parsePem(apart ? text.certificates : text);
  const keys = apart ? onlyKeys(parsePem(text.key)) : blocks.filter(({ label }) => isKeyLabel(label));
  const rest = apart ? blocks : blocks.filter(({ label }) => !isKeyLabel(label));
  const chain = rest.map((block, i) => certificateOf(block, i, apart));
  const key = importKey(provider, oneKey(keys), passphrase);
  checkCredential(chain, key.spki, provider);
  return Object.freeze({ key, chain: Object.freeze(chain) });
}

function onlyKeys(blocks: readonly PemBlock[]): readonly PemBlock[] {
  const stranger = blocks.find(({ label }) => !isKeyLabel(label));
  if (stranger !== undefined) throw notAKey(stranger.label);
  return blocks;
}

function oneKey(keys: readonly PemBlock[]): PemBlock {
  const [key] = keys;
  if (key === undefined)
    throw mistake(
      'NO_KEY',
      'there is no private key',
      'add the "PRIVATE KEY" block that the leaf was made for',
    );
  if (keys.length > 1)
    throw mistake(
      'KEYS',
      `there are ${keys.length} private keys, wanted one`,
      'keep the one that the first certificate was made for',
    );
  return key;
}

function certificateOf({ label, der }: PemBlock, index: number, apart: boolean): Certificate {
  if (isKeyLabel(label) && apart)
    throw mistake(
      'STRAY',
      `block ${index + 1} of the certificates is a "${label}"`,
      'are key and certificates swapped? A key does not belong where certificates are kept',
    );
  if (label !== 'CERTIFICATE')
    throw mistake(
      'STRAY',
      `there is a "${label}", wanted a key and certificates only`,
      STRAYS[label] ?? 'remove that block',
    );
  try {
    return parseCertificate(der);
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    throw new IdentityError(error.code, `certificate ${index + 1}: ${error.message}`, { cause: error });
  }
}

const STRAYS: Readonly<Record<string, string>> = {
  'EC PRIVATE KEY': 'convert the key with `openssl pkcs8 -topk8 -in F -out G`',
  'RSA PRIVATE KEY': 'convert the key with `openssl pkcs8 -topk8 -in F -out G`',
  'TRUSTED CERTIFICATE': "this is OpenSSL's own form: convert it with `openssl x509 -in F -out G`",
  PKCS7: 'take the certificates out of it with `openssl pkcs7 -print_certs -in F -out G`',
};

/**
 * Throws unless the chain begins with the one certificate of the key and each of the others signed the one before it. Who the
 * last one is, and whether anybody trusts it, is not asked here.
 */
export function checkCredential(
  chain: readonly Certificate[],
  spki: Uint8Array,
  provider: CryptoProvider,
): void {
  const [leaf] = chain;
  if (leaf === undefined)
    throw mistake(
      'NO_CERTIFICATE',
      'there is no certificate',
      'add the certificate that was made for the key',
    );
  if (chain.length > WEB_CHAIN.certificates)
    throw mistake(
      'LINK',
      `there are ${chain.length} certificates, at most ${WEB_CHAIN.certificates} make a chain`,
      'keep the leaf and its issuers; a list of roots is another file',
    );
  for (const [i, certificate] of chain.entries()) {
    const first = chain.findIndex(({ der }) => equalBytes(der, certificate.der));
    if (first !== i)
      throw mistake(
        'DUPLICATE',
        `certificate ${i + 1} is certificate ${first + 1} again`,
        'remove one of them',
      );
  }
  checkLeaf(chain, spki);
  for (const [i, issuer] of chain.slice(1).entries()) checkLink(chain, i, issuer, provider);
}

function checkLeaf(chain: readonly Certificate[], spki: Uint8Array): void {
  const owned = [...chain.keys()].filter((i) => equalBytes(chain[i]!.spki, spki));
  const [first, second] = owned;
  if (first === undefined)
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'the key belongs to none of the certificates', {
      hint: 'find the key that the certificate was made for, or ask for a new certificate',
    });
  if (first > 0)
    throw mistake(
      'ORDER',
      'the key is not that of the first certificate',
      `it is that of certificate ${first + 1}: put it first`,
    );
  // A root that signs itself may stand here alone; a second certificate of the key is an older one, or a renewed one.
  if (second !== undefined)
    throw mistake(
      'LEAVES',
      `certificates 1 and ${second + 1} are both for the key`,
      'keep the one that is valid longer, with its issuers behind it',
    );
}

function checkLink(
  chain: readonly Certificate[],
  index: number,
  issuer: Certificate,
  provider: CryptoProvider,
): void {
  const child = chain[index]!;
  if (!equalBytes(child.issuer, issuer.subject)) {
    const other = chain.findIndex(({ subject }) => equalBytes(subject, child.issuer));
    if (other > index + 1)
      throw mistake(
        'ORDER',
        `certificate ${index + 2} is not the issuer of the one before it`,
        `certificate ${other + 1} is: a chain goes from the leaf towards the root`,
      );
    const name = showDistinguishedName(child.issuer).slice(0, 200);
    throw mistake(
      'LINK',
      `certificate ${index + 2} is not the issuer of the one before it`,
      `that would be "${name}": add it, or remove what does not belong`,
    );
  }
  const { signatureAlgorithm, tbs, signature } = child;
  // An algorithm that is too weak to prove anything links by name alone: whether it will do is for the other side to say.
  if (signatureAlgorithm.family === undefined) return;
  if (!verifySignature(signatureAlgorithm, issuer.spki, tbs, signature, provider))
    throw mistake(
      'LINK',
      `certificate ${index + 2} has the name of the issuer of the one before it, and another key`,
      'it is an older or a newer one: get the one that signed',
    );
}

type Mistake = 'NO_KEY' | 'KEYS' | 'NO_CERTIFICATE' | 'STRAY' | 'DUPLICATE' | 'ORDER' | 'LEAVES' | 'LINK';

function mistake(kind: Mistake, message: string, hint: string): IdentityError {
  const code: IdentityErrorCode = `ERR_IDENTITY_CREDENTIAL_${kind}`;
  return new IdentityError(code, message, { hint });
}
