/**
 * Addresses: whom to dial, and for what.
 *
 *     bob@example.org/chat/1      a person in a domain, and the protocol wanted
 *     key:<56 characters>/chat/1  the holder of a key
 *
 * One spelling per address: `parse` folds case, writes domains in A-labels (RFC 5890 §2.3.2.1) and returns the canonical
 * parts; everything else compares exactly. Whether a name looks like another is nobody's guess: "xn--…" is what is shown,
 * sent and compared, and a certificate that holds anything else names nobody.
 */
import { IdentityError } from './errors.ts';
import { parsePeerId } from './peerId.ts';
import { quoted } from './quoted.ts';

export type Address =
  | { readonly kind: 'name'; readonly user: string; readonly domain: string; readonly protocol?: string }
  | { readonly kind: 'key'; readonly id: string; readonly protocol?: string };

/**
 * RFC 5321 §4.5.3.1.1 allows 64 octets; the alphabet is what mail, URIs and file names all take unescaped.
 */
const USER = /^[a-z0-9._+-]{1,64}$/;
/** RFC 1035 §2.3.4: 255 octets on the wire are 253 characters as text. */
const MAX_DOMAIN = 253;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** An ALPN name is at most 255 bytes (RFC 7301 §3.1). */
export const MAX_PROTOCOL = 255;
/** No address we take is longer: 64 + 1 + 253 + 1 + 255. */
const MAX_ADDRESS = 574;

/**
 * Throws `ERR_IDENTITY_ADDRESS`, `ERR_IDENTITY_KEY_ID` or `ERR_IDENTITY_PROTOCOL`, saying which part is
 * wrong.
 */
export function parseAddress(text: string): Address {
  if (text.length > MAX_ADDRESS)
    throw refused(`address of ${text.length} characters, at most ${MAX_ADDRESS} are possible`);
  const slash = text.indexOf('/');
  const who = slash < 0 ? text : text.slice(0, slash);
  const protocol = slash < 0 ? {} : { protocol: parseProtocol(text.slice(slash + 1)) };
  if (/^key:/i.test(who)) return Object.freeze({ kind: 'key', id: parsePeerId(who.slice(4)), ...protocol });
  const { user, domain } = parseName(who);
  return Object.freeze({ kind: 'name', user, domain, ...protocol });
}

/** The canonical text; `parseAddress` reads it back to the same value. */
export function formatAddress(address: Address): string {
  const who = address.kind === 'key' ? `key:${address.id}` : `${address.user}@${address.domain}`;
  return address.protocol === undefined ? who : `${who}/${address.protocol}`;
}

/** Reads `alice@example.org`, folding case. */
export function parseName(text: string): { readonly user: string; readonly domain: string } {
  const at = text.indexOf('@');
  if (at < 0)
    throw refused(
      `${quoted(text)} has no "@"`,
      'an address is user@domain/protocol or key:<key id>/protocol',
    );
  if (at !== text.lastIndexOf('@')) throw refused(`${quoted(text)} has more than one "@"`);
  return { user: parseUser(text.slice(0, at)), domain: parseDomain(text.slice(at + 1)) };
}

export function parseUser(text: string): string {
  const user = asciiLower(text);
  if (!USER.test(user)) throw refused(`user ${quoted(text)} is not made of 1 to 64 of a-z, 0-9 and "._+-"`);
  return user;
}

/** A host name of A-labels, lower case, without the final dot; never an IP address. U-labels are taken as people type them. */
export function parseDomain(text: string): string {
  if (text.length > MAX_DOMAIN) throw refused(`domain of ${text.length} characters, limit ${MAX_DOMAIN}`);
  const domain = asciiLower(toALabels(text));
  if (domain.length > MAX_DOMAIN) throw refused(`domain of ${domain.length} characters, limit ${MAX_DOMAIN}`);
  const labels = domain.split('.');
  for (const label of labels) {
    // "--" in third and fourth place marks an encoding (RFC 5890 §2.3.1); the only one there is, is "xn--".
    if (!LABEL.test(label) || (label.slice(2, 4) === '--' && !label.startsWith('xn--')))
      throw refused(`domain ${quoted(text)} has the malformed label ${quoted(label)}`);
  }
  if (/^[0-9]+$/.test(labels.at(-1)!))
    throw refused(`domain ${quoted(text)} ends like an IP address`, 'domains are names, not addresses');
  return domain;
}

/**
 * U-labels to A-labels (UTS #46, non-transitional) by the URL parser, which every platform has. It alone would read far more
 * than host names, so that nothing but letters, digits, dots and hyphens gets there; its result is checked like any other
 * name. What nobody sees (soft hyphens, joiners, direction marks) is no part of a name that a person typed.
 */
function toALabels(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find anything outside ASCII
  if (!/[^\x00-\x7f]/.test(name)) return name;
  try {
    if (
      /^[A-Za-z0-9._\-\u0080-\u{10ffff}]+$/u.test(name) &&
      !/[\p{C}\p{Default_Ignorable_Code_Point}]/u.test(name)
    )
      return new URL(`http://${name}/`).hostname;
  } catch {
    // What has no A-label is no name.
  }
  throw refused(`domain ${quoted(name)} has no form as a DNS name`, 'write it with A-labels ("xn--…")');
}

/** A protocol an application may speak: printable ASCII, non-empty segments, not one of ours. */
export function parseProtocol(text: string): string {
  if (text.length === 0 || text.length > MAX_PROTOCOL)
    throw badProtocol(`protocol name of ${text.length} characters, wanted 1 to ${MAX_PROTOCOL}`);
  if (!/^[\x21-\x7e]+$/.test(text)) throw badProtocol(`protocol ${quoted(text)} is not printable ASCII`);
  if (text.split('/').includes('')) throw badProtocol(`protocol ${quoted(text)} has an empty segment`);
  if (isReservedProtocol(text))
    throw badProtocol(`protocol ${quoted(text)} is reserved: "." and "q2q-" open names of q2q itself`);
  return text;
}

/**
 * Names q2q speaks between its own parts (control, paths); no application may listen on them or dial them.
 */
export function isReservedProtocol(name: string): boolean {
  return name.startsWith('.') || name.startsWith('q2q-');
}

/** Folds A-Z only: `toLowerCase` would turn the Kelvin sign into "k". */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function refused(message: string, hint?: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_ADDRESS', message, { hint });
}

function badProtocol(message: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_PROTOCOL', message, { hint: 'a protocol is named like chat/1' });
}
