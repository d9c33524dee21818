/**
 * How q2q writes names into certificates: `alice@example.org` as rfc822Name, the device beside it as a URI
 * `q2q://example.org/alice/laptop`. Host first and no userinfo, so that URI constraints reach it in every
 * validator.
 */
import type { CertificateNames } from './certificate.ts';

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

export function isNameless(names: CertificateNames): boolean {
  return Object.values(names).every((kind: readonly unknown[]) => kind.length === 0);
}
