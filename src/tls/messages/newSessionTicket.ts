/** NewSessionTicket (RFC 9846 §4.7.1). */
import type { Bytes } from '../../base/bytes.ts';
import { EMPTY } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { ExtensionType } from './codePoints.ts';
import { checkHomes, ExtensionBlock } from './extensionBlock.ts';
import * as ext from './extensions.ts';
import { encodeMessage } from './handshake.ts';

export interface NewSessionTicket {
  /** Seconds. */
  readonly lifetime: number;
  readonly ageAdd: number;
  readonly nonce: Uint8Array;
  readonly ticket: Uint8Array;
  /** Bytes of early data that it allows; 0 is none. */
  readonly maxEarlyData: number;
  /** An extension that nobody knows (RFC 8701 §4.1). */
  readonly grease?: number;
}

export function encodeNewSessionTicket(ticket: NewSessionTicket): Bytes {
  const { lifetime, ageAdd, nonce, maxEarlyData, grease } = ticket;
  return encodeMessage('new_session_ticket', (w) => {
    w.u32(lifetime).u32(ageAdd);
    w.vector(1, () => w.bytes(nonce)).vector(2, () => w.bytes(ticket.ticket));
    const extensions = [
      ...(maxEarlyData > 0 ? [ext.maxEarlyData(maxEarlyData)] : []),
      ...(grease === undefined ? [] : [{ type: grease, data: EMPTY }]),
    ];
    new ExtensionBlock(extensions).write(w);
  });
}

/** Read strictly even by a client that does not resume and drops it. */
export function decodeNewSessionTicket(body: Uint8Array): NewSessionTicket {
  const reader = new Reader(body);
  const [lifetime, ageAdd] = [reader.u32(), reader.u32()];
  const nonce = reader.vector(1);
  const ticket = reader.vector(2, 1);
  const extensions = ExtensionBlock.read(reader);
  reader.end();
  checkHomes(extensions, 'new_session_ticket');
  const early = extensions.get(ExtensionType.earlyData);
  return {
    lifetime,
    ageAdd,
    nonce,
    ticket,
    maxEarlyData: early === undefined ? 0 : ext.readMaxEarlyData(early),
  };
}
