/** What each field of a configuration must be: every refusal names the field (ERR_TLS_CONFIG). */
import type { Bytes } from '../base/bytes.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Signer } from '../crypto/provider.ts';
import { SCHEMES } from '../crypto/suites.ts';
import { outlineCertificate } from '../identity/outline.ts';
import type { CertificateCodec } from './compression.ts';
import type { CertificateType, ClientCertificatePolicy, Credential } from './config.ts';
import { TlsError } from './errors.ts';
import { MAX_CHAIN_LENGTH, MAX_EARLY_DATA, MAX_HANDSHAKE_MESSAGE, MAX_TICKETS } from './limits.ts';
import { readTimestamps } from './messages/extensions.ts';
import type { ExternalPsk } from './psk.ts';
import type { TicketIssuer } from './tickets/issuer.ts';

/** As many as a client of ours takes in a row. */
export const MOST_TICKETS: number = Math.min(MAX_TICKETS, 8);

function invalid(field: string, problem: string, cause?: unknown): TlsError {
  return new TlsError('ERR_TLS_CONFIG', `${field}: ${problem}`, { cause });
}

/** An object with a method, which is how collaborators are told from mistakes. */
export function method<T extends object>(field: string, value: T, name: keyof T, hint: string): T {
  if (value === undefined || value === null) throw invalid(field, `is missing: ${hint}`);
  return optionalMethod(field, value, name)!;
}

export function optionalMethod<T extends object>(
  field: string,
  value: T | undefined,
  name: keyof T,
): T | undefined {
  if (value !== undefined && typeof value?.[name] !== 'function')
    throw invalid(field, `has no method ${String(name)}`);
  return value;
}

export function callback<T>(field: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') throw invalid(field, 'is not a function');
  return value;
}

export function credential(given: Credential, index: number): Credential {
  const field = `credentials[${index}]`;
  const { chain, signer, ocsp, scts } = given;
  if (!Array.isArray(chain) || chain.length > MAX_CHAIN_LENGTH)
    throw invalid(`${field}.chain`, `is not a list of at most ${MAX_CHAIN_LENGTH} certificates`);
  const copies = chain.map((der, i) => derBytes(`${field}.chain[${i}]`, der));
  const staples = {
    ...(ocsp && { ocsp: bytes(`${field}.ocsp`, ocsp) }),
    ...(scts && { scts: timestamps(`${field}.scts`, scts) }),
  };
  const total = [...copies, ...Object.values(staples)].reduce((sum, { length }) => sum + length, 0);
  if (total > MAX_HANDSHAKE_MESSAGE - 1024)
    throw invalid(field, `of ${total} bytes does not fit a handshake message`);
  if (typeof signer?.sign !== 'function') throw invalid(`${field}.signer`, 'cannot sign');
  if (
    !signer.schemes.some((name) => SCHEMES.some((scheme) => scheme.name === name && !scheme.certificateOnly))
  )
    throw invalid(`${field}.signer`, 'offers no signature scheme of TLS 1.3');
  if (copies.length > 0) checkPair(field, copies[0]!, signer);
  return Object.freeze({ chain: Object.freeze(copies), signer, ...staples });
}

/** A key that is not the certificate's would only show in the first handshake, as the peer's decrypt_error. */
function checkPair(field: string, leaf: Uint8Array, signer: Signer): void {
  let spki: Uint8Array;
  try {
    ({ spki } = outlineCertificate(leaf));
  } catch (cause) {
    throw invalid(`${field}.chain`, 'begins with a certificate that cannot be read', cause);
  }
  if (!equalBytes(spki, signer.spki))
    throw invalid(`${field}.signer`, 'is not the key of the first certificate of the chain');
}

function bytes(field: string, value: Uint8Array): Bytes {
  if (!(value instanceof Uint8Array) || value.length === 0) throw invalid(field, 'is not bytes');
  return new Uint8Array(value);
}

/** A list that peers could not read would fail their handshakes, not ours. */
function timestamps(field: string, value: Uint8Array): Bytes {
  try {
    return readTimestamps(bytes(field, value));
  } catch (cause) {
    throw invalid(field, 'is not a SignedCertificateTimestampList', cause);
  }
}

/** Everything that is DER here is a SEQUENCE. */
function derBytes(field: string, value: Uint8Array): Bytes {
  if (!(value instanceof Uint8Array) || value[0] !== 0x30) throw invalid(field, 'is not DER bytes');
  return new Uint8Array(value);
}

export function alpn(protocols: readonly string[]): readonly string[] {
  for (const protocol of protocols) {
    // RFC 7301 allows any octets; ours are printable ASCII, so that names look the same in logs and on the wire.
    if (!/^[\x21-\x7e]{1,255}$/.test(protocol))
      throw invalid('alpn', `"${protocol}" is not a protocol of 1 to 255 printable ASCII characters`);
  }
  if (protocols.reduce((sum, protocol) => sum + protocol.length + 1, 0) > 0xfff0)
    throw invalid('alpn', 'does not fit its extension');
  return distinct('alpn', protocols);
}

export function names<Name extends string>(
  field: string,
  given: readonly Name[] | undefined,
  known: readonly { readonly name: Name }[],
): readonly Name[] | undefined {
  if (given === undefined) return undefined;
  if (given.length === 0) throw invalid(field, 'is empty');
  for (const name of given) {
    if (!known.some((entry) => entry.name === name)) throw invalid(field, `"${name}" is not known`);
  }
  return distinct(field, given);
}

function distinct<T>(field: string, list: readonly T[]): readonly T[] {
  if (new Set(list).size !== list.length) throw invalid(field, 'names an entry twice');
  return Object.freeze([...list]);
}

export function authorities(list: readonly Uint8Array[]): readonly Uint8Array[] {
  const copies = list.map((name, i) => derBytes(`certificateAuthorities[${i}]`, name));
  if (copies.reduce((sum, { length }) => sum + length + 2, 0) > MAX_HANDSHAKE_MESSAGE / 2)
    throw invalid('certificateAuthorities', 'do not fit their extension');
  return Object.freeze(copies);
}

export function certificateTypes(types: readonly CertificateType[]): readonly CertificateType[] {
  return names('certificateTypes', types, [{ name: 'x509' }, { name: 'rawPublicKey' }])!;
}

export function codecs(list: readonly CertificateCodec[]): readonly CertificateCodec[] {
  for (const codec of list) {
    if (!Number.isInteger(codec?.id) || codec.id < 1 || codec.id > 0xffff)
      throw invalid('compression', 'holds a codec whose id is not from 1 to 65535');
    method('compression', codec, 'compress', 'a codec compresses');
    method('compression', codec, 'decompress', 'a codec decompresses');
  }
  distinct(
    'compression',
    list.map(({ id }) => id),
  );
  return Object.freeze([...list]);
}

export function clientCertificate(policy: ClientCertificatePolicy): ClientCertificatePolicy {
  if (policy !== 'require' && policy !== 'request' && policy !== 'none')
    throw invalid('clientCertificate', `"${String(policy)}" is not require, request or none`);
  return policy;
}

/** A string such as 'false' must not pass for true. */
export function boolean(field: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw invalid(field, 'is not a boolean');
  return value;
}

export function integer(field: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw invalid(field, `${value} is not an integer from ${least} to ${most}`);
  return value;
}

/** A server may accept 0-RTT only if nobody can make it accept the same ticket twice (lesson 25). */
export function earlyData(value: number, issuer: TicketIssuer | undefined): number {
  integer('earlyData', value, 0, MAX_EARLY_DATA);
  if (value > 0 && issuer !== undefined && !issuer.onceOnly)
    throw invalid(
      'earlyData',
      'needs an issuer that redeems each ticket once: what it holds could be replayed',
    );
  return value;
}

export function externalPsks(list: readonly ExternalPsk[]): readonly ExternalPsk[] {
  if (list.length > MOST_PSKS)
    throw invalid('externalPsks', `has ${list.length} keys, wanted at most ${MOST_PSKS}`);
  list.forEach((psk, i) => {
    method('externalPsks', psk, 'importFor', 'an ExternalPsk is wanted');
    const isNamed = ({ identity, parties }: ExternalPsk): boolean =>
      same(identity, psk.identity) && same(parties, psk.parties);
    if (list.findIndex(isNamed) !== i) throw invalid('externalPsks', 'names a key twice');
  });
  return Object.freeze([...list]);
}

/** Each costs a binder, and every hello names it. */
const MOST_PSKS = 8;

/** Lists, bytes and plain objects by value; everything with a life of its own by identity. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equalBytes(a, b);
  if (!isPlain(a) || !isPlain(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => same(a[key], b[key]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
