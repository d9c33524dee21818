/**
 * Certificates, requests, revocation lists and keys in words, for `q2q cert show`: every line says one thing, everything that
 * `openssl x509 -text` shows of what a thing says is there, and nothing hostile reaches the terminal. The bits of keys and
 * signatures are left to programs; key id and fingerprint stand for them.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, hex } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { parseSpki } from '../crypto/spki.ts';
import type { Certificate, SignatureAlgorithm, Subtrees } from './certificate.ts';
import type { Crl } from './crl.ts';
import { parseCsr } from './csr.ts';
import { context, DerReader, TAG } from './der.ts';
import {
  authorityCertificate,
  extensionRows,
  isCritical,
  otherNames,
  type Row,
} from './describeExtensions.ts';
import { showDistinguishedName, visible } from './distinguishedName.ts';
import { noExtensions, type ReadExtensions, readExtensions } from './extensions.ts';
import { formatIp } from './names.ts';
import { OID } from './oid.ts';
import { oidName } from './oidNames.ts';
import { groupPeerId, peerId } from './peerId.ts';
import { isSelfIssued } from './rules.ts';

/** `now`, where it is given, adds how long the certificate has still to go. */
export function describeCertificate(certificate: Certificate, now?: number): string {
  const { subject, issuer, notBefore, notAfter, spki } = certificate;
  return table([
    ['subject', showDistinguishedName(subject)],
    ...nameRows(certificate),
    ['issuer', `${showDistinguishedName(issuer)}${isSelfIssued(certificate) ? ' (itself)' : ''}`],
    ['version', String(certificate.version)],
    ['serial', pairs(certificate.serial)],
    ['valid from', `${showTime(notBefore)}${begins(notBefore, now)}`],
    ['valid to', `${showTime(notAfter)}${ends(notAfter, now)}`],
    ...keyRows(spki),
    ['signed with', algorithmText(certificate.signatureAlgorithm)],
    ['authority', authorityText(certificate)],
    ...usageRows(certificate),
    ...constraintRows(certificate),
    ...keyIdRows(certificate),
    ...extensionRows(certificate),
    ['fingerprint', `SHA-256 ${pairs(sha256(certificate.der))}`],
  ]);
}

/** A request (PKCS#10): what it wishes for, and whether it proves its key. Throws for what is no request. */
export function describeRequest(der: Uint8Array, provider: CryptoProvider): string {
  const { spki } = parseCsr(provider, der);
  const { subject, wishes } = readWishes(new Uint8Array(der));
  return table([
    ['request for', showDistinguishedName(subject)],
    ...nameRows(wishes),
    ...keyRows(spki),
    ['proof', 'signed by its own key'],
    ...(wishes.extensions.length === 0 ? [] : [['authority', authorityText(wishes)] as Row]),
    ...usageRows(wishes),
    ...constraintRows(wishes),
    ...extensionRows(wishes),
    ['fingerprint', `SHA-256 ${pairs(sha256(der))}`],
  ]);
}

/** A revocation list; of a long one the first hundred entries. */
export function describeCrl(crl: Crl, now?: number): string {
  const { thisUpdate, nextUpdate, revoked, number, aki } = crl;
  const shown = [...revoked.values()].slice(0, MAX_ENTRIES);
  const more = revoked.size - shown.length;
  return table([
    ['revocation list of', showDistinguishedName(crl.issuer)],
    ['number', number === undefined ? 'none' : String(BigInt(`0x${hex(number)}`))],
    ['from', `${showTime(thisUpdate)}${begins(thisUpdate, now)}`],
    ['next', nextUpdate === undefined ? 'not said' : `${showTime(nextUpdate)}${ends(nextUpdate, now)}`],
    ['signed with', algorithmText(crl.signatureAlgorithm)],
    ...(crl.kind === 'full' ? [] : [['kind', `${crl.kind}: not used by itself`] as Row]),
    ...(aki?.keyId === undefined ? [] : [['issuer key', pairs(aki.keyId)] as Row]),
    ...extensionRows(crl),
    ['revoked', counted(revoked.size)],
    ...shown.map(
      ({ serial, date, reason }) =>
        ['', `${pairs(serial)}  ${showTime(date)}${reason === undefined ? '' : `  ${reason}`}`] as const,
    ),
    ...(more === 0 ? [] : [['', `and ${more} more`] as const]),
    ['fingerprint', `SHA-256 ${pairs(sha256(crl.der))}`],
  ]);
}

const MAX_ENTRIES = 100;

function counted(certificates: number): string {
  if (certificates === 0) return 'nothing';
  return certificates === 1 ? '1 certificate' : `${certificates} certificates`;
}

/** A key by its public half: DER SubjectPublicKeyInfo. `what` says whose it is, and how it was kept. */
export function describeKey(spki: Bytes, what: string): string {
  return table([['what', what], ...keyRows(spki)]);
}

function table(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `${label.padEnd(width)}  ${text}\n`).join('');
}

type Extended = Pick<
  ReadExtensions,
  'names' | 'isCa' | 'pathLength' | 'keyUsage' | 'extendedKeyUsage' | 'nameConstraints' | 'extensions'
>;

function nameRows({ names, extensions }: Pick<Extended, 'names' | 'extensions'>): Row[] {
  const shown = [
    ...names.email.map((name) => `mail ${visible(name)}`),
    ...names.uri.map((name) => `uri ${visible(name)}`),
    ...names.dns.map((name) => `dns ${visible(name)}`),
    ...names.ip.map((ip) => `ip ${formatIp(ip)}`),
    ...names.directory.map((name) => `directory ${showDistinguishedName(name)}`),
    ...(names.other.length === 0 ? [] : otherNames(extensions)),
  ];
  if (shown.length === 0) return [['names', 'none']];
  const rows = shown.map((text): Row => ['name', text]);
  return isCritical(extensions, OID.subjectAltName) ? [...rows, ['', '(these names are critical)']] : rows;
}

const KEY_TEXT = {
  ed25519: 'Ed25519',
  p256: 'P-256',
  p384: 'P-384',
  p521: 'P-521',
  rsa: 'RSA',
  'rsa-pss': 'RSA-PSS',
} as const;

function keyRows(spki: Bytes): Row[] {
  return [
    ['key', keyText(spki)],
    ['key id', groupPeerId(peerId(spki))],
  ];
}

function keyText(spki: Bytes): string {
  const key = parseSpki(spki);
  if (key === undefined) {
    const algorithm = new DerReader(spki).sequence('key').sequence('algorithm').oid('algorithm');
    return `${oidName(algorithm)}, of a kind or size that is not accepted (${spki.length} bytes)`;
  }
  if (!('modulus' in key)) return KEY_TEXT[key.kind];
  const only = key.onlyHash === undefined ? '' : `, only with ${hashText(key.onlyHash)}`;
  const bits = key.modulus.length * 8;
  return `${KEY_TEXT[key.kind]} ${bits} bits, exponent ${BigInt(`0x${hex(key.exponent)}`)}${only}`;
}

function hashText(hash: string): string {
  return hash.toUpperCase().replace('SHA', 'SHA-');
}

function algorithmText({ oid, family, hash }: SignatureAlgorithm): string {
  const name = oidName(oid);
  if (family === undefined) return `${name} (not accepted)`;
  return family === 'rsa-pss' ? `${name} with ${hashText(hash!)}` : name;
}

function authorityText({
  isCa,
  pathLength,
  extensions,
}: Pick<Extended, 'isCa' | 'pathLength' | 'extensions'>): string {
  const critical = isCritical(extensions, OID.basicConstraints) ? ' (critical)' : '';
  if (!isCa) return `no: an end entity${critical}`;
  return `${pathLength === undefined ? 'yes, to any depth' : `yes, over ${pathLength} further CAs`}${critical}`;
}

function usageRows({ keyUsage, extendedKeyUsage, extensions }: Extended): Row[] {
  const mark = (oid: string): string => (isCritical(extensions, oid) ? ' (critical)' : '');
  const rows: Row[] = [];
  if (keyUsage !== undefined) rows.push(['key usage', `${[...keyUsage].join(', ')}${mark(OID.keyUsage)}`]);
  if (extendedKeyUsage !== undefined)
    rows.push(['used for', `${extendedKeyUsage.map(oidName).join(', ')}${mark(OID.extendedKeyUsage)}`]);
  return rows;
}

function constraintRows({ nameConstraints, extensions }: Extended): Row[] {
  if (nameConstraints === undefined) return [];
  const rows = [
    ...subtreeRows('may sign', nameConstraints.permitted),
    ...subtreeRows('may not sign', nameConstraints.excluded),
  ];
  if (isCritical(extensions, OID.nameConstraints)) return rows;
  return [...rows, ['', 'these limits are not critical: some programs pass over them']];
}

function subtreeRows(label: string, subtrees: Subtrees): Row[] {
  const shown = [
    ...subtrees.email.map((base) => `mail ${base}`),
    ...subtrees.dns.map((base) => `dns ${base === '' ? '(all)' : base}`),
    ...subtrees.uri.map((base) => `uri ${base}`),
    ...subtrees.ip.map(({ address, mask }) => `ip ${formatIp(address)}/${prefixLength(mask)}`),
    ...subtrees.directory.map((base) => `directory ${showDistinguishedName(base)}`),
    ...subtrees.other.map((tag) => `kind [${tag}]`),
  ];
  return shown.map((text) => [label, visible(text)] as const);
}

function prefixLength(mask: Uint8Array): number {
  return mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}

function keyIdRows({ ski, aki, extensions }: Certificate): Row[] {
  const rows: Row[] = [];
  if (ski !== undefined) rows.push(['subject key', pairs(ski)]);
  if (aki?.keyId !== undefined) rows.push(['issuer key', pairs(aki.keyId)]);
  if (aki?.hasIssuerAndSerial === true) rows.push(['issuer key', authorityCertificate(extensions)]);
  return rows;
}

/** PKCS#9 extensionRequest: where a PKCS#10 request says what it wishes for. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

function readWishes(der: Bytes): { readonly subject: Bytes; readonly wishes: ReadExtensions } {
  const info = new DerReader(der).sequence('request').sequence('requestInfo');
  info.any('version');
  const subject = info.any('subject').der;
  info.any('key');
  const attributes = info.optionalNested(context(0, true), 'attributes');
  while (attributes !== undefined && !attributes.done) {
    const attribute = attributes.sequence('attribute');
    if (attribute.oid('attribute') !== EXTENSION_REQUEST) continue;
    const values = attribute.nested(TAG.set, 'attribute values');
    return { subject, wishes: readExtensions(values.sequence('extensions')) };
  }
  return { subject, wishes: noExtensions() };
}

function pairs(bytes: Uint8Array): string {
  return hex(bytes).replace(/..(?=.)/g, '$&:');
}

function showTime(time: number): string {
  return new Date(time).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
}

function begins(time: number, now: number | undefined): string {
  return now === undefined || time <= now ? '' : ` (in ${span(time - now)})`;
}

/** The last second counts whole (RFC 5280 §4.1.2.5). */
function ends(time: number, now: number | undefined): string {
  if (now === undefined) return '';
  const left = time + 1000 - now;
  return left > 0 ? ` (${span(left)} left)` : ` (ended ${span(-left)} ago)`;
}

const SPANS = [
  ['year', 365 * 86_400_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** Rounded down to whole years of which there are two at least, days, hours or minutes. */
function span(milliseconds: number): string {
  for (const [unit, length] of SPANS) {
    const count = Math.floor(milliseconds / length);
    if (count >= (unit === 'year' ? 2 : 1)) return `${count} ${unit}${count === 1 ? '' : 's'}`;
  }
  return 'less than a minute';
}
