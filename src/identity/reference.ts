/**
 * Reference identifiers (RFC 9525 §6.1): what a caller expects a certificate to name. Read strictly from what people and
 * configurations write, then compared with the subject alternative names of the same kind and no others.
 */
import { parseDomain } from './address.ts';
import type { CertificateNames } from './certificate.ts';
import { IdentityError } from './errors.ts';
import { formatIp, isDotString, matchesHost, matchesIp, parseIp, readMailbox, uriHost } from './names.ts';
import { quoted } from './quoted.ts';

/** Exactly one of these. */
export interface ExpectedName {
  /** A host name; U-labels are taken. */
  readonly dns?: string;
  /** An IPv4 or IPv6 address in text. */
  readonly ip?: string;
  /** A mailbox: the local part is compared exactly, the host without regard to case (RFC 5280 §7.5). */
  readonly email?: string;
  /** `scheme://host`: a URI-ID names a service of a host (RFC 9525 §6.5), not a resource. */
  readonly uri?: string;
}

export interface Reference {
  readonly matches: (names: CertificateNames) => boolean;
  /** In its one spelling, for messages. */
  readonly text: string;
}

/** Throws `ERR_IDENTITY_ADDRESS` for what names nothing of its kind. */
export function readReference(expected: ExpectedName): Reference {
  const given = Object.entries(expected).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const [kind, text] = given[0] ?? ['', ''];
  const read = Object.hasOwn(READERS, kind) ? READERS[kind] : undefined;
  if (given.length !== 1 || read === undefined)
    throw refused(`${given.length} expected names in one, wanted exactly one of dns, ip, email, uri`);
  return read(text);
}

const READERS: Readonly<Record<string, (text: string) => Reference>> = {
  dns: (text) => {
    const host = parseDomain(text.replace(/\.$/, ''));
    return { text: host, matches: (names) => matchesHost(names, host) };
  },
  ip: (text) => {
    const address = parseIp(text);
    if (address === undefined) throw refused(`${quoted(text)} is no IP address`);
    return { text: formatIp(address), matches: (names) => matchesIp(names, address) };
  },
  email: (text) => {
    const at = text.lastIndexOf('@');
    const local = text.slice(0, at);
    if (at < 1 || local.length > 64 || !isDotString(local)) throw refused(`${quoted(text)} is no mailbox`);
    const host = parseDomain(text.slice(at + 1));
    return {
      text: `${local}@${host}`,
      matches: (names) =>
        names.email.some((held) => {
          const mailbox = readMailbox(held);
          return mailbox?.local === local && mailbox.host === host;
        }),
    };
  },
  uri: (text) => {
    const [, scheme, name] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#@:]+)\/?$/.exec(text) ?? [];
    if (scheme === undefined || name === undefined)
      throw refused(`${quoted(text)} is not a scheme and a host`, 'write it like q2q://example.org');
    const wanted = `${scheme.toLowerCase()}://${parseDomain(name)}`;
    return {
      text: wanted,
      matches: (names) =>
        names.uri.some((held) => {
          const host = uriHost(held);
          return (
            host !== undefined && `${held.slice(0, held.indexOf(':')).toLowerCase()}://${host}` === wanted
          );
        }),
    };
  },
};

/** Names shown in a refusal; certificates may hold thousands. */
const MAX_SHOWN = 5;

/** What a certificate is for, in print. */
export function showNames({ dns, ip, email, uri }: CertificateNames): string {
  const held = [...dns, ...ip.map(formatIp), ...email, ...uri];
  const shown = held.slice(0, MAX_SHOWN).map((name) => quoted(name, 253));
  if (held.length > MAX_SHOWN) shown.push(`${held.length - MAX_SHOWN} more`);
  return shown.join(', ') || 'no name';
}

function refused(message: string, hint?: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_ADDRESS', message, { hint });
}
