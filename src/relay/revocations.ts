/**
 * What a domain has withdrawn, and the numbered bundle that says so to its peers. One record: a bundle that peers have
 * seen and the list it was made from are never apart, whatever moment the process ends at.
 */
import { type Bytes, hex } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { acceptBundle, type DomainAnchors, type DomainAuthority, Refusal } from '../identity/index.ts';
import { RELAY_LIMITS } from './limits.ts';

export interface WithdrawnKey {
  readonly keyId: string;
  readonly at: number;
  /** When every certificate of that key has ended. The key stays refused here even then. */
  readonly until: number;
  /** Whose it was, where that is known. */
  readonly user?: string;
  /** True when it went with its whole account: `unblock` gives it back. */
  readonly blocked?: boolean;
}

export interface WithdrawnCertificate {
  /** Key id. */
  readonly issuer: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly at: number;
  readonly until: number;
}

export interface StoredRevocations {
  readonly sequence: number;
  readonly issuedAt: number;
  /** As it was signed: the same number never stands on two. */
  readonly bundle: Bytes;
  readonly keys: readonly WithdrawnKey[];
  readonly certificates: readonly WithdrawnCertificate[];
}

export type Lists = Pick<StoredRevocations, 'keys' | 'certificates'>;

/** A new bundle is signed at this age even if nothing happened, long before it ends. */
const REFRESH: number = 7 * 86_400_000;
const NONE: Lists = { keys: [], certificates: [] };

export class Revocations {
  readonly stored: StoredRevocations | undefined;
  /** What peers believe when they have the bundle. */
  readonly anchors: DomainAnchors;
  readonly #keys: ReadonlySet<string>;
  /** False when the bundle has run out, or the roots are no longer those it speaks of. */
  readonly #holds: boolean;

  private constructor(stored: StoredRevocations | undefined, anchors: DomainAnchors, holds: boolean) {
    this.stored = stored;
    this.anchors = anchors;
    this.#holds = holds;
    this.#keys = new Set(stored?.keys.map(({ keyId }) => keyId));
  }

  static of(
    stored: StoredRevocations | undefined,
    { domain, roots }: DomainAuthority,
    now: number,
    provider: CryptoProvider,
  ): Revocations {
    const bare: DomainAnchors = { domain, roots };
    const told = stored === undefined ? bare : acceptBundle(stored.bundle, bare, now, provider);
    if (told instanceof Refusal) {
      // It ran out while nobody served: what it denies holds until the next is signed.
      const { keys, certificates, sequence } = stored!;
      const deniedKeys = keys.map(({ keyId }) => keyId);
      const anchors = { ...bare, deniedKeys, deniedCertificates: certificates, sequence };
      return new Revocations(stored, anchors, false);
    }
    const holds = told.roots.map(({ der }) => hex(der)).join() === roots.map(({ der }) => hex(der)).join();
    return new Revocations(stored, { ...told, roots }, holds);
  }

  get lists(): Lists {
    return this.stored ?? NONE;
  }

  get sequence(): number {
    return this.stored?.sequence ?? 0;
  }

  /** For ever, unlike in the bundle. */
  has(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  /** Keys in the bundle. */
  live(now: number): number {
    return this.lists.keys.filter(({ until }) => until >= now).length;
  }

  /** The bundle, unless it is time for another. */
  current(now: number): Bytes | undefined {
    if (this.stored === undefined || now - this.stored.issuedAt >= REFRESH) return undefined;
    return this.#holds ? this.stored.bundle : undefined;
  }

  /** The record that comes after this one. Throws `ERR_IDENTITY_ISSUE` when a bundle cannot hold the list. */
  next(authority: DomainAuthority, now: number, lists: Lists = this.lists): StoredRevocations {
    const sequence = this.sequence + 1;
    const { certificates } = lists;
    const keys = forgetOldest(lists.keys, now);
    const bundle = authority.bundle({ now, sequence, deniedKeys: keys, deniedCertificates: certificates });
    return { sequence, issuedAt: now, bundle, keys, certificates };
  }
}

/** Keys whose certificates have all ended are refused by us alone, and not without end. */
function forgetOldest(keys: readonly WithdrawnKey[], now: number): readonly WithdrawnKey[] {
  const lapsed = keys.filter(({ until }) => until < now).sort((a, b) => a.at - b.at);
  const surplus = new Set(lapsed.slice(0, Math.max(0, lapsed.length - RELAY_LIMITS.lapsedKeys)));
  return surplus.size === 0 ? keys : keys.filter((key) => !surplus.has(key));
}
