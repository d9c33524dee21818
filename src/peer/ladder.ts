/**
 * How a domain of which nothing is held comes to be believed, strongest first:
 *
 *     1. held      a pin, an invite's root, or what was learnt before: from a store
 *     2. web       its bundle over https of the domain, which the web's PKI vouches for
 *     3. tofu      its bundle from wherever it is reached, where the person asked for trust at first use
 *
 * Which of the two ways is taken is decided by what is held and by configuration, never by what fails: a domain that cannot
 * be reached over https is not believed at first sight instead. Once held, only the domain's own signature moves it.
 * Witnesses, where there are any, are asked at the first contact, before anything is kept.
 */
import type { Clock } from '../base/clock.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type DomainAnchors, parseDomain, Refusal } from '../identity/index.ts';
import { believeShown } from '../identity/tofu.ts';
import { askWitnesses, type Witness } from '../identity/witness.ts';
import { WITNESS_TIMEOUT } from './limits.ts';
import type { ResolveTrust } from './resolveTrust.ts';
import { fetchWellKnown } from './wellKnown.ts';

/** Gets a domain's bundle; rejects when there is none. */
export type BundleSource = (domain: string, options: { readonly signal: AbortSignal }) => Promise<Uint8Array>;

/** What keeps anchors: an `IdentityStore`. */
export interface AnchorStore {
  anchors(domain: string): Promise<DomainAnchors | undefined>;
  putAnchors(anchors: DomainAnchors): Promise<void>;
}

export interface LadderOptions {
  readonly store: AnchorStore;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  /** Must be authenticated by the web's PKI. Default: `https://<domain>/.well-known/q2q`. */
  readonly web?: BundleSource;
  /** Trust at first use, for the domains that `wanted` names; it takes the place of the web for them. */
  readonly firstUse?: { readonly wanted: (domain: string) => boolean; readonly source: BundleSource };
  /** Second opinions at the first contact, by either way. */
  readonly witnesses?: {
    readonly ask: readonly Witness[];
    readonly quorum: number;
    readonly timeout?: number;
  };
}

/** For `PeerOptions.resolveTrust`. Refusals are thrown: `ERR_IDENTITY_PIN_CHANGED`, `ERR_IDENTITY_WITNESS`, … */
export function trustLadder(options: LadderOptions): ResolveTrust {
  const { store, clock, provider, firstUse, web = overHttps } = options;

  async function resolve(
    domain: string,
    believed: DomainAnchors | undefined,
    signal: AbortSignal,
  ): Promise<DomainAnchors> {
    const stored = await store.anchors(domain);
    const held = newer(stored, believed);
    if (held !== undefined && held !== believed && !hasEnded(held)) return held;
    const atFirstUse =
      firstUse !== undefined && (held === undefined ? firstUse.wanted(domain) : held.source === 'tofu');
    const bundle = await (atFirstUse ? firstUse.source : web)(domain, { signal });
    const shown = { domain, bundle, source: atFirstUse ? 'tofu' : 'web' } as const;
    const anchors = unlessRefused(believeShown(shown, held, clock.now(), provider));
    if (held === undefined) await confirm(domain, bundle, signal);
    signal.throwIfAborted();
    if (anchors !== stored) await store.putAnchors(anchors);
    return anchors;
  }

  function hasEnded({ expiresAt = Number.POSITIVE_INFINITY }: DomainAnchors): boolean {
    return clock.now() > expiresAt;
  }

  async function confirm(domain: string, bundle: Uint8Array, signal: AbortSignal): Promise<void> {
    if (options.witnesses === undefined) return;
    const { ask, quorum, timeout = WITNESS_TIMEOUT } = options.witnesses;
    const wish = { witnesses: ask, quorum, timeout, clock, provider, signal };
    unlessRefused(await askWitnesses(domain, bundle, wish));
  }

  return (domain, { signal, held }) => resolve(parseDomain(domain), held, signal);
}

/** Another process may have learnt more than we; a person may have replaced what is stored. */
function newer(
  stored: DomainAnchors | undefined,
  believed: DomainAnchors | undefined,
): DomainAnchors | undefined {
  if (stored === undefined || believed === undefined) return stored ?? believed;
  return (stored.sequence ?? 0) > (believed.sequence ?? 0) ? stored : believed;
}

function unlessRefused<T>(answer: T | Refusal): T {
  if (answer instanceof Refusal) throw answer;
  return answer;
}

const overHttps: BundleSource = async (domain, options) =>
  (await fetchWellKnown(`https://${domain}`, options)).bundle;
