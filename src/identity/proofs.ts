/**
 * Proof values. A `VerifiedPeer` exists only because a chain was verified: its constructor is closed, and the
 * function that opens it is imported by the verifier alone and not exported by the package.
 */
import type { Bytes } from '../base/bytes.ts';
import { isQ2qError } from '../base/errors.ts';
import type { Certificate } from './certificate.ts';
import type { Refusal } from './errors.ts';
import type { DomainAnchors } from './trust.ts';

/**
 * How sure we are of the name, strongest first: `verified` was compared by people; `pinned` is a key we were
 * told to expect; `domain` is vouched for by the domain's root; `tofu` by a root seen before; `key` says only
 * "same key".
 */
export type Assurance = 'verified' | 'pinned' | 'domain' | 'tofu' | 'key' | 'anonymous';

export interface PeerIdentity {
  /** `alice@example.org`, for an enrolled user. */
  readonly name?: string;
  /** `example.org`, for an enrolled user and for the domain's servers. */
  readonly domain?: string;
  /** The device label of the leaf's `q2q:` URI. */
  readonly device?: string;
  /** 56 characters; always there, and the only name of a key peer. */
  readonly keyId: string;
  /** Key id of the user's own CA, where one signed the leaf. */
  readonly userCa?: string;
  /** Key id of the CA that the same user had before, where that one answers for the new. */
  readonly userCaBefore?: string;
  readonly assurance: Assurance;
  /** When this proof ends: the earliest notAfter on the path; `NEVER` for a raw key. */
  readonly expiresAt: number;
}

/** The last millisecond that a Date holds, so that it prints. */
export const NEVER = 8.64e15;

/** What was shown: a path of certificates, or nothing but a key. */
type Shown = { readonly chain: readonly Certificate[] } | { readonly rawKey: Bytes };

/** Filled in below by the class itself, which alone may call its constructor. */
let make: (identity: PeerIdentity, shown: Shown, anchors: DomainAnchors | undefined) => VerifiedPeer;
const MAKER = Symbol('q2q.verifier');

export class VerifiedPeer {
  readonly identity: PeerIdentity;
  /** DER SubjectPublicKeyInfo of the key that was verified: the leaf's, or the raw key itself. */
  readonly spki: Bytes;
  /** Absent for a raw key (RFC 7250), which nobody has signed. */
  readonly leaf: Certificate | undefined;
  /** The path that was verified, leaf first, its anchor last. A key peer's is its leaf, a raw key's is empty. */
  readonly chain: readonly Certificate[];
  /** The domain's root, when an invite's pin authenticated it: what enrolment stores. */
  readonly anchors: DomainAnchors | undefined;
  /** Makes the class nominal: no object literal passes for a proof, nor does a forged prototype. */
  readonly #proof = true;

  private constructor(
    maker: symbol,
    identity: PeerIdentity,
    shown: Shown,
    anchors: DomainAnchors | undefined,
  ) {
    if (maker !== MAKER) throw new TypeError('a VerifiedPeer is made by verifying a chain');
    this.identity = Object.freeze(identity);
    const chain = 'chain' in shown ? shown.chain : [];
    this.spki = 'chain' in shown ? chain[0]!.spki : shown.rawKey;
    this.leaf = chain[0];
    this.chain = Object.freeze([...chain]);
    this.anchors = anchors;
    Object.freeze(this);
  }

  static {
    make = (identity, shown, anchors) => new VerifiedPeer(MAKER, identity, shown, anchors);
  }

  /** True only for values made here: `instanceof` can be fooled by a prototype. */
  static isProof(value: unknown): value is VerifiedPeer {
    return typeof value === 'object' && value !== null && #proof in value && value.#proof;
  }
}

/** The other answer of a verifier, told by what only it says: to ask, nobody has to load the table of its codes. */
export function isRefusal(value: unknown): value is Refusal {
  return isQ2qError(value) && 'certIndex' in value;
}

/** Makes the proof. Only the verifier and `pins.ts` may import this; the package does not export it. */
export function provePeer(
  identity: PeerIdentity,
  chain: readonly Certificate[],
  anchors?: DomainAnchors,
): VerifiedPeer {
  return make(identity, { chain }, anchors);
}

/** The same for a key without a certificate. Only `rawKey.ts` may import this. */
export function proveRawKey(identity: PeerIdentity, spki: Bytes): VerifiedPeer {
  return make(identity, { rawKey: spki }, undefined);
}
