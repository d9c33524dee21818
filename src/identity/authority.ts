import type { Bytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import type { Certificate } from './certificate.ts';
export interface UserRequest {
  /** From a request whose proof of possession was checked (`parseCsr`). */
  readonly spki: Uint8Array;
  readonly user: string;
  readonly device?: string;
  readonly now: number;
  /** Milliseconds; at most 7 days, which is also the default. */
  readonly lifetime?: number;
}
export interface ServerRequest {
  readonly spki: Uint8Array;
  readonly now: number;
  readonly lifetime?: number;
}
export class DomainAuthority {
  readonly domain: string;
  readonly root: Certificate;
  /** SHA-256 of the root's SubjectPublicKeyInfo: what an invite carries. */
  readonly rootPin: Bytes;
  /** For the store that keeps it; `writePrivateKey` makes PEM of it. */
  readonly rootKey: PrivateKey;
  private constructor(
    _provider: CryptoProvider,
    root: Certificate,
    rootKey: PrivateKey,
    domain: string,
    pin: Bytes,
  ) {
    this.domain = domain;
    this.root = root;
    this.rootKey = rootKey;
    this.rootPin = pin;
  }
  static create(_provider: CryptoProvider, _domain: string, _now: number): DomainAuthority {
    throw new Error('lands next');
  }
  static load(
    _provider: CryptoProvider,
    _stored: { readonly rootCertificate: Uint8Array; readonly rootKey: PrivateKey },
  ): DomainAuthority {
    throw new Error('lands next');
  }
  /** The chain to hand back: leaf first, root left out. */
  issueUser(_request: UserRequest): readonly Bytes[] {
    throw new Error('lands next');
  }
  issueServer(_request: ServerRequest): readonly Bytes[] {
    throw new Error('lands next');
  }
}
