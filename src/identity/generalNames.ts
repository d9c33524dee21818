/**
 * GeneralName and GeneralSubtree (RFC 5280 §4.2.1.6, §4.2.1.10): reading. What they match is in `names.ts`.
 */
import { type Bytes, latin1 } from '../base/bytes.ts';
import type { CertificateNames, IpRange, NameConstraints, Subtrees } from './certificate.ts';
import { context, DerReader, malformed, type Tlv } from './der.ts';
import { parseDistinguishedName } from './distinguishedName.ts';
import { isDotString } from './names.ts';
import { decodeOid, OID } from './oid.ts';
import { quoted } from './quoted.ts';

/** Context tags of GeneralName. */
export const NAME_TAG: Readonly<Record<'email' | 'dns' | 'directory' | 'uri' | 'ip', number>> = {
  email: context(1),
  dns: context(2),
  directory: context(4, true),
  uri: context(6),
  ip: context(7),
};

/**
 * otherName, x400Address, ediPartyName (constructed) and registeredID (primitive): recorded, never matched.
 */
const OTHER_NAME = context(0, true);
const REGISTERED_ID = context(8);
const OTHER_TAGS: readonly number[] = [OTHER_NAME, context(3, true), context(5, true), REGISTERED_ID];

/** Names and bases by kind, while they are read. */
interface Collected {
  readonly dns: string[];
  readonly ip: Bytes[];
  readonly email: string[];
  readonly uri: string[];
  readonly directory: Bytes[];
  readonly other: number[];
  readonly utf8Email: Bytes[];
}

function collected(): Collected {
  return { dns: [], ip: [], email: [], uri: [], directory: [], other: [], utf8Email: [] };
}

/** Sorts one GeneralName into its kind. IP values are the caller's to check: names and constraints differ. */
function collect(into: Collected, { tag, value }: Tlv, what: string): void {
  if (tag === NAME_TAG.dns) into.dns.push(ia5(value, what));
  else if (tag === NAME_TAG.email) into.email.push(ia5(value, what));
  else if (tag === NAME_TAG.uri) into.uri.push(ia5(value, what));
  else if (tag === NAME_TAG.ip) into.ip.push(value);
  else if (tag === NAME_TAG.directory) into.directory.push(directoryName(value, what));
  else if (OTHER_TAGS.includes(tag)) {
    into.other.push(tag & 0x1f);
    if (tag === OTHER_NAME && otherNameKind(value, what) === OID.smtpUtf8Mailbox) into.utf8Email.push(value);
    if (tag === REGISTERED_ID) decodeOid(value, what);
  } else throw malformed(`${what} has a GeneralName of unknown kind 0x${tag.toString(16)}`);
}

/** The type of an otherName, whose value is one element of any kind. */
function otherNameKind(value: Bytes, what: string): string {
  const reader = new DerReader(value);
  const kind = reader.oid(what);
  const inner = reader.nested(context(0, true), what);
  inner.any(what);
  inner.end(what);
  reader.end(what);
  return kind;
}

/** Name is a CHOICE, so its tag is explicit. */
function directoryName(value: Bytes, what: string): Bytes {
  const reader = new DerReader(value);
  const name = reader.any(what).der;
  reader.end(what);
  parseDistinguishedName(name, what);
  return name;
}

function ia5(value: Uint8Array, what: string): string {
  if (value.some((byte) => byte > 0x7f)) throw malformed(`${what} has a character outside ASCII`);
  return latin1(value);
}

/** Reads GeneralNames; there is at least one. */
export function readGeneralNames(reader: DerReader, what: string): CertificateNames {
  if (reader.done) throw malformed(`${what} is empty`);
  const names = collected();
  while (!reader.done) collect(names, reader.any(what), what);
  for (const ip of names.ip)
    if (ip.length !== 4 && ip.length !== 16)
      throw malformed(`${what} has an IP address of ${ip.length} bytes`);
  return freeze(names);
}

export const NO_NAMES: CertificateNames = freeze(collected());

/** Reads NameConstraints; one of its lists is there and not empty (§4.2.1.10). */
export function readNameConstraints(reader: DerReader): NameConstraints {
  const permitted = reader.optionalNested(context(0, true), 'permitted subtrees');
  const excluded = reader.optionalNested(context(1, true), 'excluded subtrees');
  reader.end('name constraints');
  if (permitted === undefined && excluded === undefined)
    throw malformed('name constraints constrain nothing');
  return Object.freeze({
    permitted: permitted === undefined ? NO_SUBTREES : readSubtrees(permitted, 'permitted subtrees'),
    excluded: excluded === undefined ? NO_SUBTREES : readSubtrees(excluded, 'excluded subtrees'),
  });
}

const NO_SUBTREES: Subtrees = freeze({ ...collected(), ip: [] as IpRange[] });

function readSubtrees(reader: DerReader, what: string): Subtrees {
  if (reader.done) throw malformed(`${what} are empty`);
  const bases = collected();
  while (!reader.done) {
    const subtree = reader.sequence(what);
    collect(bases, subtree.any(what), what);
    // minimum is 0 by DEFAULT, so DER leaves it out, and maximum must be absent (§4.2.1.10).
    subtree.end(what);
  }
  for (const host of bases.dns)
    if (!isHostBase(host)) throw malformed(`${what} have the DNS base ${quoted(host)}`);
  for (const base of bases.email) checkMailBase(base, what);
  for (const base of bases.uri)
    if (/^\.?$/.test(base) || !isHostBase(base.replace(/^\./, '')))
      throw malformed(`${what} have the URI base ${quoted(base)}`);
  return freeze({
    ...bases,
    dns: bases.dns.map((base) => base.toLowerCase()),
    email: bases.email.map(foldMailHost),
    uri: bases.uri.map((base) => base.toLowerCase()),
    ip: bases.ip.map((bytes) => readRange(bytes, what)),
  });
}

/** "" (every name) or a host name; a leading dot is not a DNS form (it is one of mail and URI). */
function isHostBase(base: string): boolean {
  return base === '' || (base.length <= 253 && /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/i.test(base));
}

/** A mailbox, a host, or a domain with a leading dot. */
function checkMailBase(base: string, what: string): void {
  const at = base.lastIndexOf('@');
  const host = at < 0 ? base.replace(/^\./, '') : base.slice(at + 1);
  if (host === '' || !isHostBase(host) || (at >= 0 && !isDotString(base.slice(0, at))))
    throw malformed(`${what} have the mail base ${quoted(base)}`);
}

/** Only the host is without case (§7.5). */
function foldMailHost(base: string): string {
  const at = base.lastIndexOf('@') + 1;
  return base.slice(0, at) + base.slice(at).toLowerCase();
}

/** Address and mask, CIDR style (RFC 4632): ones, then zeros. */
function readRange(bytes: Bytes, what: string): IpRange {
  if (bytes.length !== 8 && bytes.length !== 32)
    throw malformed(`${what} have an IP base of ${bytes.length} bytes`);
  const mask = bytes.subarray(bytes.length / 2);
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  if (bits.includes('01')) throw malformed(`${what} have an IP mask with a hole`);
  return Object.freeze({ address: bytes.subarray(0, bytes.length / 2), mask });
}

function freeze<T extends object>(lists: T): T {
  for (const list of Object.values(lists)) Object.freeze(list);
  return Object.freeze(lists);
}
