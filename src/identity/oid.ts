/** Object identifiers: X.690 §8.19, and the ones this room knows by name. */
import type { Bytes } from '../base/bytes.ts';
import { IdentityError } from './errors.ts';

/** Content octets we read: a UUID under 2.25 takes 20. */
const MAX_OCTETS = 64;

export const OID = {
  // Signatures (RFC 5758, RFC 8410, RFC 4055)
  ed25519: '1.3.101.112',
  rsaPss: '1.2.840.113549.1.1.10',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  sha384WithRsa: '1.2.840.113549.1.1.12',
  sha512WithRsa: '1.2.840.113549.1.1.13',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  // Extensions (RFC 5280 §4.2)
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  // Extensions of revocation lists and their entries (§5.2, §5.3)
  crlNumber: '2.5.29.20',
  crlReason: '2.5.29.21',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  // Extended key usages (§4.2.1.12)
  anyExtendedKeyUsage: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  // Attributes
  commonName: '2.5.4.3',
  emailAddress: '1.2.840.113549.1.9.1',
  // Kinds of otherName
  smtpUtf8Mailbox: '1.3.6.1.5.5.7.8.9',
} as const;

/** Content octets to dotted text. Arcs of any size: a UUID arc has 128 bits. */
export function decodeOid(value: Uint8Array, what: string): string {
  if (value.length === 0 || value.length > MAX_OCTETS) throw malformed(`${what} has ${value.length} octets`);
  if (value.at(-1)! & 0x80) throw malformed(`${what} is cut short`);
  const arcs: (number | bigint)[] = [];
  let start = 0;
  for (let i = 0; i < value.length; i++) {
    if (i === start && value[i] === 0x80) throw malformed(`${what} has a padded arc`);
    if (value[i]! & 0x80) continue;
    arcs.push(readArc(value.subarray(start, i + 1)));
    start = i + 1;
  }
  const first = arcs[0]!;
  const root = first < 40 ? 0 : first < 80 ? 1 : 2;
  const second = typeof first === 'bigint' ? first - BigInt(40 * root) : first - 40 * root;
  return [root, second, ...arcs.slice(1)].join('.');
}

function readArc(septets: Uint8Array): number | bigint {
  if (septets.length <= 7) return septets.reduce((sum, septet) => sum * 128 + (septet & 0x7f), 0);
  return septets.reduce((sum, septet) => (sum << 7n) | BigInt(septet & 0x7f), 0n);
}

/** Dotted text to content octets. The text is our own: a wrong one is a RangeError. */
export function encodeOid(dotted: string): Bytes {
  if (!/^[0-2](\.(0|[1-9]\d*))+$/.test(dotted)) throw new RangeError(`"${dotted}" is no object identifier`);
  const [root, second, ...rest] = dotted.split('.').map(BigInt) as [bigint, bigint, ...bigint[]];
  if (root < 2n && second >= 40n) throw new RangeError(`"${dotted}" is no object identifier`);
  const octets: number[] = [];
  for (const arc of [root * 40n + second, ...rest]) {
    const septets = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) septets.unshift(Number(left & 0x7fn) | 0x80);
    octets.push(...septets);
  }
  return Uint8Array.from(octets);
}

function malformed(message: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_DER', message);
}
