/**
 * What a certificate must be by itself to stand somewhere in a path (RFC 5280 §4.2, §6.1.3-6.1.5): as the
 * leaf, as a CA on the way, as the anchor.
 *
 * Two sets of rules. `web` asks what §6 asks, and takes what OpenSSL users make by hand. `strict` also asks
 * for what the RFC's issuing rules and the CA/Browser Forum's profile (BR 7.1.2) demand; everything q2q
 * issues fulfils it, and so it is what peers are held to.
 */
import { equalBytes } from '../base/bytes.ts';
import type { Certificate } from './certificate.ts';
import { commonNames, isEmptyName } from './distinguishedName.ts';
import type { IdentityErrorCode, IdentityRule } from './errors.ts';
import { formatIp, misspeltName, parseIp } from './names.ts';
import { OID } from './oid.ts';
import { quoted } from './quoted.ts';

export interface Rules {
  readonly strict: boolean;
  /** What the leaf is used as. */
  readonly role: 'client' | 'server';
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface RuleFault {
  readonly code: IdentityErrorCode;
  readonly message: string;
}

/** `pinned`: the leaf itself is among the anchors, so it may be a CA and speak for itself. */
export function leafFault(leaf: Certificate, rules: Rules, pinned: boolean): RuleFault | undefined {
  return (
    commonFault(leaf, rules) ??
    (pinned ? undefined : endEntityFault(leaf, rules)) ??
    (isEmptyName(leaf.subject) && !isCritical(leaf, OID.subjectAltName)
      ? fault('PROFILE', 'subject is empty and subjectAltName is not critical')
      : undefined) ??
    (leaf.keyUsage !== undefined && !leaf.keyUsage.has('digitalSignature')
      ? fault('KEY_USAGE', 'key usage does not allow digital signatures')
      : undefined)
  );
}

function endEntityFault(leaf: Certificate, rules: Rules): RuleFault | undefined {
  if (leaf.isCa) return fault('CA_AS_LEAF', 'the leaf is a CA certificate');
  // §4.2.1.3, §4.2.1.10: neither belongs into a certificate that may not issue.
  if (leaf.keyUsage?.has('keyCertSign')) return fault('KEY_USAGE', 'a leaf claims to sign certificates');
  if (leaf.nameConstraints !== undefined) return fault('PROFILE', 'a leaf carries name constraints');
  if (isZero(leaf.serial)) return fault('MALFORMED', 'serial number is zero');
  if (!rules.strict) return undefined;
  if (leaf.version !== 3) return fault('PROFILE', 'the leaf is no version 3 certificate');
  if (leaf.pathLength !== undefined) return fault('PROFILE', 'a leaf carries a path length');
  if (leaf.aki?.keyId === undefined) return fault('PROFILE', 'the leaf has no authority key identifier');
  if (leaf.extendedKeyUsage === undefined)
    return fault('EXTENDED_KEY_USAGE', 'the leaf has no extended key usage');
  // §4.2.1.12 lets us ask for the very purpose, BR 7.1.2.7.10 forbids this one.
  if (leaf.extendedKeyUsage.includes(OID.anyExtendedKeyUsage))
    return fault('EXTENDED_KEY_USAGE', 'the leaf claims every extended key usage');
  if (isCritical(leaf, OID.extendedKeyUsage)) return fault('PROFILE', 'extended key usage is critical');
  if (!isEmptyName(leaf.subject) && isCritical(leaf, OID.subjectAltName))
    return fault('PROFILE', 'subjectAltName is critical beside a subject');
  const misspelt = misspeltName(leaf.names);
  if (misspelt !== undefined)
    return fault('PROFILE', `subjectAltName holds ${quoted(misspelt)}, which is no name of its kind`);
  return commonNameFault(leaf);
}

/**
 * BR 7.1.4.3: a common name that repeats an alternative name does so character for character. We never match
 * it, but people and log files read it, and two spellings of one name are how they are fooled.
 */
function commonNameFault({ subject, names }: Certificate): RuleFault | undefined {
  const held = [...names.dns, ...names.ip.map(formatIp)];
  for (const common of commonNames(subject)) {
    if (held.includes(common)) continue;
    const meant = spellingsOf(common);
    if (held.some((name) => meant.includes(name.toLowerCase())))
      return fault('PROFILE', 'the common name spells an alternative name differently');
  }
  return undefined;
}

/** The hosts and addresses that a text stands for, to one reader or another: as it is, without leading zeros, as a URL's. */
function spellingsOf(text: string): readonly string[] {
  const spellings = [text.toLowerCase()];
  const address = parseIp(text.includes(':') ? text : text.replace(/(^|\.)0+(?=\d)/g, '$1'));
  if (address !== undefined) spellings.push(formatIp(address));
  try {
    if (/^[^\s/?#@:\\[\]]{1,253}$/.test(text)) spellings.push(new URL(`http://${text}/`).hostname);
  } catch {
    // no host of any URL
  }
  return spellings;
}

/** A CA between leaf and anchor. */
export function caFault(ca: Certificate, rules: Rules): RuleFault | undefined {
  if (isZero(ca.serial)) return fault('MALFORMED', 'serial number is zero');
  if (rules.strict && ca.aki?.keyId === undefined)
    return fault('PROFILE', 'a CA has no authority key identifier');
  return issuerFault(ca, rules);
}

/** An anchor is believed, not checked (§6.1.1 (d)), but what it says about itself is kept to. */
export function anchorFault(anchor: Certificate, rules: Rules): RuleFault | undefined {
  if (rules.strict) {
    if (anchor.extendedKeyUsage !== undefined) return fault('PROFILE', 'a root has an extended key usage');
    // Nobody certified an anchor as far as we care, so it may go without (§4.2.1.1); if it says who did, then
    // by key.
    if (anchor.aki !== undefined && anchor.aki.keyId === undefined)
      return fault('PROFILE', 'a root has an authority key identifier without a key');
    if (anchor.aki?.hasIssuerAndSerial) return fault('PROFILE', 'a root names the certificate of its issuer');
    // BR 7.1.2.1.3: who issued itself has one key.
    const { aki, ski } = anchor;
    if (isSelfIssued(anchor) && aki?.keyId !== undefined && ski !== undefined && !equalBytes(aki.keyId, ski))
      return fault('PROFILE', 'a root that issued itself names another key as its issuer');
  }
  return issuerFault(anchor, rules);
}

function issuerFault(ca: Certificate, rules: Rules): RuleFault | undefined {
  const common = commonFault(ca, rules);
  if (common !== undefined) return common;
  if (!ca.isCa) return fault('NOT_A_CA', 'a certificate without CA rights issued another');
  if (isEmptyName(ca.subject)) return fault('PROFILE', 'a CA has no name');
  if (ca.keyUsage !== undefined && !ca.keyUsage.has('keyCertSign'))
    return fault('KEY_USAGE', 'key usage of a CA does not allow signing certificates');
  if (!rules.strict) return undefined;
  if (!isCritical(ca, OID.basicConstraints))
    return fault('PROFILE', 'basicConstraints of a CA are not critical');
  if (ca.keyUsage === undefined) return fault('KEY_USAGE', 'a CA has no key usage');
  if (ca.ski === undefined) return fault('PROFILE', 'a CA has no subject key identifier');
  if (ca.nameConstraints !== undefined && !isCritical(ca, OID.nameConstraints))
    return fault('PROFILE', 'name constraints are not critical');
  return undefined;
}

/** What holds for every certificate of a path. */
function commonFault(certificate: Certificate, rules: Rules): RuleFault | undefined {
  // Both ends are whole seconds and included (§4.1.2.5): 12:00:00.9 is still 12:00:00.
  const second = Math.floor(rules.now / 1000) * 1000;
  // Written so that a time that is no number is outside.
  if (!(second >= certificate.notBefore))
    return fault(
      'NOT_YET_VALID',
      `not valid before ${showTime(certificate.notBefore)}, now is ${showTime(second)}`,
    );
  if (!(second <= certificate.notAfter))
    return fault('EXPIRED', `not valid after ${showTime(certificate.notAfter)}, now is ${showTime(second)}`);
  if (certificate.keyKind === undefined)
    return fault('ALGORITHM', 'public key is too weak or of an unknown kind');
  const unknown = certificate.unknownCritical[0];
  if (unknown !== undefined)
    return fault('CRITICAL_EXTENSION', `critical extension ${unknown} is not understood`);
  // Policies are not processed, so a certificate that makes demands on them cannot be judged (§4.2.1.11).
  if (certificate.extensions.some(({ oid }) => oid === OID.policyConstraints))
    return fault('CRITICAL_EXTENSION', 'policy constraints are not understood');
  if (certificate.extensions.some(({ oid, critical }) => critical && NEVER_CRITICAL.includes(oid)))
    return fault('PROFILE', 'a key identifier is critical');
  const usages = certificate.extendedKeyUsage;
  const wanted = rules.role === 'server' ? OID.serverAuth : OID.clientAuth;
  if (usages !== undefined && !usages.includes(wanted) && !usages.includes(OID.anyExtendedKeyUsage))
    return fault('EXTENDED_KEY_USAGE', `extended key usage does not allow the role of ${rules.role}`);
  return undefined;
}

/** §4.2.1.1, §4.2.1.2. */
const NEVER_CRITICAL: readonly string[] = [OID.authorityKeyIdentifier, OID.subjectKeyIdentifier];

export function isCritical(certificate: Certificate, oid: string): boolean {
  return certificate.extensions.some((extension) => extension.oid === oid && extension.critical);
}

export function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.subject, certificate.issuer);
}

function isZero(serial: Uint8Array): boolean {
  return serial.every((byte) => byte === 0);
}

function showTime(time: number): string {
  return Number.isFinite(time) ? new Date(time).toISOString().replace('.000', '') : 'no time at all';
}

function fault(rule: IdentityRule, message: string): RuleFault {
  return { code: `ERR_IDENTITY_${rule}`, message };
}
