/** What a connection tells its driver, and the questions (ops) it asks it. */
import type { Bytes } from '../base/bytes.ts';
import type { Signer } from '../crypto/provider.ts';
import type { GroupName, SchemeName, SuiteName } from '../crypto/suites.ts';
import type { Refusal, VerifiedPeer } from '../identity/index.ts';
import type { ServerContext } from './context.ts';
import type { TlsError } from './errors.ts';

export type TlsEvent =
  /** A question; processing waits until `settle(id, answer)`. */
  | OpEvent
  /** The handshake is complete: the peer's Finished and, where there is one, its certificate are verified. */
  | { readonly type: 'handshake'; readonly negotiated: Negotiated }
  /** Plaintext, a view into a chunk that was fed: it is the reader's from now on. Never empty. */
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  /** The peer's close_notify: no data follows. Our direction stays open. */
  | { readonly type: 'end' }
  /** Fatal, once, last. */
  | { readonly type: 'error'; readonly error: TlsError };

export interface OpEvent {
  readonly type: 'op';
  readonly id: number;
  readonly op: Op;
}

export type Op =
  | {
      readonly kind: 'sign';
      readonly signer: Signer;
      readonly scheme: SchemeName;
      readonly message: Bytes;
    }
  | { readonly kind: 'verifyPeer'; readonly verifier: PeerVerifier; readonly presented: PresentedPeer }
  | { readonly kind: 'chooseContext'; readonly choose: ContextChooser; readonly hello: ClientHelloInfo };

/** `sign` → the signature; `verifyPeer` → the proof or the refusal; `chooseContext` → the context to go on with. */
export type OpAnswer = Uint8Array | VerifiedPeer | Refusal | ServerContext;

/** Decides who may be at the other end. There is no default and no way to leave it out. */
export interface PeerVerifier {
  verify(presented: PresentedPeer): VerifiedPeer | Refusal | Promise<VerifiedPeer | Refusal>;
}

/** What the peer showed. It has proved possession of the leaf's private key before the verifier is asked. */
export interface PresentedPeer {
  /** The peer's role. */
  readonly role: 'client' | 'server';
  /** DER certificates, leaf first; at least one. */
  readonly chain: readonly Uint8Array[];
  /** The name that was dialled (client) or asked for by SNI (server). */
  readonly serverName?: string;
  readonly alpn?: string;
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
  readonly helloRetried: boolean;
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
  }
}
