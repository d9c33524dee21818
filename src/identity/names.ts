/**
 * What a name in a certificate matches: host names and addresses (RFC 9525 §6), and the subtrees of name
 * constraints (RFC 5280 §4.2.1.10). Only subject alternative names count; the common name is for people to
 * read.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { Certificate, CertificateNames, IpRange, NameConstraints, Subtrees } from './certificate.ts';
import { emailAttributes, isEmptyName, isWithinSubtree } from './distinguishedName.ts';

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
  const [head, tail] = halves.map(ipv6Groups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])]);
}

/** Groups of four digits, the last perhaps an IPv4 address (RFC 4291 §2.2), as bytes. */
function ipv6Groups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [i, group] of groups.entries()) {
    const v4 = i === groups.length - 1 ? parseIpv4(group) : undefined;
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
  const mail = names.email.length > 0 ? names.email : emailAttributes(subject);
  const directory = isEmptyName(subject) ? names.directory : [subject, ...names.directory];
  const limit = { permitted, excluded, spend };
  return (
    broken('dns', names.dns, limit, { read: readDns, permits: dnsWithin, excludes: dnsTouches }) ??
    broken('email', mail, limit, { read: readMailbox, permits: mailWithin }) ??
    broken('uri', names.uri, limit, { read: uriHost, permits: hostWithin }) ??
    broken('ip', names.ip, limit, { read: asIs<Bytes>, permits: ipWithin }) ??
    broken('directory', directory, limit, { read: asIs<Bytes>, permits: isWithinSubtree }) ??
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
  /**
   * Some host the name stands for lies within the base; the same as `permits` for names without wildcards.
   */
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

/** Kinds we do not process: refuse when a constraint and a name of the kind meet (§4.2.1.10). */
function unjudged(names: CertificateNames, permitted: Subtrees, excluded: Subtrees): string | undefined {
  const met = names.other.find((tag) => permitted.other.includes(tag) || excluded.other.includes(tag));
  return met === undefined
    ? undefined
    : `a name of kind [${met}] is under a constraint that cannot be judged`;
}

function show(name: unknown): string {
  if (typeof name === 'string') return JSON.stringify(name.slice(0, 100));
  return name instanceof Uint8Array && (name.length === 4 || name.length === 16) ? formatIp(name) : '(DER)';
}

function readDns(name: string): string | undefined {
  const host = name.toLowerCase();
  return isPresentedDns(host) ? host : undefined;
}

function dnsWithin(host: string, base: string): boolean {
  const top = base.toLowerCase();
  return top === '' || host === top || host.endsWith(`.${top}`);
}

/** "*.example.com" touches the subtree "bar.example.com": one of the hosts it stands for lies there. */
function dnsTouches(host: string, base: string): boolean {
  if (dnsWithin(host, base)) return true;
  const top = base.toLowerCase();
  return host.startsWith('*.') && top.slice(top.indexOf('.') + 1) === host.slice(2);
}

interface Mailbox {
  readonly local: string;
  readonly host: string;
}

function readMailbox(mailbox: string): Mailbox | undefined {
  const at = mailbox.indexOf('@');
  const host = mailbox.slice(at + 1).toLowerCase();
  const fits = at > 0 && /^[\x21-\x7e]+$/.test(mailbox) && !host.startsWith('*') && isPresentedDns(host);
  return fits ? { local: mailbox.slice(0, at), host } : undefined;
}

/** A mailbox, a host, or every host below ".domain". The local part is compared exactly (§7.5). */
function mailWithin({ local, host }: Mailbox, base: string): boolean {
  const at = base.lastIndexOf('@');
  if (at < 0) return hostWithin(host, base);
  return local === base.slice(0, at) && host === base.slice(at + 1).toLowerCase();
}

/** Unlike a DNS base, this names one host, unless a dot leads. */
function hostWithin(host: string, base: string): boolean {
  const top = base.toLowerCase();
  return top.startsWith('.') ? host.endsWith(top) : host === top;
}

/** The host of `scheme://[user@]host[:port]…`; undefined without one, or for an IP address. */
export function uriHost(uri: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(uri)?.[1];
  if (authority === undefined) return undefined;
  const host = authority
    .slice(authority.lastIndexOf('@') + 1)
    .replace(/:\d*$/, '')
    .toLowerCase();
  return !host.startsWith('*') && isPresentedDns(host) && parseIp(host) === undefined ? host : undefined;
}

function ipWithin(ip: Uint8Array, { address, mask }: IpRange): boolean {
  return ip.length === address.length && ip.every((byte, i) => ((byte ^ address[i]!) & mask[i]!) === 0);
}
