/**
 * A certificate in words, for `q2q cert show`: every line says one thing, and nothing hostile reaches the
 * terminal.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { hex } from '../base/bytes.ts';
import type { Certificate, Subtrees } from './certificate.ts';
import { printable, showDistinguishedName } from './distinguishedName.ts';
import { formatIp } from './names.ts';
import { OID } from './oid.ts';
import { groupPeerId, peerId } from './peerId.ts';
import { isSelfIssued } from './rules.ts';

export function describeCertificate(certificate: Certificate): string {
  const rows: (readonly [string, string])[] = [
    ['subject', showDistinguishedName(certificate.subject)],
    ...nameRows(certificate),
    ['issuer', `${showDistinguishedName(certificate.issuer)}${isSelfIssued(certificate) ? ' (itself)' : ''}`],
    ['serial', pairs(certificate.serial)],
    ['valid from', showTime(certificate.notBefore)],
    ['valid to', showTime(certificate.notAfter)],
    ['key', keyText(certificate)],
    ['key id', groupPeerId(peerId(certificate.spki))],
    ['signed with', algorithmText(certificate)],
    ['authority', authorityText(certificate)],
    ...usageRows(certificate),
    ...constraintRows(certificate),
    ...otherRows(certificate),
    ['fingerprint', `SHA-256 ${pairs(sha256(certificate.der))}`],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `${label.padEnd(width)}  ${text}\n`).join('');
}

type Rows = (readonly [string, string])[];

function nameRows({ names }: Certificate): Rows {
  const shown = [
    ...names.email.map((name) => `mail ${printable(name)}`),
    ...names.uri.map((name) => `uri ${printable(name)}`),
    ...names.dns.map((name) => `dns ${printable(name)}`),
    ...names.ip.map((ip) => `ip ${formatIp(ip)}`),
    ...names.directory.map((name) => `directory ${showDistinguishedName(name)}`),
    ...names.other.map((tag) => `kind [${tag}]`),
  ];
  return shown.length === 0 ? [['names', 'none']] : shown.map((text) => ['name', text] as const);
}

const KEY_TEXT = {
  ed25519: 'Ed25519',
  p256: 'P-256',
  p384: 'P-384',
  p521: 'P-521',
  rsa: 'RSA',
  'rsa-pss': 'RSA-PSS',
} as const;

/** Names for printing; OpenSSL's, where it has one. */
const OID_NAMES: Readonly<Record<string, string>> = {
  [OID.ed25519]: 'Ed25519',
  [OID.sha256WithRsa]: 'RSA with SHA-256',
  [OID.sha384WithRsa]: 'RSA with SHA-384',
  [OID.sha512WithRsa]: 'RSA with SHA-512',
  [OID.rsaPss]: 'RSA-PSS',
  [OID.ecdsaWithSha256]: 'ECDSA with SHA-256',
  [OID.ecdsaWithSha384]: 'ECDSA with SHA-384',
  '1.2.840.113549.1.1.5': 'RSA with SHA-1',
  '1.2.840.113549.1.1.4': 'RSA with MD5',
  '1.2.840.10045.4.1': 'ECDSA with SHA-1',
  [OID.ecdsaWithSha512]: 'ECDSA with SHA-512',
  [OID.serverAuth]: 'serverAuth',
  [OID.clientAuth]: 'clientAuth',
  [OID.anyExtendedKeyUsage]: 'any',
  '1.3.6.1.5.5.7.3.3': 'codeSigning',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
  [OID.subjectKeyIdentifier]: 'subjectKeyIdentifier',
  [OID.keyUsage]: 'keyUsage',
  [OID.subjectAltName]: 'subjectAltName',
  [OID.basicConstraints]: 'basicConstraints',
  [OID.nameConstraints]: 'nameConstraints',
  [OID.authorityKeyIdentifier]: 'authorityKeyIdentifier',
  [OID.policyConstraints]: 'policyConstraints',
  [OID.extendedKeyUsage]: 'extendedKeyUsage',
  [OID.authorityInfoAccess]: 'authorityInfoAccess',
  '2.5.29.31': 'cRLDistributionPoints',
  '2.5.29.32': 'certificatePolicies',
  '1.3.6.1.4.1.11129.2.4.2': 'signedCertificateTimestamps',
};

function keyText({ keyKind, keyBits }: Certificate): string {
  if (keyKind === undefined) return 'of a kind that is not accepted';
  return keyKind.startsWith('rsa') ? `${KEY_TEXT[keyKind]} ${keyBits} bits` : KEY_TEXT[keyKind];
}

function algorithmText({ signatureAlgorithm: { oid, family, hash } }: Certificate): string {
  const name = OID_NAMES[oid] ?? oid;
  if (family === undefined) return `${name} (not accepted)`;
  return family === 'rsa-pss' ? `${name} with ${hash!.toUpperCase().replace('SHA', 'SHA-')}` : name;
}

function authorityText({ isCa, pathLength }: Certificate): string {
  if (!isCa) return 'no: an end entity';
  return pathLength === undefined ? 'yes, to any depth' : `yes, over ${pathLength} further CAs`;
}

function usageRows({ keyUsage, extendedKeyUsage }: Certificate): Rows {
  const rows: Rows = [];
  if (keyUsage !== undefined) rows.push(['key usage', [...keyUsage].join(', ')]);
  if (extendedKeyUsage !== undefined)
    rows.push(['used for', extendedKeyUsage.map((oid) => OID_NAMES[oid] ?? oid).join(', ')]);
  return rows;
}

function constraintRows({ nameConstraints }: Certificate): Rows {
  if (nameConstraints === undefined) return [];
  return [
    ...subtreeRows('may sign', nameConstraints.permitted),
    ...subtreeRows('may not sign', nameConstraints.excluded),
  ];
}

function subtreeRows(label: string, subtrees: Subtrees): Rows {
  const shown = [
    ...subtrees.email.map((base) => `mail ${base}`),
    ...subtrees.dns.map((base) => `dns ${base === '' ? '(all)' : base}`),
    ...subtrees.uri.map((base) => `uri ${base}`),
    ...subtrees.ip.map(({ address, mask }) => `ip ${formatIp(address)}/${prefixLength(mask)}`),
    ...subtrees.directory.map((base) => `directory ${showDistinguishedName(base)}`),
    ...subtrees.other.map((tag) => `kind [${tag}]`),
  ];
  return shown.map((text) => [label, printable(text)] as const);
}

function prefixLength(mask: Uint8Array): number {
  return mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}

/** Extensions whose content no other line shows. */
function otherRows({ extensions, unknownCritical, aki }: Certificate): Rows {
  const rows: Rows = [];
  if (aki?.keyId !== undefined) rows.push(['issuer key', pairs(aki.keyId)]);
  for (const { oid, critical } of extensions) {
    if (unknownCritical.includes(oid))
      rows.push(['extension', `${OID_NAMES[oid] ?? oid} (critical, not understood)`]);
    else if (!SHOWN.has(oid))
      rows.push(['extension', `${OID_NAMES[oid] ?? oid}${critical ? ' (critical)' : ''}`]);
  }
  return rows;
}

const SHOWN: ReadonlySet<string> = new Set<string>([
  OID.subjectKeyIdentifier,
  OID.keyUsage,
  OID.subjectAltName,
  OID.basicConstraints,
  OID.nameConstraints,
  OID.authorityKeyIdentifier,
  OID.extendedKeyUsage,
]);

function pairs(bytes: Uint8Array): string {
  return hex(bytes).replace(/..(?=.)/g, '$&:');
}

function showTime(time: number): string {
  return new Date(time).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
}
