/**
 * What a name in a certificate matches: host names and addresses (RFC 9525 §6), and the subtrees of name
 * constraints (RFC 5280 §4.2.1.10). Only subject alternative names count; the common name is for people to
 * read.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { Certificate, CertificateNames, IpRange, NameConstraints, Subtrees } from './certificate.ts';
import { emailAttributes, isAlikeWithin, isEmptyName, isWithinSubtree } from './distinguishedName.ts';
import { quoted } from './quoted.ts';

/* ---- Reference identifiers ---- */

/** `pattern` is as in the certificate; `host` is a lower-case A-label name. */
export function matchesDns(pattern: string, host: string): boolean {
  const presented = pattern.toLowerCase();
  if (!isPresentedDns(presented)) return false;
  if (!presented.startsWith('*.')) return presented === host;
  // The wildcard is one whole left-most label (§6.3), and leaves at least two labels: "*.com" is nobody's to
  // hold.
  const base = presented.slice(2);
  const dot = host.indexOf('.');
  return dot > 0 && base.includes('.') && host.slice(dot + 1) === base;
}

export function matchesHost(names: CertificateNames, host: string): boolean {
  return names.dns.some((pattern) => matchesDns(pattern, host));
}

/** Addresses are compared as bytes, never as text (§6.4). */
export function matchesIp(names: CertificateNames, address: Uint8Array): boolean {
  return names.ip.some((ip) => equalBytes(ip, address));
}

/**
 * A host name, with at most a wildcard for its first label. Underscores occur in the wild and match nothing
 * of ours.
 */
function isPresentedDns(name: string): boolean {
  const host = name.startsWith('*.') ? name.slice(2) : name;
  return name.length <= 253 && /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(host);
}

/** Ends like an IPv4 address in any of its spellings (`127.1`, `0x7f.1`), and so is one to whoever reads URLs. */
function endsInNumber(host: string): boolean {
  return /(^|\.)(\d+|0x[0-9a-f]*)$/.test(host);
}

/**
 * The first name that is not written as §4.2.1.6 wants it, or undefined: host names in preferred syntax (RFC 1123 §2.1) with a
 * wildcard only where one can match, no address among them, mailboxes, and URIs that have a scheme.
 */
export function misspeltName({ dns, email, uri }: CertificateNames): string | undefined {
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
  const host = new RegExp(`^(\\*\\.${label}\\.)?${label}(\\.${label})*$`, 'i');
  return (
    dns.find((name) => name.length > 253 || !host.test(name) || endsInNumber(name.toLowerCase())) ??
    email.find((name) => readMailbox(name) === undefined) ??
    uri.find((name) => !/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(name))
  );
}

/** Reads an IPv4 or IPv6 address in text, or gives undefined. */
export function parseIp(text: string): Bytes | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Bytes | undefined {
  const parts = text.split('.');
  const fits =
    parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return fits ? Uint8Array.from(parts, Number) : undefined;
}

function parseIpv6(text: string): Bytes | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => ipv6Groups(half, i === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])]);
}

/** Groups of four digits as bytes; the last of all may be an IPv4 address (RFC 4291 §2.2). */
function ipv6Groups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [i, group] of groups.entries()) {
    const v4 = isEnd && i === groups.length - 1 ? parseIpv4(group) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return bytes.length <= 16 ? bytes : undefined;
}

/** Four groups of decimals, or eight of hexadecimals with the longest run of zeros left out (RFC 5952). */
export function formatIp(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const groups: string[] = [];
  for (let i = 0; i < address.length; i += 2)
    groups.push(((address[i]! << 8) | address[i + 1]!).toString(16));
  const text = groups.join(':');
  const runs = text.match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return text;
  const at = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  const before = text.slice(0, at).replace(/:$/, '');
  const after = text.slice(at + longest.length).replace(/^:/, '');
  return `${before}::${after}`;
}

/* ---- Name constraints ---- */

/**
 * Why `certificate` breaks `constraints`, or undefined. `spend` is called once per comparison and throws when
 * the budget is gone. A name we cannot judge under a constraint of its kind counts as breaking it.
 */
export function constraintViolation(
  certificate: Certificate,
  constraints: NameConstraints,
  spend: () => void,
): string | undefined {
  const { names, subject } = certificate;
  const { permitted, excluded } = constraints;
  // A subject may be long, and is taken apart only where somebody asks for mailboxes.
  const isMailLimited = permitted.email.length + excluded.email.length > 0;
  const mail = isMailLimited ? [...names.email, ...emailAttributes(subject)] : [];
  const directory = isEmptyName(subject) ? names.directory : [subject, ...names.directory];
  const limit = { permitted, excluded, spend };
  return (
    broken('dns', names.dns, limit, { read: readDns, permits: dnsWithin, excludes: dnsTouches }) ??
    broken('email', mail, limit, { read: readMailbox, permits: mailWithin }) ??
    broken('uri', names.uri, limit, { read: uriHost, permits: hostWithin }) ??
    broken('ip', names.ip, limit, { read: asIs<Bytes>, permits: ipWithin, excludes: ipTouches }) ??
    broken('directory', directory, limit, {
      ...{ read: asIs<Bytes>, permits: isWithinSubtree },
      excludes: isAlikeWithin,
    }) ??
    unjudged(names, permitted, excluded)
  );
}

type Kind = 'dns' | 'email' | 'uri' | 'ip' | 'directory';
type Base<K extends Kind> = Subtrees[K][number];

interface Limit {
  readonly permitted: Subtrees;
  readonly excluded: Subtrees;
  readonly spend: () => void;
}

interface Rules<Name, Read, B> {
  /** Takes the name apart, once; undefined when it is malformed. */
  readonly read: (name: Name) => Read | undefined;
  /** Every host the name stands for lies within the base. */
  readonly permits: (name: Read, base: B) => boolean;
  /** Something the name stands for, or may be taken for, lies within the base; the same as `permits` unless given. */
  readonly excludes?: (name: Read, base: B) => boolean;
}

function broken<K extends Kind, Name, Read>(
  kind: K,
  presented: readonly Name[],
  { permitted, excluded, spend }: Limit,
  { read, permits, excludes = permits }: Rules<Name, Read, Base<K>>,
): string | undefined {
  const allowed = permitted[kind] as readonly Base<K>[];
  const refused = excluded[kind] as readonly Base<K>[];
  if (allowed.length === 0 && refused.length === 0) return undefined;
  const matches = (
    name: Read,
    bases: readonly Base<K>[],
    rule: (name: Read, base: Base<K>) => boolean,
  ): boolean =>
    bases.some((base) => {
      spend();
      return rule(name, base);
    });
  for (const name of presented) {
    const known = read(name);
    if (known === undefined) return `${kind} name ${show(name)} is malformed under a constraint`;
    if (matches(known, refused, excludes)) return `${kind} name ${show(name)} is excluded`;
    if (allowed.length > 0 && !matches(known, allowed, permits))
      return `${kind} name ${show(name)} is not among the permitted`;
  }
  return undefined;
}

function asIs<T>(name: T): T {
  return name;
}

/**
 * Kinds we do not process: refuse when a constraint and a name of the kind meet (§4.2.1.10). A mailbox outside ASCII is an
 * otherName, but constraints on mail are for it too (RFC 9598 §6).
 */
function unjudged(names: CertificateNames, permitted: Subtrees, excluded: Subtrees): string | undefined {
  if (names.utf8Email.length > 0 && permitted.email.length + excluded.email.length > 0)
    return 'a mailbox outside ASCII is under a constraint that cannot be judged';
  const met = names.other.find((tag) => permitted.other.includes(tag) || excluded.other.includes(tag));
  return met === undefined
    ? undefined
    : `a name of kind [${met}] is under a constraint that cannot be judged`;
}

function show(name: unknown): string {
  if (typeof name === 'string') return quoted(name);
  return name instanceof Uint8Array && (name.length === 4 || name.length === 16) ? formatIp(name) : '(DER)';
}

function readDns(name: string): string | undefined {
  const host = name.toLowerCase();
  return isPresentedDns(host) ? host : undefined;
}

function dnsWithin(host: string, base: string): boolean {
  if (!host.endsWith(base)) return false;
  return base === '' || host.length === base.length || host[host.length - base.length - 1] === '.';
}

/** "*.example.com" touches the subtree "bar.example.com": one of the hosts it stands for lies there. */
function dnsTouches(host: string, base: string): boolean {
  if (dnsWithin(host, base)) return true;
  return host.startsWith('*.') && base.slice(base.indexOf('.') + 1) === host.slice(2);
}

export interface Mailbox {
  readonly local: string;
  /** Lower case. */
  readonly host: string;
}

/**
 * A mailbox whose local part is written without quotes (Dot-string, RFC 5321 §4.1.2), at a host. A quoted one can spell the
 * same mailbox in many ways, so that nobody could say which base it lies in.
 */
export function readMailbox(mailbox: string): Mailbox | undefined {
  const at = mailbox.lastIndexOf('@');
  const local = mailbox.slice(0, at);
  const host = mailbox.slice(at + 1).toLowerCase();
  const fits = at > 0 && isDotString(local) && !host.startsWith('*') && isPresentedDns(host);
  return fits ? { local, host } : undefined;
}

export function isDotString(local: string): boolean {
  return /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i.test(local);
}

/** A mailbox, a host, or every host below ".domain". The local part is compared exactly (§7.5). */
function mailWithin({ local, host }: Mailbox, base: string): boolean {
  const at = base.lastIndexOf('@');
  if (at < 0) return hostWithin(host, base);
  return local === base.slice(0, at) && host === base.slice(at + 1);
}

/** Unlike a DNS base, this names one host, unless a dot leads. */
function hostWithin(host: string, base: string): boolean {
  return base.startsWith('.') ? host.endsWith(base) : host === base;
}

/**
 * The host of `scheme://[user@]host[:port]…` (RFC 3986 §3), lower case; undefined without one, for an IP address, and for
 * whatever one reader might take for another host than the next does.
 */
export function uriHost(uri: string): string | undefined {
  const authority =
    /^[a-z][a-z0-9+.-]*:\/\/(?:[\w.~!$&'()*+,;=:%-]*@)?([^/?#@:]*)(?::\d*)?(?:[/?#][\x21-\x7e]*)?$/i.exec(
      uri,
    );
  const host = authority?.[1]?.toLowerCase();
  if (host === undefined || uri.includes('\\')) return undefined;
  return !host.startsWith('*') && isPresentedDns(host) && !endsInNumber(host) ? host : undefined;
}

function ipWithin(ip: Uint8Array, { address, mask }: IpRange): boolean {
  return ip.length === address.length && ip.every((byte, i) => ((byte ^ address[i]!) & mask[i]!) === 0);
}

/** An IPv4 address stays one when IPv6 carries it (RFC 4291 §2.5.5.2): what excludes it excludes `::ffff:192.0.2.1`. */
function ipTouches(ip: Uint8Array, range: IpRange): boolean {
  return ipWithin(ip, range) || (isMapped(ip) && ipWithin(ip.subarray(12), range));
}

function isMapped(ip: Uint8Array): boolean {
  return ip.length === 16 && ip.subarray(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff));
}
