/** What the shim saw of a connection beside its own events: the runner asks about it afterwards. */
import type {
  CertificateRequestInfo,
  ClientHelloInfo,
  HeldTicket,
  PresentedPeer,
  SessionTicket,
} from '../../../src/tls/index.ts';

export class Watch {
  /** The credential that signed, by its place among the new ones. */
  selected = -1;
  readonly keyLog: string[] = [];
  hello: ClientHelloInfo | undefined;
  request: CertificateRequestInfo | undefined;
  presented: PresentedPeer | undefined;
  /** The ticket that went with our hello, if there was one. */
  held: HeldTicket | undefined;
  /** Tickets that a client showed us. */
  ticketsShown = 0;
  /** Tickets that a server gave us. */
  readonly got: SessionTicket[] = [];
  /** Handshake messages that came. */
  readonly messages: string[] = [];
}
