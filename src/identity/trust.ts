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
  /** Key ids the domain has withdrawn: of leaves, and of CAs below its roots. */
  readonly deniedKeys?: readonly string[];
}

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
  });
  return [domain, frozen];
}
