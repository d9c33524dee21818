/** CertificateRequest (RFC 9846 §4.4.2). */
import type { Bytes } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { illegalParameter, missingExtension } from '../errors.ts';
import { ExtensionType } from './codePoints.ts';
import { checkHomes, ExtensionBlock } from './extensionBlock.ts';
import * as ext from './extensions.ts';
import { encodeMessage } from './handshake.ts';

/** What a peer says of the certificate it wants to see: a CertificateRequest, or a ClientHello that says the same. */
export interface CertificateWishes {
  /** Schemes it accepts, its preferred first. */
  readonly schemes: readonly number[];
  /** Schemes that may sign the certificates; undefined: the same. */
  readonly certificateSchemes?: readonly number[];
  /** DER Names; empty when it names none. */
  readonly authorities: readonly Bytes[];
  readonly ocsp: boolean;
  readonly scts: boolean;
  /** Compression algorithms it can undo. */
  readonly codecs: readonly number[];
}

export function encodeCertificateRequest(extensions: ExtensionBlock): Bytes {
  return encodeMessage('certificate_request', (w) => {
    w.u8(0); // certificate_request_context: empty during the handshake
    extensions.write(w);
  });
}

export function decodeCertificateRequest(body: Uint8Array): CertificateWishes {
  const reader = new Reader(body);
  const context = reader.vector(1);
  const extensions = ExtensionBlock.read(reader);
  reader.end();
  if (context.length !== 0) throw illegalParameter('CertificateRequest in the handshake carries a context');
  checkHomes(extensions, 'certificate_request');
  if (!extensions.has(ExtensionType.signatureAlgorithms))
    throw missingExtension('CertificateRequest without signature_algorithms');
  return readWishes(extensions, ext.readEmpty);
}

/** A server asks for a staple with an empty extension, a client with a full one (§4.5.1.1). */
export function readWishes(
  extensions: ExtensionBlock,
  readStatusRequest: (data: Uint8Array) => boolean = ext.wantsOcsp,
): CertificateWishes {
  const read = <T>(type: number, reader: (data: Uint8Array) => T): T | undefined => {
    const data = extensions.get(type);
    return data === undefined ? undefined : reader(data);
  };
  const certificateSchemes = read(ExtensionType.signatureAlgorithmsCert, ext.readU16List);
  return {
    schemes: read(ExtensionType.signatureAlgorithms, ext.readU16List) ?? [],
    ...(certificateSchemes && { certificateSchemes }),
    authorities: read(ExtensionType.certificateAuthorities, ext.readCertificateAuthorities) ?? [],
    ocsp: read(ExtensionType.statusRequest, readStatusRequest) ?? false,
    scts: read(ExtensionType.signedCertificateTimestamp, ext.readEmpty) ?? false,
    codecs: read(ExtensionType.compressCertificate, ext.readCompressCertificate) ?? [],
  };
}
