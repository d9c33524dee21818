/** CertificateRequest (RFC 9846 §4.4.2). */
import type { Bytes } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { illegalParameter, missingExtension } from '../errors.ts';
import { ExtensionType } from './codePoints.ts';
import { checkHomes, ExtensionBlock } from './extensionBlock.ts';
import { readU16List } from './extensions.ts';
import { encodeMessage } from './handshake.ts';

export interface CertificateRequest {
  /** Schemes the server accepts, its preferred first. */
  readonly schemes: readonly number[];
}

export function encodeCertificateRequest(extensions: ExtensionBlock): Bytes {
  return encodeMessage('certificate_request', (w) => {
    w.u8(0); // certificate_request_context: empty during the handshake
    extensions.write(w);
  });
}

export function decodeCertificateRequest(body: Uint8Array): CertificateRequest {
  const reader = new Reader(body);
  const context = reader.vector(1);
  const extensions = ExtensionBlock.read(reader);
  reader.end();
  if (context.length !== 0) throw illegalParameter('CertificateRequest in the handshake carries a context');
  checkHomes(extensions, 'certificate_request');
  const schemes = extensions.get(ExtensionType.signatureAlgorithms);
  if (schemes === undefined) throw missingExtension('CertificateRequest without signature_algorithms');
  return { schemes: readU16List(schemes) };
}
