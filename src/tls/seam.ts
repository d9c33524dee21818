/**
 * Where tests reach in: to replay published traces byte for byte and to play a peer that breaks the rules. Internal:
 * not exported by the package, and absent in every connection a context makes for its users.
 */
import type { Bytes } from '../base/bytes.ts';
import type { ClientHello } from './messages/clientHello.ts';
import type { HandshakeName } from './messages/codePoints.ts';

export interface Seam {
  /** Replaces the ClientHello before it is encoded. */
  shapeClientHello?(hello: ClientHello): ClientHello;
  /** Replaces an outgoing handshake message by any number of others. */
  rewrite?(name: HandshakeName, message: Bytes): readonly Bytes[];
  /** Makes a server put this cookie into its HelloRetryRequest and demand it back. */
  readonly retryCookie?: Bytes;
  /** Handshake messages that a server sends right after the handshake. */
  readonly afterHandshake?: readonly Bytes[];
}
