/** NewSessionTicket (RFC 9846 §4.7.1), read strictly even though a client that does not resume drops it. */
import { Reader } from '../../base/reader.ts';
import { checkHomes, ExtensionBlock } from './extensionBlock.ts';

export interface NewSessionTicket {
  readonly lifetime: number;
  readonly ageAdd: number;
  readonly nonce: Uint8Array;
  readonly ticket: Uint8Array;
  readonly extensions: ExtensionBlock;
}

export function decodeNewSessionTicket(body: Uint8Array): NewSessionTicket {
  const reader = new Reader(body);
  const ticket = {
    lifetime: reader.u32(),
    ageAdd: reader.u32(),
    nonce: reader.vector(1),
    ticket: reader.vector(2, 1),
    extensions: ExtensionBlock.read(reader),
  };
  reader.end();
  checkHomes(ticket.extensions, 'new_session_ticket');
  return ticket;
}
