/**
 * A chain and the key behind it as one PEM text: both or neither. Where the key is kept elsewhere (an agent, a
 * token), its public half stands in its place.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { Signer } from '../crypto/provider.ts';
import { IdentityError } from './errors.ts';
import { formatPem, type PemBlock, parsePem } from './pem.ts';
import { parseCertificate } from './x509.ts';

const CERTIFICATE = 'CERTIFICATE';
export const PLAIN = 'PRIVATE KEY';
export const ENCRYPTED = 'ENCRYPTED PRIVATE KEY';
/** The key is elsewhere; here is how to recognise it. */
export const ELSEWHERE = 'PUBLIC KEY';
const KEYS: readonly string[] = [PLAIN, ENCRYPTED, ELSEWHERE];

export interface KeyFile {
  /** The block as it stands in the text. */
  readonly key: PemBlock;
  /** Leaf first. */
  readonly chain: readonly Bytes[];
}

export function formatKeyFile(key: string, chain: readonly Uint8Array[]): string {
  return key + chain.map((certificate) => formatPem(CERTIFICATE, certificate)).join('');
}

/** Says nothing of the key but its form: whether it fits is seen when it is opened. */
export function parseKeyFile(text: string): KeyFile {
  const blocks = parsePem(text);
  const chain = blocks.filter(({ label }) => label === CERTIFICATE).map(({ der }) => der);
  const keys = blocks.filter(({ label }) => KEYS.includes(label));
  const stranger = blocks.find(({ label }) => label !== CERTIFICATE && !KEYS.includes(label));
  const [key] = keys;
  if (stranger !== undefined || key === undefined)
    throw new IdentityError(
      'ERR_IDENTITY_PEM_LABEL',
      stranger === undefined ? 'there is no private key' : `PEM block is a "${stranger.label}"`,
      { hint: `wanted one "${PLAIN}" and the certificates` },
    );
  if (keys.length > 1)
    throw new IdentityError('ERR_IDENTITY_KEY', `PEM text has ${keys.length} keys, wanted one`);
  const [leaf] = chain;
  if (leaf === undefined)
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'the chain is empty, wanted a leaf first');
  if (key.label === ELSEWHERE && !equalBytes(key.der, parseCertificate(leaf).spki))
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'certificate and public key do not belong together');
  return { key, chain };
}

/** What a user CA must be to be stored. Throws `ERR_IDENTITY_MISMATCH`. */
export function requireCaKey(chain: readonly Uint8Array[], key: Signer): void {
  const [first] = chain;
  const ca = first === undefined ? undefined : parseCertificate(first);
  if (ca?.isCa !== true)
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'the first certificate of the chain is no CA');
  if (!equalBytes(ca.spki, key.spki))
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'CA certificate and private key do not belong together');
}
