/**
 * How q2q writes names into certificates: `alice@example.org` as rfc822Name, the device beside it as a URI
 * `q2q://example.org/alice/laptop`. Host first and no userinfo, so that URI constraints reach it in every
 * validator.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { Certificate, CertificateNames } from './certificate.ts';
import { commonNames } from './distinguishedName.ts';

/** The label of a device: what fits a URI path and a line of a list. */
export const DEVICE: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function deviceUri(user: string, domain: string, device: string): string {
  return `q2q://${domain}/${user}/${device}`;
}

/** The device of a leaf's URIs; undefined without one, false when they do not belong to the mailbox. */
export function deviceOf(uris: readonly string[], user: string, domain: string): string | undefined | false {
  const [uri] = uris;
  if (uri === undefined) return undefined;
  const prefix = deviceUri(user, domain, '');
  const device = uri.slice(prefix.length);
  return uris.length === 1 && uri.startsWith(prefix) && DEVICE.test(device) ? device : false;
}

/** The common name of a key peer that wants to be nobody. */
export const ANONYMOUS = '@';

export function isAnonymous({ subject }: Certificate): boolean {
  const [only, ...others] = commonNames(subject);
  return only === ANONYMOUS && others.length === 0;
}

export function isNameless(names: CertificateNames): boolean {
  return Object.values(names).every((kind: readonly unknown[]) => kind.length === 0);
}

/**
 * Why a CA between leaf and anchor may not stand there, or undefined. There are two kinds: a new root certified by an old
 * one, which bears the root's name, and the user's own CA, which a root signed and which can sign that one mailbox and no
 * host or address. Whoever lets a CA sign more than that lets it speak for others. `mailbox` is the leaf's; a server's leaf
 * has none.
 */
export function subordinateFault(
  ca: Certificate,
  rootName: Bytes,
  mailbox: string | undefined,
): string | undefined {
  if (!equalBytes(ca.issuer, rootName)) return "a CA below the domain's root was not signed by a root";
  if (equalBytes(ca.subject, rootName)) return undefined;
  if (mailbox === undefined) return "a CA below the domain's root signs a server";
  return userCaFault(ca, mailbox);
}

/** Why a CA is not one of the mailbox alone, or undefined. */
export function userCaFault(ca: Certificate, mailbox: string): string | undefined {
  if (ca.pathLength !== 0) return 'a user CA may have CAs below itself, wanted path length 0';
  const { permitted, excluded } = ca.nameConstraints ?? {};
  if (permitted?.email.length !== 1 || permitted.email[0] !== mailbox)
    return `a user CA is not limited to the mailbox ${JSON.stringify(mailbox)}`;
  const { dns, ip, directory, other } = permitted;
  if (dns.length + ip.length + directory.length + other.length > 0)
    return 'a user CA is permitted names that are no mailbox';
  const everyIp = [4, 16].every((length) =>
    excluded!.ip.some(({ mask }) => equalBytes(mask, new Uint8Array(length))),
  );
  if (!excluded!.dns.includes('') || !everyIp) return 'a user CA does not exclude all hosts and addresses';
  return undefined;
}

/** The user CA of a verified path, if it has one. */
export function userCaOf(path: readonly Certificate[]): Certificate | undefined {
  const [, above] = path;
  return above !== undefined && !equalBytes(above.subject, path.at(-1)!.subject) ? above : undefined;
}
