/** Certificates and keys from the person's files, each problem told with the file's name; and their JSON form. */
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { hex } from '../base/bytes.ts';
import { isQ2qError, type Q2qError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { showDistinguishedName } from '../identity/distinguishedName.ts';
import {
  type Certificate,
  checkCredential,
  parseCertificate,
  parseDomain,
  parsePem,
  peerId,
  readPrivateKey,
  type VerifiedPeer,
} from '../identity/index.ts';
import { formatIp } from '../identity/names.ts';
import type { Credential } from '../tls/index.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { readBytes, readText } from './files.ts';
import { opened } from './passphrase.ts';

/** Every certificate of a PEM text, in order, or the one of a DER file. */
export function certificatesOf(bytes: Uint8Array, file: string): readonly Certificate[] {
  return explained('certificate file', file, () => {
    if (bytes[0] === DER_SEQUENCE) return [parseCertificate(bytes)];
    return parsePem(new TextDecoder().decode(bytes), { comments: true }).map(({ label, der }, index) => {
      if (label !== 'CERTIFICATE') throw notACertificate(file, index, label);
      return parseCertificate(der);
    });
  });
}

/** What every DER certificate begins with, and no text does. */
export const DER_SEQUENCE = 0x30;

function notACertificate(file: string, index: number, label: string): CliError {
  const hint = label.endsWith('PRIVATE KEY') ? 'this is a key file: certificate and key swapped?' : undefined;
  return new CliError(
    'ERR_CLI_FILE',
    `certificate file ${file}: block ${index + 1} is "${label}", wanted "CERTIFICATE"`,
    hint === undefined ? {} : { hint },
  );
}

export async function readCertificates(file: string, stdin: Readable): Promise<readonly Certificate[]> {
  return certificatesOf(await readBytes(file, stdin, 'certificate file'), file);
}

/** A chain and its key for TLS; the key must be the leaf's, and may be encrypted. */
export async function readCredential(
  context: Context,
  certificateFile: string,
  keyFile: string,
  passphraseFile?: string,
): Promise<Credential> {
  const { provider, stdin } = context;
  const chain = await readCertificates(certificateFile, stdin);
  const text = await readText(keyFile, stdin, 'key file');
  const question = {
    ...{ file: passphraseFile, message: `Passphrase of ${keyFile}` },
    what: 'passphrase',
  } as const;
  const signer = await opened(question, context, (passphrase) =>
    explained('key file', keyFile, () => readPrivateKey(provider, text, passphrase)),
  );
  explained(`certificate file ${certificateFile} with key file`, keyFile, () =>
    checkCredential(chain, signer.spki, provider),
  );
  return { chain: chain.map((certificate) => certificate.der), signer };
}

/** A host as a certificate names it: an address or a DNS name. */
export function expectedServer(name: string): { readonly dns?: string; readonly ip?: string } {
  return isIP(name) === 0 ? { dns: parseDomain(name.replace(/\.$/, '')) } : { ip: name };
}

/** For `--json`: part of the command line's interface, documented in docs/cli.md. */
export function certificateRecord(certificate: Certificate, provider: CryptoProvider): object {
  const { names } = certificate;
  return {
    subject: showDistinguishedName(certificate.subject),
    issuer: showDistinguishedName(certificate.issuer),
    serial: hex(certificate.serial),
    notBefore: new Date(certificate.notBefore).toISOString(),
    notAfter: new Date(certificate.notAfter).toISOString(),
    names: { dns: names.dns, ip: names.ip.map(formatIp), email: names.email, uri: names.uri },
    key: certificate.keyKind ?? 'unknown',
    keyBits: certificate.keyBits,
    keyId: peerId(certificate.spki),
    isCa: certificate.isCa,
    sha256: hex(provider.hash('sha256').update(certificate.der).digest()),
  };
}

export function peerRecord(peer: VerifiedPeer, provider: CryptoProvider): object {
  return {
    ...peer.identity,
    expiresAt: new Date(peer.identity.expiresAt).toISOString(),
    chain: peer.chain.map((certificate) => certificateRecord(certificate, provider)),
  };
}

/** Runs `read`; what it throws is told with the file's name. */
export function explained<T>(what: string, file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isQ2qError(cause) || cause instanceof CliError || isAboutPassphrase(cause)) throw cause;
    throw new CliError('ERR_CLI_FILE', `${what} ${file === '-' ? '(stdin)' : file}: ${cause.message}`, {
      cause,
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    });
  }
}

/** These say by their code what is to be done, whatever the file. */
function isAboutPassphrase({ code }: Q2qError): boolean {
  return code.startsWith('ERR_IDENTITY_PASSPHRASE');
}
