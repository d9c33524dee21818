/**
 * What a domain says of itself: its roots, how they follow each other, and what it has withdrawn. Signed by the domain's
 * root, numbered, and complete: the newest bundle replaces all that older ones said. It travels in the open (a control
 * message, a file on the web) and is believed for its signature alone.
 *
 *     Bundle   ::= SEQUENCE { contents Contents, algorithm AlgorithmIdentifier, signature BIT STRING }
 *     Contents ::= SEQUENCE {
 *       version INTEGER (1), domain UTF8String, sequence INTEGER (1..2^31-1),
 *       issuedAt Time, expiresAt Time, refreshAfter INTEGER (seconds), signer OCTET STRING (32),
 *       roots SEQUENCE OF Certificate, handovers SEQUENCE OF Certificate,
 *       deniedKeys SEQUENCE OF SEQUENCE { key OCTET STRING (32), until Time },
 *       deniedCertificates SEQUENCE OF SEQUENCE { issuer OCTET STRING (32), serial INTEGER, until Time } }
 *
 * Keys are named by the SHA-256 of their SubjectPublicKeyInfo, as key ids are. Both lists of the denied are sorted by their
 * encoding, none twice, so that one bundle has one encoding. docs/protocol.md has the whole.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, compareBytes, concat, equalBytes, fromHex, fromUtf8, hex, utf8 } from '../base/bytes.ts';
import type { PrivateKey } from '../crypto/provider.ts';
import { parseDomain } from './address.ts';
import { readSignatureAlgorithm, signatureIdentifier } from './algorithms.ts';
import type { Certificate, SignatureAlgorithm } from './certificate.ts';
import {
  bitString,
  checkDer,
  DerReader,
  integer,
  malformed,
  octetString,
  sequence,
  TAG,
  time,
  utf8String,
} from './der.ts';
import { IdentityError } from './errors.ts';
import { MAX_BUNDLE, MAX_BUNDLE_HANDOVERS, MAX_BUNDLE_ROOTS } from './limits.ts';
import { digestOfPeerId, peerId, peerIdOfDigest } from './peerId.ts';
import { isSelfIssued } from './rules.ts';
import type { DeniedCertificate } from './trust.ts';
import { parseCertificate } from './x509.ts';

/** `until`, in milliseconds: when every certificate concerned has ended by itself, so that the entry may be forgotten. */
export interface DeniedKeyEntry {
  readonly keyId: string;
  readonly until: number;
}

export interface DeniedCertificateEntry extends DeniedCertificate {
  readonly until: number;
}

export interface BundleContents {
  readonly domain: string;
  /** Each bundle's is higher than the one before. */
  readonly sequence: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Milliseconds after which to ask for a newer one, unless one came by itself. */
  readonly refreshAfter: number;
  /** None revokes the whole domain, for good: no bundle can follow. */
  readonly roots: readonly Certificate[];
  /** Keys of later roots, certified by earlier ones. */
  readonly handovers: readonly Certificate[];
  readonly deniedKeys: readonly DeniedKeyEntry[];
  readonly deniedCertificates: readonly DeniedCertificateEntry[];
}

export interface DomainBundle extends BundleContents {
  /** Key id of the root that signed. */
  readonly signer: string;
}

/** What is signed begins with this, so that no bundle passes for a certificate, nor the reverse. */
const SIGNED_AS: Bytes = utf8('q2q domain bundle 1\0');
const VERSION = 1;
const DIGEST = 32;

/* ---- Writing ---- */

/** Throws `ERR_IDENTITY_ISSUE` for contents that no reader would take. Times are cut to whole seconds. */
export function signBundle(contents: BundleContents, root: Certificate, key: PrivateKey): Bytes {
  if (!equalBytes(root.spki, key.spki)) throw notSigned('the signing key is not that of the root');
  const { scheme, identifier } = signatureIdentifier(key.kind);
  const body = encodeContents({ ...contents, signer: peerId(root.spki) });
  const signature = key.sign(scheme, concat([SIGNED_AS, body]));
  const bundle = sequence(body, identifier, bitString(signature));
  if (bundle.length > MAX_BUNDLE)
    throw notSigned(
      `bundle of ${bundle.length} bytes, at most ${MAX_BUNDLE} are read`,
      'withdraw the user CA instead of each of its devices, or roll the root',
    );
  try {
    readBundle(bundle); // what we would not read we do not send
  } catch (error) {
    throw notSigned(`such a bundle is not read: ${(error as Error).message}`);
  }
  return bundle;
}

function encodeContents(bundle: DomainBundle): Bytes {
  const der = ({ der }: Certificate): Bytes => der;
  const keys = bundle.deniedKeys.map(({ keyId, until }) => sequence(keyDigest(keyId), time(until)));
  const certificates = bundle.deniedCertificates.map(({ issuer, serial, until }) =>
    sequence(keyDigest(issuer), integer(fromHex(serial)), time(until)),
  );
  return sequence(
    integer(VERSION),
    utf8String(parseDomain(bundle.domain)),
    integer(bundle.sequence),
    time(bundle.issuedAt),
    time(bundle.expiresAt),
    integer(Math.floor(bundle.refreshAfter / 1000)),
    keyDigest(bundle.signer),
    sequence(...bundle.roots.map(der)),
    sequence(...bundle.handovers.map(der)),
    sequence(...keys.sort(compareBytes)),
    sequence(...certificates.sort(compareBytes)),
  );
}

function keyDigest(id: string): Bytes {
  return octetString(digestOfPeerId(id));
}

function notSigned(message: string, hint?: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_ISSUE', message, { hint });
}

/* ---- Reading ---- */

/** What a bundle says, believed by nobody yet (`acceptBundle.ts` decides). Throws `ERR_IDENTITY_BUNDLE`. */
export function parseBundle(der: Uint8Array): DomainBundle {
  return readBundle(der).bundle;
}

/** With what its signature is checked by. */
export interface ReadBundle {
  readonly bundle: DomainBundle;
  readonly digest: string;
  readonly signed: Bytes;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Bytes;
}

/** Throws `ERR_IDENTITY_BUNDLE`. */
export function readBundle(der: Uint8Array): ReadBundle {
  if (der.length > MAX_BUNDLE) throw refused(`bundle of ${der.length} bytes, at most ${MAX_BUNDLE} are read`);
  try {
    return readChecked(new Uint8Array(der));
  } catch (error) {
    if (!(error instanceof IdentityError) || error.code === 'ERR_IDENTITY_BUNDLE') throw error;
    throw refused(`malformed bundle: ${error.message}`, error);
  }
}

function readChecked(der: Bytes): ReadBundle {
  checkDer(der);
  const outer = new DerReader(der);
  const reader = outer.sequence('bundle');
  outer.end('bundle');
  const contents = reader.expect(TAG.sequence, 'contents');
  const algorithm = readSignatureAlgorithm(reader.sequence('signature algorithm'));
  const signature = reader.bitString('signature');
  reader.end('bundle');
  return {
    bundle: readContents(new DerReader(contents.value, 1)),
    digest: hex(sha256(der)),
    signed: concat([SIGNED_AS, contents.der]),
    algorithm,
    signature,
  };
}

function readContents(reader: DerReader): DomainBundle {
  const version = reader.smallInteger('version');
  if (version !== VERSION) throw malformed(`version ${version}, known is ${VERSION}`);
  const domain = readText(reader.expect(TAG.utf8String, 'domain').value);
  if (parseDomain(domain) !== domain) throw malformed('domain is not in lower case');
  const number = reader.smallInteger('sequence');
  if (number === 0) throw malformed('sequence is 0, wanted 1 or more');
  const issuedAt = reader.time('issuedAt');
  const expiresAt = reader.time('expiresAt');
  if (expiresAt <= issuedAt) throw malformed('the bundle ends before it begins');
  const refreshAfter = reader.smallInteger('refreshAfter') * 1000;
  const signer = readKeyId(reader, 'signer');
  const roots = readRoots(reader);
  const handovers = readCertificates(reader, 'handovers', MAX_BUNDLE_HANDOVERS);
  const deniedKeys = readSorted(reader, 'deniedKeys', (entry) =>
    Object.freeze({ keyId: readKeyId(entry, 'key'), until: entry.time('until') }),
  );
  const deniedCertificates = readSorted(reader, 'deniedCertificates', (entry) =>
    Object.freeze({
      issuer: readKeyId(entry, 'issuer'),
      serial: readSerial(entry),
      until: entry.time('until'),
    }),
  );
  reader.end('contents');
  return Object.freeze({
    ...{ domain, sequence: number, issuedAt, expiresAt, refreshAfter, signer },
    ...{ roots, handovers, deniedKeys, deniedCertificates },
  });
}

function readText(value: Uint8Array): string {
  try {
    return fromUtf8(value);
  } catch {
    throw malformed('domain is not UTF-8');
  }
}

function readKeyId(reader: DerReader, what: string): string {
  const digest = reader.octetString(what);
  if (digest.length !== DIGEST) throw malformed(`${what} has ${digest.length} bytes, wanted ${DIGEST}`);
  return peerIdOfDigest(digest);
}

function readSerial(reader: DerReader): string {
  const serial = reader.integer('serial');
  if (serial[0]! >= 0x80) throw malformed('serial is negative');
  return hex(serial);
}

function readRoots(reader: DerReader): readonly Certificate[] {
  const roots = readCertificates(reader, 'roots', MAX_BUNDLE_ROOTS);
  if (roots.some((root) => !root.isCa || !isSelfIssued(root))) throw malformed('a root is no self-issued CA');
  return roots;
}

function readCertificates(outer: DerReader, what: string, most: number): readonly Certificate[] {
  const reader = outer.sequence(what);
  const found: Bytes[] = [];
  while (!reader.done) {
    const { der } = reader.expect(TAG.sequence, what);
    if (found.length === most) throw malformed(`more than ${most} ${what}`);
    if (found.some((other) => equalBytes(other, der))) throw malformed(`${what} has a certificate twice`);
    found.push(der);
  }
  return Object.freeze(found.map(parseCertificate));
}

/** A list in ascending order of its entries' encodings, none twice (as X.690 §11.6 orders a SET OF). */
function readSorted<T>(outer: DerReader, what: string, read: (entry: DerReader) => T): readonly T[] {
  const list = outer.sequence(what);
  const entries: T[] = [];
  let previous: Bytes | undefined;
  while (!list.done) {
    const element = list.expect(TAG.sequence, what);
    if (previous !== undefined && compareBytes(previous, element.der) >= 0)
      throw malformed(`${what} is out of order`);
    previous = element.der;
    const entry = new DerReader(element.value, 3);
    entries.push(read(entry));
    entry.end(what);
  }
  return Object.freeze(entries);
}

function refused(message: string, cause?: IdentityError): IdentityError {
  return new IdentityError('ERR_IDENTITY_BUNDLE', message, { cause });
}
