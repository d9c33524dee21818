/**
 * TLS 1.3 (RFC 9846) without IO: client and server, mutual authentication by default. It knows no link, no clock and no
 * promise; `peer/secure.ts` puts it over any carrier.
 *
 * Read in this order: `config`, `context` (what a side is willing to do); `connection` (the object users hold);
 * `state`, `client`, `clientOffer`, `clientFlight`, `negotiation`, `server`, `serverPsk`, `serverFlight`, `traffic` (the
 * machines); `authentication`, `credentials` (who shows what); `proofs` (what was checked, as values); `tickets/` (sessions
 * that go on); `messages/`, `schedule/`, `secrets`, `record/` (formats, keys, records); `errors`, `alert`, `limits`.
 *
 * Entries of their own, which the engine does not need: `resumption` (q2q/tls/resumption: stores and issuers of tickets,
 * external keys), `buffer` (q2q/tls/buffer: the verbs of PEP 543), and `options/` with `policy` and `signingChains`
 * (q2q/tls/options: clients by name, roots, certificates, rules).
 *
 * It speaks no other version, and has no switch that weakens a check.
 */
export type { AlertName } from './alert.ts';
export type { CertificateCodec } from './compression.ts';
export type {
  CertificateType,
  ClientCertificatePolicy,
  ConfigPolicy,
  Credential,
  TlsConfigInit,
} from './config.ts';
export { TlsConfig } from './config.ts';
export type { Phase, TlsConnection } from './connection.ts';
export type { ConnectOptions, ServerContextOptions } from './context.ts';
export { ClientContext, ServerContext } from './context.ts';
export type { TlsErrorCode } from './errors.ts';
export { TlsError } from './errors.ts';
export type {
  CertificateRequestInfo,
  ClientHelloInfo,
  ContextChooser,
  CredentialChooser,
  Negotiated,
  Op,
  OpAnswer,
  OpEvent,
  PeerVerifier,
  PresentedPeer,
  TicketEvent,
  TlsEvent,
} from './events.ts';
export { performOp } from './events.ts';
export { FRAMED_PLAINTEXT, MAX_PLAINTEXT, OUTPUT_HIGH_WATER } from './limits.ts';
export type { ExternalPsk } from './psk.ts';
export type { IssuedTicket, RedeemedTicket, TicketIssuer } from './tickets/issuer.ts';
export { SessionTicket } from './tickets/sessionTicket.ts';
export type { HeldTicket, TicketStore } from './tickets/store.ts';
