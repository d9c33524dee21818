/** Certificate (RFC 9846 §4.5.1) and its compressed form (RFC 8879 §4). */
import type { Bytes } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { illegalParameter, TlsError } from '../errors.ts';
import { MAX_CHAIN_LENGTH } from '../limits.ts';
import { ExtensionType } from './codePoints.ts';
import { checkSolicited, ExtensionBlock } from './extensionBlock.ts';
import * as ext from './extensions.ts';
import { encodeMessage } from './handshake.ts';

/** What is said of the leaf beside itself. */
export interface Staples {
  /** DER OCSPResponse. */
  readonly ocsp?: Uint8Array;
  /** SignedCertificateTimestampList. */
  readonly scts?: Uint8Array;
}

/** Entries, leaf first: certificates, or one raw public key (RFC 7250 §3). */
export interface CertificateList extends Staples {
  readonly entries: readonly Uint8Array[];
}

export function encodeCertificate({ entries, ocsp, scts }: CertificateList): Bytes {
  const ofLeaf = new ExtensionBlock([
    ...(ocsp === undefined ? [] : [ext.certificateStatus(ocsp)]),
    ...(scts === undefined ? [] : [ext.timestamps(scts)]),
  ]);
  const none = new ExtensionBlock([]);
  return encodeMessage('certificate', (w) => {
    w.u8(0); // certificate_request_context
    w.vector(3, () => {
      entries.forEach((entry, i) => {
        w.vector(3, () => w.bytes(entry));
        (i === 0 ? ofLeaf : none).write(w);
      });
    });
  });
}

/**
 * The entries as presented, copied out of the receive buffer; none when the peer shows nothing. `offered`: the
 * extensions we asked for.
 */
export function decodeCertificate(body: Uint8Array, offered: ReadonlySet<number>): CertificateList {
  const reader = new Reader(body);
  const context = reader.vector(1);
  const list = reader.nested(3);
  reader.end();
  if (context.length !== 0) throw illegalParameter('Certificate carries a context that was not sent');
  const entries: Bytes[] = [];
  let staples: Staples = {};
  while (list.left > 0) {
    if (entries.length === MAX_CHAIN_LENGTH)
      throw new TlsError('ERR_TLS_CERTIFICATE', `more than ${MAX_CHAIN_LENGTH} certificates in the chain`);
    entries.push(new Uint8Array(list.vector(3, 1)));
    const extensions = ExtensionBlock.read(list);
    checkSolicited(extensions, 'certificate', offered);
    const said = readStaples(extensions);
    if (entries.length === 1) staples = said;
  }
  return { entries, ...staples };
}

function readStaples(extensions: ExtensionBlock): Staples {
  const ocsp = extensions.get(ExtensionType.statusRequest);
  const scts = extensions.get(ExtensionType.signedCertificateTimestamp);
  return {
    ...(ocsp && { ocsp: ext.readCertificateStatus(ocsp) }),
    ...(scts && { scts: ext.readTimestamps(scts) }),
  };
}

export interface CompressedCertificate {
  readonly algorithm: number;
  /** Of the Certificate message's body. */
  readonly length: number;
  readonly compressed: Bytes;
}

export function encodeCompressedCertificate({ algorithm, length, compressed }: CompressedCertificate): Bytes {
  return encodeMessage('compressed_certificate', (w) =>
    w
      .u16(algorithm)
      .u24(length)
      .vector(3, () => w.bytes(compressed)),
  );
}

export function decodeCompressedCertificate(body: Uint8Array): CompressedCertificate {
  const reader = new Reader(body);
  const algorithm = reader.u16();
  const length = reader.u24();
  const compressed = new Uint8Array(reader.vector(3, 1));
  reader.end();
  return { algorithm, length, compressed };
}
