/**
 * Who may speak for whom among q2q's own peers. Each function takes a chain as it came off the wire and gives
 * a proof or a refusal; that the peer also holds the leaf's key is for the handshake to show (RFC 9846
 * §4.5.3).
 *
 * The profile: a user's leaf names one mailbox and at most one `q2q:` URI that repeats it; a server's leaf
 * names hosts and no mailbox; a key peer's leaf signs itself and its names mean nothing. Between a leaf and the
 * domain's root stand at most the user's own CA and roots that certify each other (`subordinateFault`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes, hex } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { parseDomain, parseName } from './address.ts';
import { verifySignature } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { type PresentedChain, readChain, refusalOf } from './chain.ts';
import { IdentityError, type IdentityRule, Refusal } from './errors.ts';
import { PEER_CHAIN } from './limits.ts';
import { findPath } from './path.ts';
import { parsePeerId, peerId } from './peerId.ts';
import { deviceOf, isAnonymous, isNameless, subordinateFault, userCaOf } from './profile.ts';
import { type PeerIdentity, provePeer, VerifiedPeer } from './proofs.ts';
import { quoted } from './quoted.ts';
import { isSelfIssued, leafFault, type RuleFault, type Rules } from './rules.ts';
import type { DomainAnchors, Trust } from './trust.ts';

/** Whom we want at the other end. */
export type Expected =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'key'; readonly id: string }
  | { readonly kind: 'domain'; readonly domain: string }
  /** The listening side: whoever it proves to be, an enrolled name or a key peer. */
  | { readonly kind: 'anyPeer' };

interface Situation {
  readonly presented: PresentedChain;
  readonly rules: Rules;
  readonly provider: CryptoProvider;
}

/** `role` is the peer's. Throws only for an `expected` that is malformed itself. */
export function verifyPeer(
  chain: readonly Uint8Array[],
  expected: Expected,
  trust: Trust,
  role: 'client' | 'server',
  now: number,
  provider: CryptoProvider,
): VerifiedPeer | Refusal {
  const presented = readChain(chain, PEER_CHAIN);
  if (presented instanceof Refusal) return presented;
  if (presented.broken !== undefined) return presented.broken;
  const situation: Situation = { presented, rules: { strict: true, role, now }, provider };
  switch (expected.kind) {
    case 'name':
      return verifyUser(situation, expected.name, trust);
    case 'domain': {
      const domain = parseDomain(expected.domain);
      const anchors = trust.anchorsFor(domain);
      return verifyDomain(situation, domain, anchors, vouched(anchors));
    }
    case 'key':
      return verifyKey(situation, parsePeerId(expected.id), trust);
    case 'anyPeer':
      return verifyAny(situation, trust);
  }
}

/**
 * For enrolment: the chain must hold a root whose SHA-256(SPKI) is the invite's pin, and lead from the
 * domain's server to it. The proof's `anchors` carry that root, to be stored.
 */
export function verifyPinnedDomain(
  chain: readonly Uint8Array[],
  domain: string,
  rootPin: Uint8Array,
  now: number,
  provider: CryptoProvider,
): VerifiedPeer | Refusal {
  const presented = readChain(chain, PEER_CHAIN);
  if (presented instanceof Refusal) return presented;
  if (presented.broken !== undefined) return presented.broken;
  const name = parseDomain(domain);
  const pinned = presented.others.filter((certificate) => equalBytes(sha256(certificate.spki), rootPin));
  if (pinned.length === 0)
    return new Refusal('ERR_IDENTITY_PIN', 'the chain holds no root with the pinned key', undefined, {
      hint: 'the invite is for another domain, or someone is in between',
    });
  // The pin covers the key only; what else the root says, its key must have signed. (An older root may have certified the
  // same key, too.)
  const root = pinned.find((certificate) => isSelfIssued(certificate) && isSelfSigned(certificate, provider));
  if (root === undefined)
    return new Refusal(
      'ERR_IDENTITY_SIGNATURE',
      'the pinned root is not signed by its own key',
      presented.indexOf.get(pinned[0]!),
    );
  const anchors: DomainAnchors = Object.freeze({ domain: name, roots: Object.freeze([root]) });
  const situation: Situation = { presented, rules: { strict: true, role: 'server', now }, provider };
  return verifyDomain(situation, name, anchors, 'pinned');
}

/** An enrolled user: `wanted` is whom we dialled, or the name the leaf claims. */
function verifyUser(situation: Situation, wanted: string, trust: Trust): VerifiedPeer | Refusal {
  const { leaf } = situation.presented;
  const { user, domain } = parseName(wanted);
  const name = `${user}@${domain}`;
  const { names } = leaf;
  if (
    names.email.length !== 1 ||
    names.dns.length + names.ip.length + names.directory.length + names.other.length > 0
  )
    return refused('PROFILE', 'a user certificate names one mailbox and nothing else');
  if (names.email[0] !== name)
    return refused('NAME', `certificate is for ${quoted(names.email[0]!, 253)}, wanted "${name}"`);
  const device = deviceOf(names.uri, user, domain);
  if (device === false) return refused('PROFILE', 'the q2q URI does not repeat the mailbox');
  return verifyPath(situation, trust.anchorsFor(domain), domain, (path) => ({
    name,
    domain,
    ...(device === undefined ? {} : { device }),
    keyId: peerId(leaf.spki),
    ...userCaFields(situation, path, name, trust),
    assurance: vouched(trust.anchorsFor(domain)),
    expiresAt: earliestEnd(path),
  }));
}

/**
 * The user's own CA, and the one before it where that one answers for it: as it may only sign leaves (path length 0), it
 * signs one for the new CA's key, and the device shows that one along.
 */
function userCaFields(
  situation: Situation,
  path: readonly Certificate[],
  name: string,
  trust: Trust,
): Pick<PeerIdentity, 'userCa' | 'userCaBefore'> {
  const ca = userCaOf(path);
  if (ca === undefined) return {};
  const userCa = peerId(ca.spki);
  const { presented } = situation;
  const voucher = presented.others.find(({ isCa, spki }) => !isCa && equalBytes(spki, ca.spki));
  if (voucher === undefined) return { userCa };
  const others = presented.others.filter((certificate) => certificate !== voucher);
  const proof = verifyUser({ ...situation, presented: { ...presented, leaf: voucher, others } }, name, trust);
  const before = proof instanceof VerifiedPeer ? proof.identity.userCa : undefined;
  return before === undefined || before === userCa ? { userCa } : { userCa, userCaBefore: before };
}

/** Vouched for by the domain, and that is worth what its root is. */
function vouched(anchors: DomainAnchors | undefined): 'domain' | 'tofu' {
  return anchors?.source === 'tofu' ? 'tofu' : 'domain';
}

/** A domain's own server or relay. */
function verifyDomain(
  situation: Situation,
  domain: string,
  anchors: DomainAnchors | undefined,
  assurance: 'domain' | 'tofu' | 'pinned',
): VerifiedPeer | Refusal {
  const { leaf } = situation.presented;
  const { names } = leaf;
  if (names.dns.length === 0 || names.email.length > 0)
    return refused('PROFILE', 'a server certificate names a host and no mailbox');
  if (!names.dns.includes(domain))
    return refused('NAME', `certificate is for ${quoted(names.dns[0]!, 253)}, wanted "${domain}"`);
  const proof = verifyPath(situation, anchors, domain, (path) => ({
    domain,
    keyId: peerId(leaf.spki),
    assurance,
    expiresAt: earliestEnd(path),
  }));
  if (proof instanceof Refusal || assurance !== 'pinned') return proof;
  return provePeer(proof.identity, proof.chain, anchors);
}

/** The path to the domain's own roots, and none of its keys withdrawn. */
function verifyPath(
  { presented, rules, provider }: Situation,
  anchors: DomainAnchors | undefined,
  domain: string,
  identityOf: (path: readonly Certificate[]) => PeerIdentity,
): VerifiedPeer | Refusal {
  if (anchors === undefined || anchors.roots.length === 0)
    return new Refusal('ERR_IDENTITY_NO_ANCHOR', `no root is held for the domain "${domain}"`, undefined, {
      hint:
        anchors === undefined
          ? 'enrol there, or add its root to the trust store'
          : 'the domain has withdrawn all its roots',
    });
  const { leaf, others } = presented;
  const [mailbox] = leaf.names.email;
  const answer = findPath({
    ...{ leaf, intermediates: others, anchors: anchors.roots, rules, provider },
    withdrawn: (certificate, issuer) =>
      deniedFault(certificate, issuer, anchors) ??
      // The anchor is believed as it is; the leaf has its own profile.
      (issuer === undefined || certificate === leaf
        ? undefined
        : standingFault(certificate, anchors.roots, mailbox)),
  });
  // A withdrawn key is told as that, whatever else is wrong with what was shown beside it.
  const denied = deniedFault(leaf, undefined, anchors);
  if (denied !== undefined) return new Refusal(denied.code, denied.message, 0);
  if ('fault' in answer) return refusalOf(answer.fault, presented);
  return provePeer(identityOf(answer.path), answer.path);
}

/** Old and new root of a domain have one name; where anchors differ in name, a CA must fit one of them. */
function standingFault(
  ca: Certificate,
  roots: readonly Certificate[],
  mailbox: string | undefined,
): RuleFault | undefined {
  const faults = roots.map(({ subject }) => subordinateFault(ca, subject, mailbox));
  if (faults.includes(undefined)) return undefined;
  return { code: 'ERR_IDENTITY_USER_CA', message: faults[0]! };
}

/** Whether the domain has withdrawn the certificate: by its key, or by who issued it under which number. */
export function deniedFault(
  certificate: Certificate,
  issuer: Certificate | undefined,
  { domain, deniedKeys = [], deniedCertificates = [] }: DomainAnchors,
): RuleFault | undefined {
  if (deniedKeys.length > 0) {
    const id = peerId(certificate.spki);
    if (deniedKeys.includes(id))
      return { code: 'ERR_IDENTITY_DENIED', message: `the domain "${domain}" has withdrawn the key ${id}` };
  }
  if (issuer === undefined || deniedCertificates.length === 0) return undefined;
  const serial = hex(certificate.serial);
  const by = peerId(issuer.spki);
  if (!deniedCertificates.some((denied) => denied.serial === serial && denied.issuer === by))
    return undefined;
  return {
    code: 'ERR_IDENTITY_DENIED',
    message: `the domain "${domain}" has withdrawn the certificate ${serial}`,
  };
}

/**
 * The holder of a key we were told. The key is the name, so that is enough; if it is also an enrolled user
 * whose chain holds, the proof says so. A withdrawn key stays withdrawn.
 */
function verifyKey(situation: Situation, id: string, trust: Trust): VerifiedPeer | Refusal {
  const { leaf } = situation.presented;
  const found = peerId(leaf.spki);
  if (found !== id) return refused('KEY_MISMATCH', `peer holds the key ${found}, wanted ${id}`);
  if (isSelfIssued(leaf)) return verifySelfSigned(situation);
  const [claimed] = leaf.names.email;
  const enrolled = claimed === undefined ? undefined : verifyClaimed(situation, claimed, trust);
  if (enrolled instanceof VerifiedPeer)
    return provePeer({ ...enrolled.identity, assurance: 'pinned' }, enrolled.chain);
  if (enrolled?.code === 'ERR_IDENTITY_DENIED') return enrolled;
  const fault = leafFault(leaf, situation.rules, true);
  if (fault !== undefined) return refusalOf({ ...fault, certificate: leaf }, situation.presented);
  return provePeer({ keyId: id, assurance: 'key', expiresAt: leaf.notAfter }, [leaf]);
}

/** A key peer: self-signed, in date, its names ignored. */
function verifySelfSigned(
  { presented, rules, provider }: Situation,
  assurance: 'key' | 'anonymous' = 'key',
): VerifiedPeer | Refusal {
  const { leaf } = presented;
  const fault = leafFault(leaf, rules, true);
  if (fault !== undefined) return refusalOf({ ...fault, certificate: leaf }, presented);
  if (!isSelfSigned(leaf, provider))
    return refused('SIGNATURE', 'the certificate of a key peer is not signed by its own key');
  return provePeer({ keyId: peerId(leaf.spki), assurance, expiresAt: leaf.notAfter }, [leaf]);
}

/** The listening side decides by what the leaf claims, then holds it to that claim. */
function verifyAny(situation: Situation, trust: Trust): VerifiedPeer | Refusal {
  const { leaf } = situation.presented;
  const [claimed] = leaf.names.email;
  if (claimed !== undefined) return verifyClaimed(situation, claimed, trust);
  if (isNameless(leaf.names) && isSelfIssued(leaf))
    return verifySelfSigned(situation, isAnonymous(leaf) ? 'anonymous' : 'key');
  return refused('PROFILE', "the certificate is neither a user's nor a key peer's");
}

/** `claimed` is the peer's text: a malformed name is its fault, not ours. */
function verifyClaimed(situation: Situation, claimed: string, trust: Trust): VerifiedPeer | Refusal {
  try {
    parseName(claimed);
  } catch (error) {
    if (error instanceof IdentityError)
      return refused('PROFILE', `certificate claims a malformed name: ${error.message}`);
    throw error;
  }
  return verifyUser(situation, claimed, trust);
}

function isSelfSigned(certificate: Certificate, provider: CryptoProvider): boolean {
  const { signatureAlgorithm, spki, tbs, signature } = certificate;
  return verifySignature(signatureAlgorithm, spki, tbs, signature, provider);
}

export function earliestEnd(path: readonly Certificate[]): number {
  return Math.min(...path.map((certificate) => certificate.notAfter));
}

/** A fault of the leaf. */
function refused(rule: IdentityRule, message: string): Refusal {
  return new Refusal(`ERR_IDENTITY_${rule}`, message, 0);
}
