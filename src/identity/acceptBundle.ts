/**
 * Whether a bundle is believed: of the domain that we mean, signed by a root that we hold or that such a root has handed
 * over to, in time, and newer than what we hold. docs/protocol.md §3.3.
 */
import { equalBytes, hex } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { parseDomain } from './address.ts';
import { verifySignature } from './algorithms.ts';
import { type DomainBundle, type ReadBundle, readBundle } from './bundle.ts';
import type { Certificate } from './certificate.ts';
import { IdentityError, Refusal } from './errors.ts';
import { peerId } from './peerId.ts';
import { anchorFault, caFault, isSelfIssued, type Rules } from './rules.ts';
import type { AnchorSource, DomainAnchors } from './trust.ts';

/**
 * What to believe of the domain after this bundle: `held` itself when it says nothing new, or a refusal that leaves `held`
 * as it is. `source` stays what it was: a signature carries belief on, it does not make it stronger.
 */
export function acceptBundle(
  der: Uint8Array,
  held: DomainAnchors,
  now: number,
  provider: CryptoProvider,
): DomainAnchors | Refusal {
  const read = tryRead(der);
  if (read instanceof Refusal) return read;
  const { bundle, digest } = read;
  const signers = (): readonly Certificate[] => knownSigners(bundle, held, now, provider);
  const fault = faultOf(read, held.domain, signers, now, provider);
  if (fault !== undefined) return fault;
  const anchors = anchorsOf(read, held.source, now);
  const { sequence: before = 0 } = held;
  if (bundle.sequence > before) return anchors;
  const isSame = held.digest === undefined ? saysTheSame(held, anchors) : held.digest === digest;
  if (bundle.sequence === before && isSame) return held;
  const got = `bundle ${bundle.sequence} of "${held.domain}"`;
  return bundle.sequence === before
    ? refusal(
        'ROLLBACK',
        `${got} differs from the one of that number that we hold`,
        'its domain signs two truths',
      )
    : refusal(
        'ROLLBACK',
        `${got} is older than ${before}, which we hold`,
        'whoever sent it hides newer news',
      );
}

/**
 * The first bundle of a domain of which nothing is held yet. Its signature only shows that it is whole, so whoever calls
 * this answers for where it came from: `source`.
 */
export function firstBundle(
  der: Uint8Array,
  domain: string,
  source: AnchorSource,
  now: number,
  provider: CryptoProvider,
): DomainAnchors | Refusal {
  const read = tryRead(der);
  if (read instanceof Refusal) return read;
  const signers = (): readonly Certificate[] => read.bundle.roots;
  return faultOf(read, parseDomain(domain), signers, now, provider) ?? anchorsOf(read, source, now);
}

function tryRead(der: Uint8Array): ReadBundle | Refusal {
  try {
    return readBundle(der);
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return new Refusal('ERR_IDENTITY_BUNDLE', error.message, undefined, { cause: error });
  }
}

/** What every bundle must fulfil; the domain is known beforehand, never read out of the bundle. */
function faultOf(
  { bundle, signed, algorithm, signature }: ReadBundle,
  domain: string,
  signers: () => readonly Certificate[],
  now: number,
  provider: CryptoProvider,
): Refusal | undefined {
  if (bundle.domain !== domain)
    return refusal('DOMAIN', `bundle is of "${bundle.domain}", wanted "${domain}"`);
  const signer = signers().find(({ spki }) => peerId(spki) === bundle.signer);
  if (signer === undefined)
    return refusal(
      'SIGNER',
      `bundle of "${domain}" is signed by the key ${bundle.signer}, which no root that we hold vouches for`,
      'the domain has a new root that the old one did not certify, or someone is in between',
    );
  if (!verifySignature(algorithm, signer.spki, signed, signature, provider))
    return refusal('SIGNER', `the signature of the bundle of "${domain}" does not verify`);
  if (!(Math.floor(now / 1000) * 1000 <= bundle.expiresAt))
    return refusal(
      'EXPIRED',
      `bundle ${bundle.sequence} of "${domain}" ended ${new Date(bundle.expiresAt).toISOString()}`,
      "the domain must sign a newer one; if all bundles seem ended, look at this machine's clock",
    );
  return undefined;
}

/**
 * The roots that we hold and the keys that lead on from them, as far as needed to find the signer. A withdrawn key leads
 * nowhere. Every pair of certificates is tried once at most, and only when there is a handover to the signer at all.
 */
function knownSigners(
  { handovers, signer }: DomainBundle,
  { roots, deniedKeys = [] }: DomainAnchors,
  now: number,
  provider: CryptoProvider,
): readonly Certificate[] {
  const rules: Rules = { strict: true, role: 'server', now };
  const isUsable = ({ spki }: Certificate): boolean => !deniedKeys.includes(peerId(spki));
  const known = roots.filter((root) => isUsable(root) && anchorFault(root, rules) === undefined);
  const isSigner = ({ spki }: Certificate): boolean => peerId(spki) === signer;
  if (known.some(isSigner) || !handovers.some(isSigner)) return known;
  const left = new Set(
    handovers.filter((handover) => isUsable(handover) && caFault(handover, rules) === undefined),
  );
  for (const issuer of known) {
    for (const handover of left) {
      if (!isHandedOver(handover, issuer, provider)) continue;
      left.delete(handover);
      known.push(handover); // the loop comes to it in its turn
    }
  }
  return known;
}

/** Old and new root have one name (`issueHandover`), so a handover is self-issued and its issuer bears its name. */
function isHandedOver(handover: Certificate, issuer: Certificate, provider: CryptoProvider): boolean {
  const { signatureAlgorithm, tbs, signature } = handover;
  return (
    isSelfIssued(handover) &&
    equalBytes(handover.issuer, issuer.subject) &&
    verifySignature(signatureAlgorithm, issuer.spki, tbs, signature, provider)
  );
}

function anchorsOf(
  { bundle, digest }: ReadBundle,
  source: AnchorSource | undefined,
  now: number,
): DomainAnchors {
  const isLive = ({ until }: { readonly until: number }): boolean => until >= now;
  return Object.freeze({
    domain: bundle.domain,
    roots: bundle.roots,
    deniedKeys: Object.freeze(bundle.deniedKeys.filter(isLive).map(({ keyId }) => keyId)),
    deniedCertificates: Object.freeze(
      bundle.deniedCertificates.filter(isLive).map(({ issuer, serial }) => Object.freeze({ issuer, serial })),
    ),
    sequence: bundle.sequence,
    digest,
    expiresAt: bundle.expiresAt,
    ...(source === undefined ? {} : { source }),
  });
}

/** For anchors from a store that did not keep the digest. What has lapsed since is no difference. */
function saysTheSame(held: DomainAnchors, now: DomainAnchors): boolean {
  const ids = ({ roots }: DomainAnchors): string[] => roots.map(({ der }) => hex(der)).sort();
  const isSubset = (inner: readonly string[], outer: readonly string[]): boolean =>
    inner.every((one) => outer.includes(one));
  const numbers = ({ deniedCertificates = [] }: DomainAnchors): string[] =>
    deniedCertificates.map(({ issuer, serial }) => `${issuer} ${serial}`);
  return (
    ids(held).join() === ids(now).join() &&
    isSubset(now.deniedKeys ?? [], held.deniedKeys ?? []) &&
    isSubset(numbers(now), numbers(held))
  );
}

function refusal(
  rule: 'DOMAIN' | 'SIGNER' | 'ROLLBACK' | 'EXPIRED',
  message: string,
  hint?: string,
): Refusal {
  return new Refusal(`ERR_IDENTITY_BUNDLE_${rule}`, message, undefined, { hint });
}
