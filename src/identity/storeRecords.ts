/**
 * What a store keeps beside identities, as JSON that people can read: the anchors of a domain and the pin of an
 * address. Also the rule that anchors only move forward.
 */
import { parseAddress, parseName } from './address.ts';
import { IdentityError } from './errors.ts';
import { formatPem, parsePemAs } from './pem.ts';
import { damaged, located } from './storeErrors.ts';
import type { AnchorSource, DeniedCertificate, DomainAnchors } from './trust.ts';
import { Trust } from './trust.ts';
import { parseCertificate } from './x509.ts';

/** What we remember of one address, from the times we met it. */
export interface Pin {
  readonly address: string;
  readonly keys: readonly string[];
  readonly userCa?: string;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly verified: boolean;
}

/* ---- Anchors ---- */

export function formatAnchors(anchors: DomainAnchors): string {
  const {
    domain,
    roots,
    deniedKeys = [],
    deniedCertificates = [],
    sequence = 0,
    source = 'pinned',
  } = anchors;
  const { digest, expiresAt } = anchors; // undefined is left out of JSON
  const pems = roots.map((root) => formatPem('CERTIFICATE', root.der));
  return format({ domain, sequence, digest, expiresAt, source, roots: pems, deniedKeys, deniedCertificates });
}

/** Reads what `formatAnchors` wrote, and what earlier versions did, which knew domain, roots and keys only. */
export function parseAnchors(where: string, text: string): DomainAnchors {
  const fields = parse(where, text);
  const { domain, roots, deniedKeys, deniedCertificates = [], sequence = 0, source = 'pinned' } = fields;
  if (typeof domain !== 'string' || !isStrings(roots) || !isStrings(deniedKeys))
    throw damaged(where, 'it lacks domain, roots or deniedKeys');
  if (!isCount(sequence) || !isSource(source) || !isDenials(deniedCertificates))
    throw damaged(where, 'its sequence, source or deniedCertificates are malformed');
  const { digest, expiresAt } = fields;
  if (!(digest === undefined || isDigest(digest)) || !(expiresAt === undefined || isTime(expiresAt)))
    throw damaged(where, 'its digest or expiresAt are malformed');
  return located(where, () => {
    const certificates = roots.flatMap((pem) => parsePemAs('CERTIFICATE', pem)).map(parseCertificate);
    return canonical({
      ...{ domain, roots: certificates, deniedKeys, deniedCertificates, sequence, source },
      ...(digest === undefined ? {} : { digest }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
  });
}

/** Frozen, and with the domain in its one spelling. */
export function canonical(anchors: DomainAnchors): DomainAnchors {
  const trust = Trust.of([anchors]);
  return trust.anchorsFor(trust.domains[0]!)!;
}

/**
 * A store never goes back: what a domain withdrew stays withdrawn, whatever an old bundle or a slow process says.
 * Throws `ERR_IDENTITY_STORE_OLDER`.
 */
export function requireForward(held: DomainAnchors | undefined, offered: DomainAnchors): void {
  const before = held?.sequence ?? 0;
  const after = offered.sequence ?? 0;
  if (
    held === undefined ||
    after > before ||
    (after === before && (after === 0 || sameContent(held, offered)))
  )
    return;
  const what =
    after < before
      ? `sequence ${after} for ${offered.domain}, sequence ${before} is stored`
      : `sequence ${after} for ${offered.domain} is stored already, and says something else`;
  throw new IdentityError('ERR_IDENTITY_STORE_OLDER', what, {
    hint: 'what a domain has withdrawn stays withdrawn; replace its anchors explicitly to begin anew',
  });
}

function sameContent(a: DomainAnchors, b: DomainAnchors): boolean {
  const source = 'pinned'; // how we came by them is ours to say, not the bundle's
  return formatAnchors({ ...a, source }) === formatAnchors({ ...b, source });
}

/* ---- Pins ---- */

export function formatPin(pin: Pin): string {
  const { address, keys, userCa, firstSeen, lastSeen, verified } = pin;
  return format({
    address,
    verified,
    keys,
    ...(userCa === undefined ? {} : { userCa }),
    firstSeen,
    lastSeen,
  });
}

export function parsePin(where: string, text: string): Pin {
  const { address, keys, userCa, firstSeen, lastSeen, verified } = parse(where, text);
  if (typeof address !== 'string' || !isStrings(keys) || typeof verified !== 'boolean')
    throw damaged(where, 'it lacks address, keys or verified');
  if (!isTime(firstSeen) || !isTime(lastSeen) || !(userCa === undefined || typeof userCa === 'string'))
    throw damaged(where, 'its firstSeen, lastSeen or userCa are malformed');
  const pin = { address, keys, ...(userCa === undefined ? {} : { userCa }), firstSeen, lastSeen, verified };
  return located(where, () => canonicalPin(pin));
}

function canonicalPin(pin: Pin): Pin {
  return Object.freeze({ ...pin, address: pinnedAddress(pin.address), keys: Object.freeze([...pin.keys]) });
}

/** The pin as it is stored for `who`. Throws `ERR_IDENTITY_MISMATCH` when it is somebody else's. */
export function pinOf(who: string, pin: Pin): Pin {
  const checked = canonicalPin(pin);
  if (checked.address === who) return checked;
  throw new IdentityError('ERR_IDENTITY_MISMATCH', `pin of ${checked.address}, wanted one of ${who}`);
}

/** The one spelling of who is pinned: `alice@example.org` or `key:<id>`, whatever protocol they were dialled for. */
export function pinnedAddress(text: string): string {
  const address = parseAddress(text);
  return address.kind === 'key' ? `key:${address.id}` : `${address.user}@${address.domain}`;
}

/** `alice@example.org`, in its one spelling. */
export function canonicalName(text: string): string {
  const { user, domain } = parseName(text);
  return `${user}@${domain}`;
}

/* ---- JSON ---- */

function format(record: object): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

function parse(where: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(where, 'it is not JSON', cause);
  }
  return (value ?? {}) as Record<string, unknown>;
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isSource(value: unknown): value is AnchorSource {
  return value === 'pinned' || value === 'web' || value === 'tofu';
}

function isDenials(value: unknown): value is readonly DeniedCertificate[] {
  return (
    Array.isArray(value) &&
    value.every((item: unknown) => {
      const { issuer, serial } = (item ?? {}) as Record<string, unknown>;
      return typeof issuer === 'string' && typeof serial === 'string';
    })
  );
}
