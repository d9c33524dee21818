/** Certificate (RFC 9846 §4.5.1). */
import type { Bytes } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { illegalParameter, TlsError } from '../errors.ts';
import { MAX_CHAIN_LENGTH } from '../limits.ts';
import { checkSolicited, ExtensionBlock } from './extensionBlock.ts';
import { encodeMessage } from './handshake.ts';

/** We ask for nothing beside the certificates, so that no answer may stand there. */
const NOTHING_OFFERED: ReadonlySet<number> = new Set();

export function encodeCertificate(chain: readonly Uint8Array[]): Bytes {
  return encodeMessage('certificate', (w) => {
    w.u8(0); // certificate_request_context
    w.vector(3, () => {
      for (const der of chain) w.vector(3, () => w.bytes(der)).u16(0);
    });
  });
}

/** The chain as presented, leaf first, copied out of the receive buffer; empty when the peer shows none. */
export function decodeCertificate(body: Uint8Array): readonly Bytes[] {
  const reader = new Reader(body);
  const context = reader.vector(1);
  const list = reader.nested(3);
  reader.end();
  if (context.length !== 0) throw illegalParameter('Certificate carries a context that was not sent');
  const chain: Bytes[] = [];
  while (list.left > 0) {
    if (chain.length === MAX_CHAIN_LENGTH)
      throw new TlsError('ERR_TLS_CERTIFICATE', `more than ${MAX_CHAIN_LENGTH} certificates in the chain`);
    chain.push(new Uint8Array(list.vector(3, 1)));
    checkSolicited(ExtensionBlock.read(list), 'certificate', NOTHING_OFFERED);
  }
  return chain;
}
