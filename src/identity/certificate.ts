/**
 * What a parsed certificate looks like (RFC 5280 §4). Data only: `x509.ts` makes it, everything else reads
 * it.
 */
import type { Bytes } from '../base/bytes.ts';
import type { HashName, KeyKind } from '../crypto/suites.ts';

export interface Certificate {
  readonly der: Bytes;
  /** Version 1 has no extensions: it names nobody and cannot be a CA. */
  readonly version: 1 | 3;
  /** The signed part, as it was signed. */
  readonly tbs: Bytes;
  /** Content octets of the INTEGER: big-endian, never negative, at most 20; zero only in old roots. */
  readonly serial: Bytes;
  /**
   * DER of the issuer's Name. Names are compared byte for byte: both ends of q2q are ours, and folding
   * invites tricks.
   */
  readonly issuer: Bytes;
  /** DER of the subject's Name; an empty SEQUENCE for user leaves. */
  readonly subject: Bytes;
  /** Milliseconds since the epoch; `notAfter` is the last valid second's start. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Bytes;
  /** Undefined for a key no provider verifies with (DSA, P-192, explicit curves, …). */
  readonly keyKind: KeyKind | undefined;
  /** Modulus bits of RSA, field bits otherwise; 0 when unknown. */
  readonly keyBits: number;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Bytes;

  readonly names: CertificateNames;
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  /** Dotted object identifiers. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  readonly ski: Bytes | undefined;
  readonly aki: AuthorityKeyId | undefined;
  /** Every extension in order, for rules about criticality and for printing. */
  readonly extensions: readonly Extension[];
  /** Object identifiers of critical extensions this parser does not process: the path must refuse them. */
  readonly unknownCritical: readonly string[];
}

/** How a certificate is signed. Which scheme that is depends on the issuer's key as well. */
export interface SignatureAlgorithm {
  readonly oid: string;
  /**
   * Undefined for an algorithm that is unknown or too weak (SHA-1, MD5, DSA): such a signature proves
   * nothing.
   */
  readonly family: 'ed25519' | 'ecdsa' | 'rsa-pkcs1' | 'rsa-pss' | undefined;
  readonly hash: HashName | undefined;
}

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Bytes;
}

/** The subject alternative names by kind (§4.2.1.6), spelled as in the certificate. */
export interface CertificateNames {
  readonly dns: readonly string[];
  /** 4 or 16 bytes each. */
  readonly ip: readonly Bytes[];
  readonly email: readonly string[];
  readonly uri: readonly string[];
  /** DER Names. */
  readonly directory: readonly Bytes[];
  /** Context tags of kinds we do not process (otherName, x400Address, ediPartyName, registeredID). */
  readonly other: readonly number[];
  /** Those of them that are mailboxes outside ASCII (SmtpUTF8Mailbox, RFC 9598 §3), as found. */
  readonly utf8Email: readonly Bytes[];
}

export type KeyUsage =
  | 'digitalSignature'
  | 'contentCommitment'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly';

export interface AuthorityKeyId {
  readonly keyId: Bytes | undefined;
  readonly hasIssuerAndSerial: boolean;
}

export interface NameConstraints {
  readonly permitted: Subtrees;
  readonly excluded: Subtrees;
}

/** The bases of GeneralSubtrees by kind (§4.2.1.10), hosts in lower case. */
export interface Subtrees {
  readonly dns: readonly string[];
  readonly ip: readonly IpRange[];
  readonly email: readonly string[];
  readonly uri: readonly string[];
  readonly directory: readonly Bytes[];
  readonly other: readonly number[];
}

export interface IpRange {
  readonly address: Bytes;
  readonly mask: Bytes;
}
