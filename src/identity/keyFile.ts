/**
 * A chain and the key behind it as one PEM text: both or neither. Where the key is kept elsewhere (an agent, a
 * token), its public half stands in its place.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { Signer } from '../crypto/provider.ts';
import { IdentityError } from './errors.ts';
import { MAX_STORE_JOURNAL } from './limits.ts';
import { formatPem, type PemBlock, parsePem } from './pem.ts';
import { userCaFault } from './profile.ts';
import { damaged } from './storeErrors.ts';
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

/** What must be true of a user CA to be stored as that of `name`. Throws `ERR_IDENTITY_MISMATCH`. */
export function requireUserCa(name: string, chain: readonly Uint8Array[], key: Signer): void {
  const [first] = chain;
  const ca = first === undefined ? undefined : parseCertificate(first);
  const fault = ca?.isCa === true ? userCaFault(ca, name) : 'the first certificate of the chain is no CA';
  if (fault !== undefined) throw new IdentityError('ERR_IDENTITY_MISMATCH', fault);
  if (!equalBytes(ca!.spki, key.spki))
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'user CA and private key do not belong together');
}

/** Whether the leaf of the file was made for `key`. */
export function holdsKey({ chain }: KeyFile, key: Signer): boolean {
  return equalBytes(parseCertificate(chain[0]!).spki, key.spki);
}

/* ---- A change of the passphrase ---- */

const NAME = /^(identities|authorities).[0-9a-f]{32}\.pem$/;

/** The key files by name, as they are to be. */
export function formatJournal(files: Readonly<Record<string, string>>): string {
  const text = `${JSON.stringify(files)}\n`;
  if (text.length <= MAX_STORE_JOURNAL) return text;
  throw new IdentityError(
    'ERR_IDENTITY_STORE',
    `changing the passphrase takes ${text.length} bytes, at most ${MAX_STORE_JOURNAL} are written at once`,
    { hint: 'remove identities that are not used any more' },
  );
}

export function parseJournal(where: string, text: string): Readonly<Record<string, string>> {
  try {
    const files = JSON.parse(text) as Readonly<Record<string, string>>;
    const entries = Object.entries(files);
    if (entries.every(([name, content]) => NAME.test(name) && typeof content === 'string')) return files;
  } catch {
    // not JSON: told below
  }
  throw damaged(where, 'it holds no key files');
}
