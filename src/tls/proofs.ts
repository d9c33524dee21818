/**
 * What was checked, as values. Each can only be made by the function that does the check, and the open state's
 * constructor demands them: a state machine that skips a step does not compile (lessons 1, 2, 5, 29).
 */
import { equalBytes } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { KeyKind, Scheme, SchemeName } from '../crypto/suites.ts';
import { schemeById } from '../crypto/suites.ts';
import type { CertificateOutline } from '../identity/outline.ts';
import { isRefusal, VerifiedPeer } from '../identity/proofs.ts';
import type { ClientCertificatePolicy } from './config.ts';
import { illegalParameter, TlsError, unexpectedMessage } from './errors.ts';
import type { Negotiated, OpAnswer } from './events.ts';
import type { CertificateVerify } from './messages/certificateVerify.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { ExternalPsk } from './psk.ts';
import type { EarlySchedule, HandshakeSchedule, PskKind, TrafficSecret } from './schedule/schedule.ts';

/** The key that the peer showed, in a certificate or raw; nothing about it is believed yet. */
export interface PresentedKey {
  readonly spki: Uint8Array;
  /** Undefined for kinds we do not know. */
  readonly kind: KeyKind | undefined;
  /** Absent for a raw public key. */
  readonly leaf?: CertificateOutline;
}

/** The holder of the presented key signed this handshake (RFC 9846 §4.5.2). */
export class SignatureVerified {
  readonly key: PresentedKey;
  readonly scheme: Scheme;
  readonly #proof = true;

  private constructor(key: PresentedKey, scheme: Scheme) {
    this.key = key;
    this.scheme = scheme;
  }

  /** `content` is what must have been signed; `accepted` the schemes we offered. */
  static check(
    provider: CryptoProvider,
    accepted: readonly Scheme[],
    key: PresentedKey,
    content: Uint8Array,
    { scheme: id, signature }: CertificateVerify,
  ): SignatureVerified {
    const scheme = schemeById(id);
    if (scheme === undefined || scheme.certificateOnly || !accepted.includes(scheme))
      throw illegalParameter(`CertificateVerify with scheme 0x${id.toString(16)}, never offered`);
    // The scheme must be one for the key that was shown, not merely one that was offered (lesson 3).
    if (scheme.key !== key.kind)
      throw illegalParameter(`CertificateVerify with ${scheme.name} under a ${key.kind ?? 'strange'} key`);
    // RFC 9846 §4.5.1.2. Verifiers check it too, but this is about TLS: a key that must not sign proves nothing by signing.
    if (key.leaf?.keyUsage !== undefined && !key.leaf.keyUsage.has('digitalSignature'))
      throw new TlsError('ERR_TLS_CERTIFICATE', 'the key usage of the leaf certificate forbids signing', {
        alert: 'unsupported_certificate',
      });
    if (!provider.verify(scheme.name, key.spki, content, signature))
      throw new TlsError(
        'ERR_TLS_SIGNATURE',
        'CertificateVerify does not match the certificate and handshake',
      );
    return new SignatureVerified(key, scheme);
  }

  static isProof(value: object): boolean {
    return #proof in value;
  }
}

/** The verifier accepted what was shown, and it spoke about the very key that signed. */
export class IdentityVerified {
  readonly peer: VerifiedPeer;
  readonly #proof = true;

  private constructor(peer: VerifiedPeer) {
    this.peer = peer;
  }

  /** Everything but a genuine proof about this key is a failure, whatever the answer is (architecture §10.1). */
  static check(answer: OpAnswer | Error, { leaf, spki }: PresentedKey): IdentityVerified {
    if (isRefusal(answer))
      throw new TlsError('ERR_TLS_PEER_REFUSED', `peer refused: ${answer.message}`, {
        cause: answer,
        alert: answer.alert,
        ...(answer.hint !== undefined && { hint: answer.hint }),
      });
    if (answer instanceof Error)
      throw new TlsError('ERR_TLS_OP', `verifier failed: ${answer.message}`, { cause: answer });
    if (!VerifiedPeer.isProof(answer))
      throw new TlsError('ERR_TLS_OP', 'verifier answered with neither a VerifiedPeer nor a Refusal');
    const same =
      leaf === undefined || answer.leaf === undefined
        ? leaf === answer.leaf && equalBytes(answer.spki, spki)
        : equalBytes(answer.leaf.der, leaf.der);
    if (!same)
      throw new TlsError('ERR_TLS_OP', 'verifier answered about another certificate than the one presented');
    return new IdentityVerified(answer);
  }

  static isProof(value: object): boolean {
    return #proof in value;
  }
}

/** Who the peer is: both proofs about one key. */
export class Authenticated {
  readonly identity: IdentityVerified;
  readonly signature: SignatureVerified;

  constructor(identity: IdentityVerified, signature: SignatureVerified) {
    this.identity = identity;
    this.signature = signature;
  }
}

/** A client that showed no certificate to a server whose policy allows it. There is none for servers. */
export class Anonymous {
  readonly #proof = true;

  private constructor() {}

  static allowedBy(policy: ClientCertificatePolicy): Anonymous {
    if (policy === 'require')
      throw new TlsError('ERR_TLS_CERTIFICATE_REQUIRED', 'client shows no certificate, wanted one');
    return new Anonymous();
  }

  static isProof(value: object): boolean {
    return #proof in value;
  }
}

/** The other side holds a pre-shared key: one that an earlier handshake left to both, or an external one. */
export class PskHeld {
  readonly kind: PskKind;
  readonly #proof = true;

  private constructor(kind: PskKind) {
    this.kind = kind;
  }

  /** Servers: the binder covers the ClientHello, and only the key's holder can make it (§4.3.11.2, lesson 22). */
  static byBinder(
    schedule: EarlySchedule,
    kind: PskKind,
    transcript: Uint8Array,
    binder: Uint8Array,
  ): PskHeld {
    if (!schedule.isBinder(kind, transcript, binder))
      throw new TlsError('ERR_TLS_FINISHED', 'binder does not match the pre-shared key and the ClientHello');
    return new PskHeld(kind);
  }

  /** Clients: the server goes on with this key. Its Finished, made under keys out of it, completes the proof. */
  static bySchedule(schedule: HandshakeSchedule, kind: PskKind): PskHeld {
    if (!schedule.isFromPsk) throw new TypeError('the schedule comes from no pre-shared key');
    return new PskHeld(kind);
  }

  static isProof(value: object): boolean {
    return #proof in value;
  }
}

/** Whom a pre-shared key stands for: who was verified, again, for a resumed session; the key itself if external. */
export class PskPeer {
  readonly held: PskHeld;
  readonly whom: IdentityVerified | Anonymous | ExternalPsk;
  /** The scheme of the signature in the handshake that is resumed. */
  readonly scheme: SchemeName | undefined;

  constructor(held: PskHeld, whom: IdentityVerified | Anonymous | ExternalPsk, scheme?: SchemeName) {
    this.held = held;
    this.whom = whom;
    this.scheme = scheme;
  }
}

export type PeerProof = Authenticated | Anonymous | PskPeer;

/** What is known of the peer once it is proved. */
export type PeerFacts = Pick<Negotiated, 'peer' | 'peerScheme' | 'psk'>;

export function factsOf(proof: PeerProof): PeerFacts {
  if (proof instanceof Authenticated)
    return { peer: proof.identity.peer, peerScheme: proof.signature.scheme.name };
  if (!(proof instanceof PskPeer)) return {};
  const { whom, scheme } = proof;
  if (whom instanceof IdentityVerified) return { peer: whom.peer, ...(scheme && { peerScheme: scheme }) };
  return whom instanceof Anonymous ? {} : { psk: { identity: whom.identity } };
}

/** For callers without types. */
export function isPeerProof(value: PeerProof): boolean {
  if (value instanceof PskPeer) return PskHeld.isProof(value.held) && standsFor(value.held, value.whom);
  if (!(value instanceof Authenticated)) return Anonymous.isProof(value);
  return IdentityVerified.isProof(value.identity) && SignatureVerified.isProof(value.signature);
}

/** An external key stands for itself; for a session's peer there is a proof of its own. */
function standsFor({ kind }: PskHeld, whom: PskPeer['whom']): boolean {
  return kind === 'resumption'
    ? IdentityVerified.isProof(whom) || Anonymous.isProof(whom)
    : 'identity' in whom;
}

/** The peer's Finished covers the handshake as we saw it (§4.5.3). */
export class FinishedVerified {
  readonly #proof = true;

  private constructor() {}

  static check(secret: TrafficSecret, transcript: Uint8Array, verifyData: Uint8Array): FinishedVerified {
    // A wrong length is wrong content as well: one answer to everything that is not the one right value.
    if (!secret.isFinished(transcript, verifyData))
      throw new TlsError('ERR_TLS_FINISHED', 'Finished does not match the handshake');
    return new FinishedVerified();
  }

  static isProof(value: object): boolean {
    return #proof in value;
  }
}

/** Nothing stands behind a message in its record, so that no byte crosses a change of keys (§5.1, CVE-2025-61730). */
export class RecordAligned {
  readonly #proof = true;

  private constructor() {}

  static check(message: HandshakeMessage): RecordAligned {
    if (!message.endsRecord)
      throw unexpectedMessage(`bytes follow ${message.name} in its record, across a change of keys`);
    return new RecordAligned();
  }

  static isProof(value: object): boolean {
    return #proof in value;
  }
}
