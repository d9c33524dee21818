/**
 * Believing a domain at first sight, where its people asked for that: what it shows the first time is kept as `tofu`, which
 * every proof below it says (`PeerIdentity.assurance`). From then on only its own signature moves it. A domain that comes
 * with other roots and no word of the old ones is refused, both fingerprints shown, until a person pins it anew.
 *
 * The same holds for domains that are known in a stronger way: nothing here weakens what is held.
 */

import type { CryptoProvider } from '../crypto/provider.ts';
import { acceptBundle, firstBundle } from './acceptBundle.ts';
import { parseBundle } from './bundle.ts';
import type { Certificate } from './certificate.ts';
import { Refusal } from './errors.ts';
import { groupPeerId, parsePeerId, peerId } from './peerId.ts';
import type { AnchorSource, DomainAnchors } from './trust.ts';

/** What a domain showed, and where: its bundle, and how sure the way it came by makes it. */
export interface Shown {
  readonly domain: string;
  readonly bundle: Uint8Array;
  /** What to call it if nothing is held yet. */
  readonly source: AnchorSource;
}

/** What to believe of the domain now, or why it is refused; `held` is what was believed of it before. */
export function believeShown(
  { domain, bundle, source }: Shown,
  held: DomainAnchors | undefined,
  now: number,
  provider: CryptoProvider,
): DomainAnchors | Refusal {
  if (held === undefined) return firstBundle(bundle, domain, source, now, provider);
  const answer = acceptBundle(bundle, held, now, provider);
  if (!(answer instanceof Refusal) || answer.code !== 'ERR_IDENTITY_BUNDLE_SIGNER') return answer;
  const { signer, roots } = parseBundle(bundle);
  // A bad signature by a root we hold is told as that.
  return held.roots.some(({ spki }) => peerId(spki) === signer) ? answer : changedRoots(held, roots);
}

/** Opt-in trust at first use. Whoever calls this decided that first sight is enough for this domain. */
export function trustOnFirstUse(
  domain: string,
  bundle: Uint8Array,
  held: DomainAnchors | undefined,
  now: number,
  provider: CryptoProvider,
): DomainAnchors | Refusal {
  return believeShown({ domain, bundle, source: 'tofu' }, held, now, provider);
}

/** A person compared the fingerprint of the root: what the domain shows is pinned, whatever was held before. */
export function pinDomain(
  domain: string,
  bundle: Uint8Array,
  rootId: string,
  now: number,
  provider: CryptoProvider,
): DomainAnchors | Refusal {
  const anchors = firstBundle(bundle, domain, 'pinned', now, provider);
  if (anchors instanceof Refusal) return anchors;
  const wanted = parsePeerId(rootId);
  const { signer } = parseBundle(bundle);
  if (signer === wanted) return anchors;
  return new Refusal(
    'ERR_IDENTITY_PIN',
    `"${domain}" shows the root ${groupPeerId(signer)}, wanted ${groupPeerId(wanted)}`,
    undefined,
    { hint: 'compare the fingerprint with the people who run the domain' },
  );
}

/** For people: the fingerprints of the roots that we know and of those that are shown now. */
export function changedRoots(held: DomainAnchors, shown: readonly Certificate[]): Refusal {
  return new Refusal(
    'ERR_IDENTITY_PIN_CHANGED',
    `the domain "${held.domain}" was known by ${fingerprints(held.roots)}, and now shows ${fingerprints(shown)}, which nothing of the old answers for`,
    undefined,
    {
      hint: 'ask the people who run the domain over another way; only if the new fingerprint is theirs, trust it anew (`q2q trust`)',
    },
  );
}

function fingerprints(roots: readonly Certificate[]): string {
  if (roots.length === 0) return 'no root at all';
  return `the root ${roots.map(({ spki }) => groupPeerId(peerId(spki))).join(' and ')}`;
}
