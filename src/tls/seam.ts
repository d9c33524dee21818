/**
 * Where tests reach in: to replay published traces byte for byte and to play a peer that breaks the rules. Internal:
 * not exported by the package, and absent in every connection a context makes for its users.
 */
import type { Bytes } from '../base/bytes.ts';
import type { CertificateOutline } from '../identity/outline.ts';
import type { Op } from './events.ts';
import type { ClientHello } from './messages/clientHello.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { State } from './state.ts';

export interface Seam {
  /** Told of every step of the state machine and what made it: a message, or the answer to an op. */
  observe?(from: State | undefined, by: HandshakeMessage | Op | undefined, to: State): void;
  /** Replaces the ClientHello before it is encoded. */
  shapeClientHello?(hello: ClientHello): ClientHello;
  /** Replaces an outgoing handshake message by any number of others. */
  rewrite?(name: HandshakeName, message: Bytes): readonly Bytes[];
  /** Reads a leaf that the identity room refuses to: the published traces use RSA-1024. */
  readLeaf?(der: Uint8Array): CertificateOutline;
  /** Makes a server put this cookie into its HelloRetryRequest and demand it back. */
  readonly retryCookie?: Bytes;
  /** Handshake messages that a server sends right after the handshake. */
  readonly afterHandshake?: readonly Bytes[];
}
