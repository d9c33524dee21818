/**
 * How a person adds a device without the domain's help: the new device shows a request, an old one that holds the user CA
 * answers with a grant. Both are one line of text, to be copied or shown as a QR code:
 *
 *     q2q-device:<base64url( body | checksum )>     Body ::= SEQUENCE { version INTEGER (1), device UTF8String, Csr }
 *     q2q-grant:<base64url( body | checksum )>      Body ::= SEQUENCE { version INTEGER (1), relay UTF8String,
 *                                                     chain SEQUENCE OF Certificate, roots SEQUENCE OF Certificate }
 *
 * Neither is secret. The checksum, four bytes of SHA-256, is for copying mistakes only. The request proves its key; the
 * grant is worth as much as the way it came, for it says which roots to believe: the person carries it from a device of
 * their own.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url, fromBase64url } from '../base/base64.ts';
import { type Bytes, concat, equalBytes, fromUtf8, utf8 } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { parseName } from './address.ts';
import type { Certificate } from './certificate.ts';
import { parseCsr } from './csr.ts';
import { checkDer, DerReader, integer, malformed, sequence, TAG, utf8String } from './der.ts';
import { IdentityError } from './errors.ts';
import { MAX_BUNDLE_ROOTS, MAX_DEVICE_GRANT, MAX_DEVICE_REQUEST, PEER_CHAIN } from './limits.ts';
import { DEVICE } from './profile.ts';
import { parseCertificate } from './x509.ts';

export const DEVICE_REQUEST_PREFIX = 'q2q-device:';
export const DEVICE_GRANT_PREFIX = 'q2q-grant:';
const VERSION = 1;
const CHECKSUM = 4;

/** What a new device asks for. */
export interface DeviceCode {
  /** The label it would like; who grants may give another. */
  readonly device: string;
  /** DER, from `createCsr`. */
  readonly csr: Uint8Array;
}

/** A request whose signature was checked. */
export interface CheckedDeviceCode extends DeviceCode {
  /** For `UserAuthority.issueDevice`. */
  readonly spki: Bytes;
}

/** What the new device gets: what it shows, whom it believes, and where it goes. */
export interface DeviceGrant {
  /** Leaf first, the root left out. */
  readonly chain: readonly Uint8Array[];
  /** The domain's. */
  readonly roots: readonly Certificate[];
  /** `wss:` or `ws:`. */
  readonly relay: string;
}

export interface ReadDeviceGrant extends DeviceGrant {
  /** `alice@example.org`, from the leaf. */
  readonly name: string;
  readonly domain: string;
}

export function formatDeviceRequest({ device, csr }: DeviceCode): string {
  if (!DEVICE.test(device)) throw refused('device label is not made of 1 to 64 of A-Z, a-z, 0-9 and "._-"');
  return format(
    DEVICE_REQUEST_PREFIX,
    sequence(integer(VERSION), utf8String(device), csr),
    MAX_DEVICE_REQUEST,
  );
}

/** Throws `ERR_IDENTITY_DEVICE_CODE`; white space around and line breaks inside are forgiven. */
export function parseDeviceRequest(provider: CryptoProvider, line: string): CheckedDeviceCode {
  return read(line, DEVICE_REQUEST_PREFIX, MAX_DEVICE_REQUEST, (reader) => {
    const device = readText(reader, 'device');
    if (!DEVICE.test(device)) throw malformed('the device label is not one');
    const csr = new Uint8Array(reader.expect(TAG.sequence, 'request').der);
    reader.end('device request');
    return Object.freeze({ device, csr, spki: parseCsr(provider, csr).spki });
  });
}

export function formatDeviceGrant({ chain, roots, relay }: DeviceGrant): string {
  const body = sequence(
    integer(VERSION),
    utf8String(relay),
    sequence(...chain),
    sequence(...roots.map(({ der }) => der)),
  );
  const line = format(DEVICE_GRANT_PREFIX, body, MAX_DEVICE_GRANT);
  parseDeviceGrant(line); // what nobody would read is not given out
  return line;
}

/** Throws `ERR_IDENTITY_DEVICE_CODE`. That the chain holds is for `verifyPeer` to say, with the roots as its trust. */
export function parseDeviceGrant(line: string): ReadDeviceGrant {
  return read(line, DEVICE_GRANT_PREFIX, MAX_DEVICE_GRANT, readGrant);
}

function readGrant(reader: DerReader): ReadDeviceGrant {
  const relay = readText(reader, 'relay');
  checkUrl(relay);
  const chain = readList(reader, 'chain', PEER_CHAIN.certificates);
  const roots = readList(reader, 'roots', MAX_BUNDLE_ROOTS).map(parseCertificate);
  reader.end('grant');
  const [leaf] = chain.map(parseCertificate);
  const [mailbox] = leaf?.names.email ?? [];
  if (mailbox === undefined) throw malformed('the chain does not begin with the certificate of a user');
  if (roots.length === 0 || roots.some(({ isCa }) => !isCa)) throw malformed('the grant has no root');
  const { user, domain } = parseName(mailbox);
  return Object.freeze({
    ...{ chain: Object.freeze(chain), roots: Object.freeze(roots), relay },
    ...{ name: `${user}@${domain}`, domain },
  });
}

function readList(outer: DerReader, what: string, most: number): Bytes[] {
  const reader = outer.sequence(what);
  const found: Bytes[] = [];
  while (!reader.done) {
    if (found.length === most) throw malformed(`more than ${most} certificates in ${what}`);
    found.push(new Uint8Array(reader.expect(TAG.sequence, what).der));
  }
  return found;
}

function checkUrl(text: string): void {
  if (!URL.canParse(text) || !/^wss?:\/\/[\x21-\x7e]{1,300}$/.test(text))
    throw malformed('the relay is no ws: or wss: address');
}

function readText(reader: DerReader, what: string): string {
  const { value } = reader.expect(TAG.utf8String, what);
  try {
    return fromUtf8(value);
  } catch {
    throw malformed(`${what} is not UTF-8`);
  }
}

/* ---- The line around the body ---- */

function format(prefix: string, body: Bytes, most: number): string {
  const line = prefix + base64url(concat([body, checksum(prefix, body)]));
  if (line.length > most) throw refused(`the code has ${line.length} characters, at most ${most} are read`);
  return line;
}

function read<T>(line: string, prefix: string, most: number, readBody: (reader: DerReader) => T): T {
  if (line.length > 2 * most) throw tooLong(prefix, line.length, most);
  const compact = line.replace(/\s+/g, '');
  if (compact.length > most) throw tooLong(prefix, compact.length, most);
  if (!compact.startsWith(prefix))
    throw refused(`the code does not begin with "${prefix}"`, 'copy the whole line, its beginning included');
  let raw: Bytes;
  try {
    raw = fromBase64url(compact.slice(prefix.length));
  } catch (cause) {
    throw refused('the code is cut short or has a character that does not belong', undefined, cause);
  }
  const body = raw.slice(0, Math.max(0, raw.length - CHECKSUM));
  if (raw.length <= CHECKSUM || !equalBytes(checksum(prefix, body), raw.subarray(body.length)))
    throw refused('the code is cut short or was changed: its checksum does not fit');
  try {
    return readChecked(body, readBody);
  } catch (error) {
    if (!(error instanceof IdentityError) || error.code === 'ERR_IDENTITY_DEVICE_CODE') throw error;
    throw refused(`the code is not in the form we know: ${error.message}`, undefined, error);
  }
}

function readChecked<T>(body: Bytes, readBody: (reader: DerReader) => T): T {
  checkDer(body);
  const outer = new DerReader(body);
  const reader = outer.sequence('code');
  outer.end('code');
  const version = reader.smallInteger('version');
  if (version !== VERSION)
    throw refused(`the code is of version ${version}, this q2q knows version ${VERSION}`, 'update q2q');
  return readBody(reader);
}

function checksum(prefix: string, body: Uint8Array): Uint8Array {
  return sha256(concat([utf8(prefix), body])).subarray(0, CHECKSUM);
}

function tooLong(prefix: string, length: number, most: number): IdentityError {
  return refused(`the code has ${length} characters, at most ${most} fit into a "${prefix}"`);
}

function refused(message: string, hint?: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_IDENTITY_DEVICE_CODE', message, { hint, cause });
}
