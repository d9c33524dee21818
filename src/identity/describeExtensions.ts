/**
 * Extensions that no rule of ours reads, in words: policies, where lists and issuers are to be found, timestamps of
 * transparency logs, names of other kinds. What is not known, or not written as it should be, is shown as octets; a
 * certificate may carry anything here.
 */
import { fromUtf8, hex } from '../base/bytes.ts';
import type { CertificateNames, Extension } from './certificate.ts';
import { context, DerReader, TAG } from './der.ts';
import { showDistinguishedName, visible } from './distinguishedName.ts';
import { readGeneralNames } from './generalNames.ts';
import { formatIp } from './names.ts';
import { decodeOid, OID } from './oid.ts';
import { oidName } from './oidNames.ts';

export type Row = readonly [label: string, text: string];

/** Octets of an unknown extension that are shown. */
const MAX_SHOWN = 64;

export function isCritical(extensions: readonly Extension[], oid: string): boolean {
  return extensions.some((extension) => extension.oid === oid && extension.critical);
}

/** Shown by `describe.ts` in rows of their own. */
const SHOWN: ReadonlySet<string> = new Set([
  OID.subjectKeyIdentifier,
  OID.keyUsage,
  OID.subjectAltName,
  OID.basicConstraints,
  OID.nameConstraints,
  OID.authorityKeyIdentifier,
  OID.extendedKeyUsage,
  OID.crlNumber,
]);

interface Extended {
  readonly extensions: readonly Extension[];
  readonly unknownCritical: readonly string[];
}

/** One row or more for each extension that has no row of its own yet. */
export function extensionRows({ extensions, unknownCritical }: Extended): Row[] {
  return extensions
    .filter(({ oid }) => !SHOWN.has(oid))
    .flatMap((extension) => {
      const { oid, critical, value } = extension;
      const mark = unknownCritical.includes(oid)
        ? ' (critical, not understood)'
        : critical
          ? ' (critical)'
          : '';
      const rows = understood(extension);
      if (rows !== undefined && rows.length > 0)
        return rows.map(([label, text], i): Row => [label, i === 0 ? `${text}${mark}` : text]);
      return [['extension', `${oidName(oid)}${mark} ${octets(value)}`] as const];
    });
}

function understood({ oid, value }: Extension): Row[] | undefined {
  const read = READERS[oid];
  if (read === undefined) return undefined;
  try {
    const reader = new DerReader(value);
    const rows = read(reader);
    reader.end('extension');
    return rows;
  } catch {
    return undefined; // not as its RFC has it: shown as octets
  }
}

const READERS: Readonly<Record<string, (reader: DerReader) => Row[]>> = {
  '2.5.29.32': policies,
  [OID.authorityInfoAccess]: access,
  '1.3.6.1.5.5.7.1.11': access,
  '2.5.29.31': (reader) => distributionPoints(reader, 'revocation list'),
  '2.5.29.46': (reader) => distributionPoints(reader, 'freshest list'),
  '2.5.29.18': (reader) =>
    generalNames(readGeneralNames(reader.sequence('names'), 'names')).map((name) => ['issuer name', name]),
  [OID.policyConstraints]: policyConstraints,
  '2.5.29.54': (reader) => [['policy limit', `any policy only over ${count(reader)} further CAs`]],
  '2.5.29.33': policyMappings,
  '1.3.6.1.5.5.7.1.24': features,
  '1.3.6.1.4.1.11129.2.4.2': timestamps,
  '2.16.840.1.113730.1.13': (reader) => [['comment', ascii(reader.octetString('comment', TAG.ia5String))]],
};

function count(reader: DerReader, tag?: number): number {
  return reader.smallInteger('number', tag);
}

/** RFC 5280 §4.2.1.4. */
function policies(outer: DerReader): Row[] {
  const reader = outer.sequence('policies');
  const rows: Row[] = [];
  while (!reader.done) {
    const policy = reader.sequence('policy');
    const id = policy.oid('policy');
    const name = oidName(id);
    rows.push(['policy', name === id ? id : `${name} (${id})`]);
    const qualifiers = policy.optionalNested(TAG.sequence, 'qualifiers');
    policy.end('policy');
    while (qualifiers !== undefined && !qualifiers.done) {
      const qualifier = qualifiers.sequence('qualifier');
      const kind = qualifier.oid('qualifier');
      const { tag, value } = qualifier.any('qualifier');
      if (kind === '1.3.6.1.5.5.7.2.1' && tag === TAG.ia5String) rows.push(['', `practice ${ascii(value)}`]);
      else if (kind === '1.3.6.1.5.5.7.2.2') rows.push(['', `notice ${noticeText(new DerReader(value))}`]);
      else rows.push(['', `qualifier ${kind} ${octets(value)}`]);
    }
  }
  return rows;
}

/** The explicit text of a UserNotice, the last of its parts. */
function noticeText(notice: DerReader): string {
  let text = '(by reference)';
  while (!notice.done) {
    const { tag, value } = notice.any('notice');
    if (tag !== TAG.sequence) text = stringText(tag, value);
  }
  return text;
}

const ACCESS: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.48.1': 'ocsp',
  '1.3.6.1.5.5.7.48.2': 'issuer at',
  '1.3.6.1.5.5.7.48.5': 'repository',
};

/** §4.2.2.1, §4.2.2.2. */
function access(outer: DerReader): Row[] {
  const reader = outer.sequence('access');
  const rows: Row[] = [];
  while (!reader.done) {
    const description = reader.sequence('description');
    const method = description.oid('method');
    const location = new DerReader(description.any('location').der);
    const [name = ''] = generalNames(readGeneralNames(location, 'location'));
    rows.push([ACCESS[method] ?? `access ${method}`, name.replace(/^uri /, '')]);
  }
  return rows;
}

/** §4.2.1.13. */
function distributionPoints(outer: DerReader, label: string): Row[] {
  const reader = outer.sequence('distribution points');
  const rows: Row[] = [];
  while (!reader.done) {
    const point = reader.sequence('distribution point');
    const name = point.optionalNested(context(0, true), 'name');
    const full = name?.optionalNested(context(0, true), 'full name');
    const names = full === undefined ? [] : generalNames(readGeneralNames(full, 'full name'));
    const limited = point.peek() === context(1) ? ' (some reasons only)' : '';
    if (names.length === 0) rows.push([label, `relative to its issuer${limited}`]);
    for (const each of names) rows.push([label, `${each.replace(/^uri /, '')}${limited}`]);
  }
  return rows;
}

/** §4.2.1.11. */
function policyConstraints(outer: DerReader): Row[] {
  const reader = outer.sequence('constraints');
  const rows: Row[] = [];
  if (reader.peek() === context(0))
    rows.push(['policy limit', `a policy must be named below ${count(reader, context(0))} further CAs`]);
  if (reader.peek() === context(1))
    rows.push(['policy limit', `no mapping below ${count(reader, context(1))} further CAs`]);
  return rows;
}

/** §4.2.1.5. */
function policyMappings(outer: DerReader): Row[] {
  const reader = outer.sequence('mappings');
  const rows: Row[] = [];
  while (!reader.done) {
    const pair = reader.sequence('mapping');
    const [from, to] = [pair.oid('policy'), pair.oid('policy')];
    rows.push(['policy mapping', `${oidName(from)} is ${oidName(to)} here`]);
  }
  return rows;
}

/** RFC 7633: TLS extensions that the server must answer with. */
function features(outer: DerReader): Row[] {
  const reader = outer.sequence('features');
  const rows: Row[] = [];
  while (!reader.done) {
    const number = count(reader);
    rows.push(['must show', number === 5 ? 'a fresh status (OCSP stapling)' : `TLS extension ${number}`]);
  }
  return rows;
}

/** RFC 6962 §3.3: a list of signed certificate timestamps, each with the log's id and a time in milliseconds. */
function timestamps(reader: DerReader): Row[] {
  const list = reader.octetString('timestamps');
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  if (view.getUint16(0) !== list.length - 2) throw new RangeError('list has another length');
  const shown: string[] = [];
  for (let at = 2; at < list.length; ) {
    const end = at + 2 + view.getUint16(at);
    if (end > list.length || end - at < 45) throw new RangeError('timestamp is cut short');
    const log = hex(list.subarray(at + 3, at + 11));
    const time = Number(view.getBigUint64(at + 35));
    shown.push(`by log ${log}… at ${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`);
    at = end;
  }
  const rows = shown.map((text): Row => ['', text]);
  return [['transparency', `${shown.length} signed timestamp${shown.length === 1 ? '' : 's'}`], ...rows];
}

/** RFC 5280 §4.2.1.1: the issuer's certificate by its own issuer and serial number. */
export function authorityCertificate(extensions: readonly Extension[]): string {
  const { value } = extensions.find(({ oid }) => oid === OID.authorityKeyIdentifier)!;
  const reader = new DerReader(value).sequence('authorityKeyIdentifier');
  reader.optional(context(0), 'key id');
  const names = generalNames(readGeneralNames(reader.nested(context(1, true), 'issuer'), 'issuer'));
  return `of the certificate ${hex(reader.any('serial number').value)} by ${names.join(', ')}`;
}

/** Names of kinds that no rule matches: their kind, and their text where it is one. */
export function otherNames(extensions: readonly Extension[]): string[] {
  const found = extensions.find(({ oid }) => oid === OID.subjectAltName);
  if (found === undefined) return [];
  const reader = new DerReader(found.value).sequence('names');
  const shown: string[] = [];
  while (!reader.done) {
    const { tag, value } = reader.any('name');
    if (tag === context(0, true)) shown.push(otherName(new DerReader(value)) ?? `kind [0] ${octets(value)}`);
    else if (tag === context(8)) shown.push(`registered id ${registeredId(value)}`);
    else if (tag === context(3, true) || tag === context(5, true))
      shown.push(`kind [${tag & 0x1f}] ${octets(value)}`);
  }
  return shown;
}

function registeredId(value: Uint8Array): string {
  try {
    return decodeOid(value, 'registered id');
  } catch {
    return octets(value);
  }
}

function otherName(reader: DerReader): string | undefined {
  try {
    const kind = oidName(reader.oid('kind'));
    const { tag, value } = reader.nested(context(0, true), 'value').any('value');
    return `${kind} ${stringText(tag, value)}`;
  } catch {
    return undefined;
  }
}

function generalNames(names: CertificateNames): string[] {
  return [
    ...names.uri.map((name) => `uri ${visible(name)}`),
    ...names.dns.map((name) => `dns ${visible(name)}`),
    ...names.email.map((name) => `mail ${visible(name)}`),
    ...names.ip.map((ip) => `ip ${formatIp(ip)}`),
    ...names.directory.map((name) => `directory ${showDistinguishedName(name)}`),
    ...names.other.map((tag) => `kind [${tag}]`),
  ];
}

const BMP_STRING = 0x1e;
const VISIBLE_STRING = 0x1a;

function stringText(tag: number, value: Uint8Array): string {
  try {
    if (tag === TAG.utf8String) return visible(fromUtf8(value));
    if (tag === TAG.ia5String || tag === TAG.printableString || tag === VISIBLE_STRING) return ascii(value);
    if (tag === BMP_STRING) return visible(new TextDecoder('utf-16be', { fatal: true }).decode(value));
  } catch {
    // not what its type says: shown as octets
  }
  return octets(value);
}

function ascii(value: Uint8Array): string {
  return visible(String.fromCharCode(...value.subarray(0, 4096)));
}

function octets(value: Uint8Array): string {
  const shown = hex(value.subarray(0, MAX_SHOWN));
  return value.length > MAX_SHOWN ? `${shown}… (${value.length} bytes)` : shown;
}
