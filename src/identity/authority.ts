/** A domain's certificate authority: one root key, users and servers below it. */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { parseSpki } from '../crypto/spki.ts';
import { parseDomain, parseUser } from './address.ts';
import { verifySignature } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { IdentityError } from './errors.ts';
import {
  BACKDATE,
  issueRoot,
  issueServerLeaf,
  issueUserLeaf,
  type LeafRequest,
  MAX_SERVER_LIFETIME,
  MAX_USER_LIFETIME,
  wholeSecond,
} from './issue.ts';
import { isSelfIssued } from './rules.ts';
import { parseCertificate } from './x509.ts';

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
  /** Milliseconds; at most 90 days, which is also the default. */
  readonly lifetime?: number;
}

export class DomainAuthority {
  readonly domain: string;
  readonly root: Certificate;
  /** SHA-256 of the root's SubjectPublicKeyInfo: what an invite carries. */
  readonly rootPin: Bytes;
  readonly #provider: CryptoProvider;
  readonly #key: PrivateKey;

  private constructor(provider: CryptoProvider, domain: string, root: Certificate, key: PrivateKey) {
    this.#provider = provider;
    this.#key = key;
    this.domain = domain;
    this.root = root;
    this.rootPin = sha256(root.spki);
  }

  /** A new domain with a fresh root key: Ed25519, or P-256 where the members' software wants it. */
  static create(
    provider: CryptoProvider,
    domain: string,
    now: number,
    kind: 'ed25519' | 'p256' = 'ed25519',
  ): DomainAuthority {
    const name = parseDomain(domain);
    const key = provider.generateKey(kind);
    return new DomainAuthority(provider, name, parseCertificate(issueRoot(provider, key, name, now)), key);
  }

  /** What `create` made, from the store. Throws `ERR_IDENTITY_MISMATCH` when the two are not a pair. */
  static load(
    provider: CryptoProvider,
    stored: { readonly rootCertificate: Uint8Array; readonly rootKey: PrivateKey },
  ): DomainAuthority {
    const root = parseCertificate(stored.rootCertificate);
    const { signatureAlgorithm, tbs, signature, spki, nameConstraints } = root;
    if (!equalBytes(spki, stored.rootKey.spki))
      throw new IdentityError(
        'ERR_IDENTITY_MISMATCH',
        'root certificate and root key do not belong together',
      );
    const domain = nameConstraints?.permitted.email[0];
    if (!root.isCa || !isSelfIssued(root) || root.ski === undefined || domain === undefined)
      throw new IdentityError('ERR_IDENTITY_MISMATCH', 'certificate is not the root of a q2q domain');
    if (!verifySignature(signatureAlgorithm, spki, tbs, signature, provider))
      throw new IdentityError('ERR_IDENTITY_MISMATCH', 'root certificate is not signed by its own key');
    return new DomainAuthority(provider, parseDomain(domain), root, stored.rootKey);
  }

  /** For the store that keeps it; `writePrivateKey` makes PEM of it. */
  get rootKey(): PrivateKey {
    return this.#key;
  }

  /** A leaf for `user@domain`: the chain to hand back, leaf first, root left out. */
  issueUser(request: UserRequest): readonly Bytes[] {
    const leaf = issueUserLeaf(this.#issuer(), {
      ...this.#validity(request, MAX_USER_LIFETIME),
      user: parseUser(request.user),
      domain: this.domain,
      ...(request.device === undefined ? {} : { device: request.device }),
    });
    return Object.freeze([leaf]);
  }

  /** A leaf for the domain's own servers and relays. */
  issueServer(request: ServerRequest): readonly Bytes[] {
    const leaf = issueServerLeaf(this.#issuer(), {
      ...this.#validity(request, MAX_SERVER_LIFETIME),
      domain: this.domain,
    });
    return Object.freeze([leaf]);
  }

  #issuer(): Parameters<typeof issueUserLeaf>[0] {
    return { certificate: this.root, key: this.#key, provider: this.#provider };
  }

  /** Backdated by a minute, never past the root's own end. */
  #validity(request: ServerRequest, longest: number): LeafRequest {
    const { now, lifetime = longest } = request;
    if (!(lifetime > 0 && lifetime <= longest))
      throw refused(`lifetime of ${lifetime} ms, at most ${longest} ms are allowed`);
    const spki = new Uint8Array(request.spki);
    if (parseSpki(spki) === undefined) throw refused('the key is too weak or of an unknown kind');
    if (equalBytes(spki, this.root.spki)) throw refused("the key is the root's own");
    const notAfter = Math.min(wholeSecond(now + lifetime), this.root.notAfter);
    if (now < this.root.notBefore || notAfter <= now)
      throw refused('the root of the domain is not valid now', 'look at the clock, or roll the root');
    return { spki, notBefore: now - BACKDATE, notAfter };
  }
}

function refused(message: string, hint?: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_ISSUE', message, { hint });
}
