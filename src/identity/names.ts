/**
 * What a name in a certificate matches: host names and addresses (RFC 9525 §6), and the subtrees of name constraints
 * (RFC 5280 §4.2.1.10). Only subject alternative names count; the common name is for people to read.
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
  // The wildcard is one whole left-most label (§6.3), and leaves at least two labels: "*.com" is nobody's to hold.
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

/** A host name, with at most a wildcard for its first label. Underscores occur in the wild and match nothing of ours. */
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
 * Why `certificate` breaks `constraints`, or undefined. `spend` is called once per comparison and throws when the
 * budget is gone. A name we cannot judge under a constraint of its kind counts as breaking it.
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
    broken('dns', names.dns, limit, {
      valid: isConstrainableDns,
      permits: dnsWithin,
      excludes: dnsTouches,
    }) ??
    broken('email', mail, limit, { valid: isMailbox, permits: mailWithin }) ??
    broken('uri', names.uri, limit, { valid: (uri) => uriHost(uri) !== undefined, permits: uriWithin }) ??
    broken('ip', names.ip, limit, { valid: () => true, permits: ipWithin }) ??
    broken('directory', directory, limit, { valid: () => true, permits: isWithinSubtree }) ??
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

interface Rules<Name, B> {
  readonly valid: (name: Name) => boolean;
  /** Every host the name stands for lies within the base. */
  readonly permits: (name: Name, base: B) => boolean;
  /** Some host the name stands for lies within the base; the same as `permits` for names without wildcards. */
  readonly excludes?: (name: Name, base: B) => boolean;
}

function broken<K extends Kind, Name>(
  kind: K,
  presented: readonly Name[],
  { permitted, excluded, spend }: Limit,
  { valid, permits, excludes = permits }: Rules<Name, Base<K>>,
): string | undefined {
  const allowed = permitted[kind] as readonly Base<K>[];
  const refused = excluded[kind] as readonly Base<K>[];
  if (allowed.length === 0 && refused.length === 0) return undefined;
  const matches = (name: Name, bases: readonly Base<K>[], rule: (name: Name, base: Base<K>) => boolean) =>
    bases.some((base) => {
      spend();
      return rule(name, base);
    });
  for (const name of presented) {
    if (!valid(name)) return `${kind} name ${show(name)} is malformed under a constraint`;
    if (matches(name, refused, excludes)) return `${kind} name ${show(name)} is excluded`;
    if (allowed.length > 0 && !matches(name, allowed, permits))
      return `${kind} name ${show(name)} is not among the permitted`;
  }
  return undefined;
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

const isConstrainableDns = (name: string): boolean => isPresentedDns(name.toLowerCase());

function dnsWithin(name: string, base: string): boolean {
  const host = name.toLowerCase();
  const top = base.toLowerCase();
  return top === '' || host === top || host.endsWith(`.${top}`);
}

/** "*.example.com" touches the subtree "bar.example.com": one of the hosts it stands for lies there. */
function dnsTouches(name: string, base: string): boolean {
  if (dnsWithin(name, base)) return true;
  if (!name.startsWith('*.')) return false;
  const top = base.toLowerCase();
  return top.slice(top.indexOf('.') + 1) === name.slice(2).toLowerCase();
}

function isMailbox(mailbox: string): boolean {
  const at = mailbox.indexOf('@');
  const host = mailbox.slice(at + 1).toLowerCase();
  return at > 0 && /^[\x21-\x7e]+$/.test(mailbox) && !host.startsWith('*') && isPresentedDns(host);
}

/** A mailbox, a host, or every host below ".domain". The local part is compared exactly (§7.5). */
function mailWithin(mailbox: string, base: string): boolean {
  const at = mailbox.indexOf('@');
  const host = mailbox.slice(at + 1).toLowerCase();
  const baseAt = base.lastIndexOf('@');
  if (baseAt >= 0)
    return mailbox.slice(0, at) === base.slice(0, baseAt) && host === base.slice(baseAt + 1).toLowerCase();
  return hostWithin(host, base);
}

function uriWithin(uri: string, base: string): boolean {
  return hostWithin(uriHost(uri)!, base);
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
