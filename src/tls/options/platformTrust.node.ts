/** The roots that the machine's owner believes: what the environment names, else the system's own, else Node's list. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as tls from 'node:tls';
import { toError } from '../../base/errors.ts';
import { type Certificate, IdentityError, parseCertificate, parsePem } from '../../identity/index.ts';
import { invalid } from './invalid.ts';
import { type TrustRoots, trustRoots } from './trustRoots.ts';

/** Debian and Alpine, Fedora, openSUSE, BSDs and macOS. */
const SYSTEM_BUNDLES: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Larger than any bundle of roots; `parsePem` reads no more either. */
const MAX_FILE = 1 << 20;

/**
 * As OpenSSL has it: `SSL_CERT_FILE` (a PEM bundle) and `SSL_CERT_DIR` (folders of PEM files) take the place of the system's
 * own. Throws `ERR_TLS_CONFIG` naming the variable when what it names holds no certificate. Certificates of a bundle that our
 * parser refuses are left out.
 */
export function platformTrust(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): TrustRoots {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = environment;
  if (!file && !folders) return trustRoots(systemRoots());
  return trustRoots([
    ...(file ? found(`SSL_CERT_FILE=${file}`, () => certificatesIn(file)) : []),
    ...(folders
      ? found(`SSL_CERT_DIR=${folders}`, () => folders.split(delimiter).flatMap(certificatesBelow))
      : []),
  ]);
}

/** A bundle that is there is what counts, even if it cannot be read: others would be believed in its place. */
function systemRoots(): Certificate[] {
  const bundle = SYSTEM_BUNDLES.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (bundle !== undefined) return found(bundle, () => certificatesIn(bundle));
  const { getCACertificates } = tls as SystemStore;
  const stored = getCACertificates?.('system') ?? [];
  return (stored.length > 0 ? stored : tls.rootCertificates).flatMap(readable);
}

/** Node 22.15 and later read the store of Windows and macOS. */
interface SystemStore {
  readonly getCACertificates?: (type: 'system') => readonly string[];
}

function found(where: string, read: () => Certificate[]): Certificate[] {
  let certificates: Certificate[];
  try {
    certificates = read();
  } catch (cause) {
    throw invalid('trust', `${where} cannot be read: ${toError(cause).message}`, { cause });
  }
  if (certificates.length === 0) throw invalid('trust', `${where} holds no certificate that can be read`);
  return certificates;
}

/** Files that are no PEM are passed over: such folders hold README files and links to nowhere. */
function certificatesBelow(folder: string): Certificate[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const entry = statSync(path, { throwIfNoEntry: false });
    return entry?.isFile() && entry.size <= MAX_FILE ? readable(readFileSync(path, 'latin1')) : [];
  });
}

function certificatesIn(file: string): Certificate[] {
  const { size } = statSync(file);
  if (size > MAX_FILE) throw new RangeError(`it has ${size} bytes, at most ${MAX_FILE} are read`);
  return readable(readFileSync(file, 'latin1'));
}

function readable(text: string): Certificate[] {
  return lenient(() => parsePem(text, { comments: true }), []).flatMap(({ label, der }) =>
    label === 'CERTIFICATE' || label === 'TRUSTED CERTIFICATE'
      ? lenient(() => [parseCertificate(der)], [])
      : [],
  );
}

function lenient<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof IdentityError) return otherwise;
    throw error;
  }
}
