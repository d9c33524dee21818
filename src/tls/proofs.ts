/**
 * What was checked, as values. Each can only be made by the function that does the check, and the open state's
 * constructor demands them: a state machine that skips a step does not compile (lessons 1, 2, 5, 29).
 */
import { equalBytes } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Scheme } from '../crypto/suites.ts';
import { schemeById } from '../crypto/suites.ts';
import type { Certificate } from '../identity/index.ts';
import { Refusal, VerifiedPeer } from '../identity/index.ts';
import type { ClientCertificatePolicy } from './config.ts';
import { illegalParameter, TlsError, unexpectedMessage } from './errors.ts';
import type { OpAnswer } from './events.ts';
import type { CertificateVerify } from './messages/certificateVerify.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { TrafficSecret } from './schedule/schedule.ts';

/** The holder of the leaf's key signed this handshake (RFC 9846 §4.5.2). */
export class SignatureVerified {
  readonly leaf: Certificate;
  readonly scheme: Scheme;
  readonly #proof = true;

  private constructor(leaf: Certificate, scheme: Scheme) {
    this.leaf = leaf;
    this.scheme = scheme;
  }

  /** `content` is what must have been signed; `accepted` the schemes we offered. */
  static check(
    provider: CryptoProvider,
    accepted: readonly Scheme[],
    leaf: Certificate,
    content: Uint8Array,
    { scheme: id, signature }: CertificateVerify,
  ): SignatureVerified {
    const scheme = schemeById(id);
    if (scheme === undefined || scheme.certificateOnly || !accepted.includes(scheme))
      throw illegalParameter(`CertificateVerify with scheme 0x${id.toString(16)}, never offered`);
    // The scheme must be one for the key in the certificate, not merely one that was offered (lesson 3).
    if (scheme.key !== leaf.keyKind)
      throw illegalParameter(
        `CertificateVerify with ${scheme.name} under a ${leaf.keyKind ?? 'strange'} key`,
      );
    // RFC 9846 §4.5.1.2. Verifiers check it too, but this is about TLS: a key that must not sign proves nothing by signing.
    if (leaf.keyUsage !== undefined && !leaf.keyUsage.has('digitalSignature'))
      throw new TlsError('ERR_TLS_CERTIFICATE', 'the key usage of the leaf certificate forbids signing', {
        alert: 'unsupported_certificate',
      });
    if (!provider.verify(scheme.name, leaf.spki, content, signature))
      throw new TlsError(
        'ERR_TLS_SIGNATURE',
        'CertificateVerify does not match the certificate and handshake',
      );
    return new SignatureVerified(leaf, scheme);
  }

  static isProof(value: object): boolean {
    return #proof in value;
  }
}

/** The verifier accepted the certificates, and it spoke about the very leaf whose key signed. */
export class IdentityVerified {
  readonly peer: VerifiedPeer;
  readonly #proof = true;

  private constructor(peer: VerifiedPeer) {
    this.peer = peer;
  }

  /** Everything but a genuine proof about this leaf is a failure, whatever the answer is (architecture §10.1). */
  static check(answer: OpAnswer | Error, signature: SignatureVerified): IdentityVerified {
    if (answer instanceof Refusal)
      throw new TlsError('ERR_TLS_PEER_REFUSED', `peer refused: ${answer.message}`, {
        cause: answer,
        alert: answer.alert,
        ...(answer.hint !== undefined && { hint: answer.hint }),
      });
    if (answer instanceof Error)
      throw new TlsError('ERR_TLS_OP', `verifier failed: ${answer.message}`, { cause: answer });
    if (!VerifiedPeer.isProof(answer))
      throw new TlsError('ERR_TLS_OP', 'verifier answered with neither a VerifiedPeer nor a Refusal');
    if (answer.leaf === undefined || !equalBytes(answer.leaf.der, signature.leaf.der))
      throw new TlsError('ERR_TLS_OP', 'verifier answered about another certificate than the one presented');
    return new IdentityVerified(answer);
  }

  static isProof(value: object): boolean {
    return #proof in value;
  }
}

/** Who the peer is: both proofs about one leaf. */
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

export type PeerProof = Authenticated | Anonymous;

/** For callers without types. */
export function isPeerProof(value: PeerProof): boolean {
  if (!(value instanceof Authenticated)) return Anonymous.isProof(value);
  return IdentityVerified.isProof(value.identity) && SignatureVerified.isProof(value.signature);
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
