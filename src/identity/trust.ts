/**
 * Whom we believe, as an immutable value: roots per domain. There is no pool of roots: a chain is checked
 * only against the anchors of the domain whose name it claims, so the root of example.com cannot speak for
 * example.org even if it carries no name constraints (SPIFFE Trust Domain and Bundle makes the same rule).
 */
import { parseDomain } from './address.ts';
import type { Certificate } from './certificate.ts';

export interface DomainAnchors {
  readonly domain: string;
  /** Roots in any order; two while a domain changes its root. None at all revokes the whole domain. */
  readonly roots: readonly Certificate[];
  /** Key ids the domain has withdrawn: of leaves, and of CAs, whose whole issue goes with them. */
  readonly deniedKeys?: readonly string[];
  /** Single certificates the domain has withdrawn, by who issued them. */
  readonly deniedCertificates?: readonly DeniedCertificate[];
  /** Of the bundle this came from (`bundle.ts`); it only rises. 0 or absent: from no bundle yet. */
  readonly sequence?: number;
  /** SHA-256 of that bundle, hex: no other may have its number. */
  readonly digest?: string;
  /** When that bundle ends, in milliseconds: a newer one should have come by then. */
  readonly expiresAt?: number;
  /** How we came by the roots; `pinned` unless said. */
  readonly source?: AnchorSource;
}

export interface DeniedCertificate {
  /** Key id of the issuer. */
  readonly issuer: string;
  /** Serial number, lower-case hex of the INTEGER's content octets. */
  readonly serial: string;
}

/** `pinned`: from an invite, a file or a person; `web`: from the domain's own https or wss; `tofu`: believed at first sight. */
export type AnchorSource = 'pinned' | 'web' | 'tofu';

export class Trust {
  readonly #byDomain: ReadonlyMap<string, DomainAnchors>;

  private constructor(byDomain: ReadonlyMap<string, DomainAnchors>) {
    this.#byDomain = byDomain;
    Object.freeze(this);
  }

  /**
   * Later entries for one domain replace earlier ones. Throws `ERR_IDENTITY_ADDRESS` for a malformed domain.
   */
  static of(anchors: readonly DomainAnchors[]): Trust {
    return new Trust(new Map(anchors.map(normalised)));
  }

  /** The domain is stored beside its roots, never read out of them. */
  anchorsFor(domain: string): DomainAnchors | undefined {
    return this.#byDomain.get(domain);
  }

  get domains(): readonly string[] {
    return [...this.#byDomain.keys()];
  }

  /** A new value that believes `anchors` for its domain instead of what this one does. */
  with(anchors: DomainAnchors): Trust {
    return new Trust(new Map([...this.#byDomain, normalised(anchors)]));
  }

  without(domain: string): Trust {
    return new Trust(new Map([...this.#byDomain].filter(([held]) => held !== domain)));
  }
}

function normalised(anchors: DomainAnchors): [string, DomainAnchors] {
  const domain = parseDomain(anchors.domain);
  const frozen = Object.freeze({
    ...anchors,
    domain,
    roots: Object.freeze([...anchors.roots]),
    ...(anchors.deniedKeys === undefined ? {} : { deniedKeys: Object.freeze([...anchors.deniedKeys]) }),
    ...(anchors.deniedCertificates === undefined
      ? {}
      : { deniedCertificates: Object.freeze([...anchors.deniedCertificates]) }),
  });
  return [domain, frozen];
}
