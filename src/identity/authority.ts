/**
 * A domain's certificate authority: users, their own CAs and servers below one root, or below two while the root is changed.
 *
 * A roll is four steps of the domain's service: `roll` makes a second root whose key the old one certifies (the handover);
 * from then on the new root signs, and every chain carries the handover, so that peers who hold only the old root still
 * verify; bundles tell them of the new root; `retire` lets the old one go. Handovers stay in the bundles afterwards: a peer
 * that was away for the whole roll finds its way from the root it holds to the one that signs today.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { parseDomain, parseUser } from './address.ts';
import { verifySignature } from './algorithms.ts';
import { type DeniedCertificateEntry, type DeniedKeyEntry, signBundle } from './bundle.ts';
import type { Certificate } from './certificate.ts';
import { IdentityError } from './errors.ts';
import {
  DAY,
  grantable,
  type Issuer,
  issueHandover,
  issueRoot,
  issueServerLeaf,
  issueUserCa,
  issueUserLeaf,
  MAX_SERVER_LIFETIME,
  MAX_USER_CA_LIFETIME,
  MAX_USER_LIFETIME,
  notIssued,
} from './issue.ts';
import { MAX_BUNDLE_HANDOVERS } from './limits.ts';
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

export interface UserCaRequest {
  readonly spki: Uint8Array;
  readonly user: string;
  readonly now: number;
  /** Milliseconds; at most a year, which is also the default. */
  readonly lifetime?: number;
}

export interface ServerRequest {
  readonly spki: Uint8Array;
  readonly now: number;
  /** Milliseconds; at most 90 days, which is also the default. */
  readonly lifetime?: number;
}

export interface BundleRequest {
  /** Higher than that of every bundle before, even of one that says the same. */
  readonly sequence: number;
  readonly now: number;
  readonly deniedKeys?: readonly DeniedKeyEntry[];
  readonly deniedCertificates?: readonly DeniedCertificateEntry[];
  /** Milliseconds; at most a year, 30 days unless said. */
  readonly lifetime?: number;
  /** Milliseconds; a day unless said. */
  readonly refreshAfter?: number;
  /** The last bundle there will be: no roots, so that whoever accepts it refuses everybody of the domain from then on. */
  readonly closes?: boolean;
}

const BUNDLE_LIFETIME = 30 * DAY;
const MAX_BUNDLE_LIFETIME = 365 * DAY;

/** One root with its key, as stored. */
export interface StoredRoot {
  readonly certificate: Uint8Array;
  readonly key: PrivateKey;
}

/** What a store gives back: every root, newest first, or the only one. */
export type StoredAuthority =
  | { readonly rootCertificate: Uint8Array; readonly rootKey: PrivateKey }
  | { readonly roots: readonly StoredRoot[]; readonly handovers?: readonly Uint8Array[] };

interface Root {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
}

export class DomainAuthority {
  readonly domain: string;
  /** Newest first: the first signs, a second is on its way out. */
  readonly roots: readonly Certificate[];
  /** Keys of later roots certified by earlier ones, newest first; they outlive the earlier roots' retirement. */
  readonly handovers: readonly Certificate[];
  /** SHA-256 of the newest root's SubjectPublicKeyInfo: what an invite carries. */
  readonly rootPin: Bytes;
  readonly #provider: CryptoProvider;
  readonly #roots: readonly Root[];

  private constructor(
    provider: CryptoProvider,
    domain: string,
    roots: readonly Root[],
    handovers: readonly Certificate[],
  ) {
    this.#provider = provider;
    this.#roots = roots;
    this.domain = domain;
    this.roots = Object.freeze(roots.map(({ certificate }) => certificate));
    this.handovers = Object.freeze([...handovers]);
    this.rootPin = sha256(this.root.spki);
  }

  /** A new domain with a fresh root key: Ed25519, or P-256 where the members' software wants it. */
  static create(
    provider: CryptoProvider,
    domain: string,
    now: number,
    kind: 'ed25519' | 'p256' = 'ed25519',
  ): DomainAuthority {
    const name = parseDomain(domain);
    return new DomainAuthority(provider, name, [makeRoot(provider, name, now, kind)], []);
  }

  /** What `create` or `roll` made, from the store. Throws `ERR_IDENTITY_MISMATCH` when the parts do not belong together. */
  static load(provider: CryptoProvider, stored: StoredAuthority): DomainAuthority {
    const given =
      'roots' in stored ? stored.roots : [{ certificate: stored.rootCertificate, key: stored.rootKey }];
    const roots = given.map(({ certificate, key }) => ({ certificate: parseCertificate(certificate), key }));
    const domains = roots.map((root) => checkRoot(provider, root));
    const [domain] = domains;
    if (domain === undefined) throw mismatch('no root is given, wanted at least one');
    if (domains.some((other) => other !== domain)) throw mismatch('the roots are of different domains');
    const handovers = ('roots' in stored ? (stored.handovers ?? []) : []).map(parseCertificate);
    const [newest] = roots as [Root, ...Root[]];
    if (handovers.some((handover) => !equalBytes(handover.subject, newest.certificate.subject)))
      throw mismatch('a handover is of another domain');
    if (roots.slice(1).some(({ certificate }) => !isHandedOver(certificate, newest.certificate, handovers)))
      throw mismatch('an older root has not certified the newest');
    return new DomainAuthority(provider, domain, roots, handovers);
  }

  /** The root that signs. */
  get root(): Certificate {
    return this.roots[0]!;
  }

  /** For the store that keeps it; `writePrivateKey` makes PEM of it. */
  get rootKey(): PrivateKey {
    return this.#roots[0]!.key;
  }

  /** The key of every root, in the order of `roots`. */
  get rootKeys(): readonly PrivateKey[] {
    return this.#roots.map(({ key }) => key);
  }

  /** The authority with a second, newer root. Refused while an older one still stands beside the root. */
  roll(now: number, kind: 'ed25519' | 'p256' = 'ed25519'): DomainAuthority {
    const [old, older] = this.#roots as [Root, ...Root[]];
    if (older !== undefined)
      throw notIssued('the domain has two roots already', 'retire the older one before the next roll');
    if (now > old.certificate.notAfter)
      throw notIssued('the root has ended and can no longer certify its successor', 'make a new domain');
    const next = makeRoot(this.#provider, this.domain, now, kind);
    const issuer: Issuer = { ...old, provider: this.#provider };
    const handover = parseCertificate(issueHandover(issuer, next.certificate, this.domain, now));
    return new DomainAuthority(this.#provider, this.domain, [next, old], [handover, ...this.handovers]);
  }

  /**
   * The authority with its newest root alone. What older roots signed is refused from then on by everyone who has the next
   * bundle, so wait until their leaves have ended or were renewed, and reissue user CAs (same key, so that pins hold).
   */
  retire(): DomainAuthority {
    return new DomainAuthority(this.#provider, this.domain, this.#roots.slice(0, 1), this.handovers);
  }

  /** A leaf for `user@domain`: the chain to hand back, leaf first, root left out. */
  issueUser(request: UserRequest): readonly Bytes[] {
    const { user, device } = request;
    const leaf = issueUserLeaf(this.#issuer(), {
      ...grantable(this.root, request, MAX_USER_LIFETIME),
      user: parseUser(user),
      domain: this.domain,
      ...(device === undefined ? {} : { device }),
    });
    return this.#chain(leaf);
  }

  /** A CA with which the user signs devices of their own (`UserAuthority`): the chain, that CA first. */
  issueUserCa(request: UserCaRequest): readonly Bytes[] {
    const certificate = issueUserCa(this.#issuer(), {
      ...grantable(this.root, request, MAX_USER_CA_LIFETIME),
      user: parseUser(request.user),
      domain: this.domain,
    });
    return this.#chain(certificate);
  }

  /** A leaf for the domain's own servers and relays. */
  issueServer(request: ServerRequest): readonly Bytes[] {
    const leaf = issueServerLeaf(this.#issuer(), {
      ...grantable(this.root, request, MAX_SERVER_LIFETIME),
      domain: this.domain,
    });
    return this.#chain(leaf);
  }

  /**
   * What the domain says of itself now, signed by the newest root. Peers that hold only an older one follow the handovers,
   * so the older root's key need not be at hand. Entries and handovers that have ended are left out.
   */
  bundle(request: BundleRequest): Bytes {
    const { now, sequence, lifetime = BUNDLE_LIFETIME, refreshAfter = DAY, closes = false } = request;
    if (!(lifetime > 0 && lifetime <= MAX_BUNDLE_LIFETIME))
      throw notIssued(`bundle for ${lifetime} ms, at most ${MAX_BUNDLE_LIFETIME} ms are allowed`);
    const lasts = ({ until }: { readonly until: number }): boolean => until >= now;
    const contents = {
      ...{ domain: this.domain, sequence, issuedAt: now, expiresAt: now + lifetime, refreshAfter },
      roots: closes ? [] : this.roots,
      handovers: this.handovers.filter(({ notAfter }) => notAfter >= now).slice(0, MAX_BUNDLE_HANDOVERS),
      deniedKeys: (request.deniedKeys ?? []).filter(lasts),
      deniedCertificates: (request.deniedCertificates ?? []).filter(lasts),
    };
    return signBundle(contents, this.root, this.rootKey);
  }

  #issuer(): Issuer {
    return { certificate: this.root, key: this.rootKey, provider: this.#provider };
  }

  /** While roots overlap, the way from the new one to the old goes along. */
  #chain(first: Bytes): readonly Bytes[] {
    const way = this.handovers.filter((handover) =>
      this.roots.slice(1).some((old) => isIssuedBy(handover, old)),
    );
    return Object.freeze([first, ...way.map(({ der }) => der)]);
  }
}

function makeRoot(provider: CryptoProvider, domain: string, now: number, kind: 'ed25519' | 'p256'): Root {
  const key = provider.generateKey(kind);
  return { certificate: parseCertificate(issueRoot(provider, key, domain, now)), key };
}

/** The domain of a root that belongs to its key. */
function checkRoot(provider: CryptoProvider, { certificate, key }: Root): string {
  const { signatureAlgorithm, tbs, signature, spki, nameConstraints } = certificate;
  if (!equalBytes(spki, key.spki)) throw mismatch('root certificate and root key do not belong together');
  const domain = nameConstraints?.permitted.email[0];
  if (
    !certificate.isCa ||
    !isSelfIssued(certificate) ||
    certificate.ski === undefined ||
    domain === undefined
  )
    throw mismatch('certificate is not the root of a q2q domain');
  if (!verifySignature(signatureAlgorithm, spki, tbs, signature, provider))
    throw mismatch('root certificate is not signed by its own key');
  return parseDomain(domain);
}

function isHandedOver(old: Certificate, next: Certificate, handovers: readonly Certificate[]): boolean {
  return handovers.some((handover) => equalBytes(handover.spki, next.spki) && isIssuedBy(handover, old));
}

/** Our own certificates name their issuer's key. */
function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  const wanted = certificate.aki?.keyId;
  return wanted !== undefined && issuer.ski !== undefined && equalBytes(wanted, issuer.ski);
}

function mismatch(message: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_MISMATCH', message);
}
