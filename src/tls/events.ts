/** What a connection tells its driver, and the questions (ops) it asks it. */
import type { Bytes } from '../base/bytes.ts';
import type { Secret } from '../base/secret.ts';
import type { Signer } from '../crypto/provider.ts';
import type { GroupName, SchemeName, SuiteName } from '../crypto/suites.ts';
import type { Refusal, VerifiedPeer } from '../identity/index.ts';
import type { CertificateCodec } from './compression.ts';
import type { Credential } from './config.ts';
import type { ServerContext } from './context.ts';
import type { TlsError } from './errors.ts';
import type { IssuedTicket, RedeemedTicket, TicketIssuer } from './tickets/issuer.ts';
import type { SessionTicket } from './tickets/sessionTicket.ts';
import type { TicketStore } from './tickets/store.ts';

export type TlsEvent =
  /** A question; processing waits until `settle(id, answer)`, unless the op is `issueTicket`. */
  | OpEvent
  /**
   * Servers: bytes that the client sent before the handshake (0-RTT). They come from the peer of the resumed session,
   * who was verified again; whoever recorded them may have sent them once before (RFC 9846 §8).
   */
  | { readonly type: 'earlyData'; readonly bytes: Uint8Array }
  /** The handshake is complete: the peer's Finished and, where there is one, its certificate are verified. */
  | { readonly type: 'handshake'; readonly negotiated: Negotiated }
  /** Plaintext, a view into a chunk that was fed: it is the reader's from now on. Never empty. */
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  /** Clients: a ticket to resume with; `store.put(key, ticket)` keeps it. Whoever does not, resumes nothing. */
  | TicketEvent
  /** The peer's close_notify: no data follows. Our direction stays open. */
  | { readonly type: 'end' }
  /** Fatal, once, last. */
  | { readonly type: 'error'; readonly error: TlsError };

export interface OpEvent {
  readonly type: 'op';
  readonly id: number;
  readonly op: Op;
}

export interface TicketEvent {
  readonly type: 'ticket';
  readonly store: TicketStore;
  readonly key: string;
  readonly ticket: SessionTicket;
}

export type Op =
  | {
      readonly kind: 'sign';
      readonly signer: Signer;
      readonly scheme: SchemeName;
      readonly message: Bytes;
    }
  | { readonly kind: 'verifyPeer'; readonly verifier: PeerVerifier; readonly presented: PresentedPeer }
  | { readonly kind: 'chooseContext'; readonly choose: ContextChooser; readonly hello: ClientHelloInfo }
  | {
      readonly kind: 'chooseCredential';
      readonly choose: CredentialChooser;
      readonly request: CertificateRequestInfo;
    }
  | { readonly kind: 'redeemTicket'; readonly issuer: TicketIssuer; readonly ticket: Bytes }
  /** Nothing waits for it, and a failure costs the ticket only. */
  | { readonly kind: 'issueTicket'; readonly issuer: TicketIssuer; readonly state: Secret }
  | { readonly kind: 'compress'; readonly codec: CertificateCodec; readonly message: Bytes }
  | {
      readonly kind: 'decompress';
      readonly codec: CertificateCodec;
      readonly compressed: Bytes;
      readonly length: number;
    };

/**
 * `sign` → the signature; `verifyPeer` → the proof or the refusal; `chooseContext` → the context to go on with;
 * `chooseCredential` → the credential or undefined; `redeemTicket` → its content or undefined; `issueTicket` → the
 * ticket; `compress`, `decompress` → bytes.
 */
export type OpAnswer =
  | Uint8Array
  | VerifiedPeer
  | Refusal
  | ServerContext
  | Credential
  | RedeemedTicket
  | IssuedTicket
  | undefined;

/** Decides who may be at the other end. There is no default and no way to leave it out. */
export interface PeerVerifier {
  verify(presented: PresentedPeer): VerifiedPeer | Refusal | Promise<VerifiedPeer | Refusal>;
}

/**
 * What the peer showed. It has proved possession of the private key before the verifier is asked, or, when `resumed`,
 * of the secret that the handshake with that key left behind: the verifier is asked at every resumption, too.
 */
export interface PresentedPeer {
  /** The peer's role. */
  readonly role: 'client' | 'server';
  /** DER certificates, leaf first; empty when the peer shows a raw public key. */
  readonly chain: readonly Uint8Array[];
  /** DER SubjectPublicKeyInfo, shown in place of a certificate (RFC 7250): it says nothing but itself. */
  readonly rawKey?: Uint8Array;
  /** The name that was dialled (client) or asked for by SNI (server). */
  readonly serverName?: string;
  readonly alpn?: string;
  /** DER OCSPResponse and SignedCertificateTimestampList about the leaf, if we asked and the peer has them. */
  readonly ocsp?: Uint8Array;
  readonly scts?: Uint8Array;
  readonly resumed: boolean;
}

/** Picks the credential to show, now or later; undefined shows none. */
export type CredentialChooser = (
  request: CertificateRequestInfo,
) => Credential | undefined | Promise<Credential | undefined>;

/** What the server says of the certificates it accepts. */
export interface CertificateRequestInfo {
  readonly schemes: readonly SchemeName[];
  /** DER Names; empty when it names none. */
  readonly authorities: readonly Uint8Array[];
}

/** Picks another context by what the client asks for (SNI, ALPN), now or later. The original is never touched. */
export type ContextChooser = (hello: ClientHelloInfo) => ServerContext | Promise<ServerContext>;

/** The parts of a ClientHello that a context may be chosen by. Unauthenticated: anybody can send them. */
export interface ClientHelloInfo {
  readonly serverName?: string;
  readonly alpn: readonly string[];
  readonly suites: readonly SuiteName[];
  readonly groups: readonly GroupName[];
  readonly schemes: readonly SchemeName[];
}

/** What both sides agreed on; frozen. */
export interface Negotiated {
  /** Always: nothing else is spoken. */
  readonly version: 'TLSv1.3';
  readonly role: 'client' | 'server';
  readonly suite: SuiteName;
  readonly group: GroupName;
  readonly alpn?: string;
  /** The name the client asked for (SNI). */
  readonly serverName?: string;
  /** Absent when the peer showed no certificate: only possible for a client, and only where the server allows it. */
  readonly peer?: VerifiedPeer;
  /** The scheme of the peer's signature. */
  readonly peerScheme?: SchemeName;
  /** The scheme of our own; absent when we showed no certificate. */
  readonly localScheme?: SchemeName;
  /** The certificates that we showed in this handshake, DER, leaf first; empty for a raw public key. The peer's are `peer`'s. */
  readonly localChain?: readonly Uint8Array[];
  readonly helloRetried: boolean;
  /** A session of an earlier handshake goes on: the peer's certificates are the ones it showed there. */
  readonly resumed: boolean;
  readonly earlyData: 'none' | 'accepted' | 'rejected';
  /** Servers that resumed: milliseconds by which the client thinks its ticket older than it is. */
  readonly ticketAgeSkew?: number;
  /** The external key that authenticated both sides in place of certificates. */
  readonly psk?: { readonly identity: Uint8Array };
}

/** The plain answer to an op: asks the signer, the verifier or the chooser it carries. May throw what they throw. */
export function performOp(op: Op): OpAnswer | Promise<OpAnswer> {
  switch (op.kind) {
    case 'sign':
      return op.signer.sign(op.scheme, op.message);
    case 'verifyPeer':
      return op.verifier.verify(op.presented);
    case 'chooseContext':
      return op.choose(op.hello);
    case 'chooseCredential':
      return op.choose(op.request);
    case 'redeemTicket':
      return op.issuer.redeem(op.ticket);
    case 'issueTicket':
      return op.issuer.issue(op.state.expose() as Bytes);
    case 'compress':
      return op.codec.compress(op.message);
    case 'decompress':
      return op.codec.decompress(op.compressed, op.length);
  }
}
