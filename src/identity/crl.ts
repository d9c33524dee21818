/**
 * Certificate revocation lists, version 2 (RFC 5280 §5): reading, making, and the one question whether a list may be
 * believed. A list that may not be is a fault, never an empty list: whoever can spoil a list could otherwise undo what it
 * revokes.
 *
 * Only full lists of their own issuer are read. Delta, indirect and partitioned lists say nothing by themselves; each is
 * refused by name.
 */
import { type Bytes, equalBytes, hex } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { readSignatureAlgorithm, signatureIdentifier, verifySignature } from './algorithms.ts';
import type { AuthorityKeyId, Certificate, Extension, SignatureAlgorithm } from './certificate.ts';
import {
  bitString,
  checkDer,
  context,
  DerReader,
  der,
  integer,
  malformed,
  readInteger,
  sequence,
  TAG,
  time,
} from './der.ts';
import { isEmptyName, parseDistinguishedName } from './distinguishedName.ts';
import { IdentityError } from './errors.ts';
import { authorityKeyIdOf, readExtensionMap } from './extensions.ts';
import { authorityKeyId, extension } from './issue.ts';
import { MAX_CRL } from './limits.ts';
import { OID } from './oid.ts';
import type { RuleFault } from './rules.ts';

export interface Crl {
  readonly der: Bytes;
  /** The signed part, as it was signed. */
  readonly tbs: Bytes;
  /** DER of the issuer's Name. */
  readonly issuer: Bytes;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  /** By serial number: the hex of its content octets, as `hex(certificate.serial)` gives it. */
  readonly revoked: ReadonlyMap<string, RevokedCertificate>;
  /** Content octets of the INTEGER; lists of one issuer count up. */
  readonly number: Bytes | undefined;
  readonly aki: AuthorityKeyId | undefined;
  /** What the list covers. Only a `full` one can be used. */
  readonly kind: 'full' | 'delta' | 'indirect' | 'partitioned';
  readonly extensions: readonly Extension[];
  /** Critical extensions, of the list or of an entry, that are not processed: the list must not be used (§5.2, §5.3). */
  readonly unknownCritical: readonly string[];
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Bytes;
}

export interface RevokedCertificate {
  readonly serial: Bytes;
  readonly date: number;
  readonly reason: RevocationReason | undefined;
}

/** §5.3.1; indexes are the codes, of which 7 is not used. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

export type RevocationReason = NonNullable<(typeof REASONS)[number]>;

const ENUMERATED = 0x0a;
/** §4.1.2.2 for serial numbers, §5.2.3 for the list's own. */
const MAX_NUMBER = 20;

/* ---- Reading ---- */

/** Parses one DER list, or throws `ERR_IDENTITY_CRL`. Nothing is believed yet: `crlFault` says whether it may be. */
export function parseCrl(bytes: Uint8Array): Crl {
  if (bytes.length > MAX_CRL)
    throw refused(`revocation list of ${bytes.length} bytes, at most ${MAX_CRL} are read`);
  try {
    return readCrl(new Uint8Array(bytes));
  } catch (error) {
    if (error instanceof IdentityError && error.code === 'ERR_IDENTITY_DER')
      throw refused(`malformed revocation list: ${error.message}`, undefined, error);
    throw error;
  }
}

function readCrl(bytes: Bytes): Crl {
  checkDer(bytes);
  const outer = new DerReader(bytes);
  const list = outer.sequence('revocation list');
  outer.end('revocation list');
  const tbs = list.expect(TAG.sequence, 'tbsCertList');
  const algorithm = list.expect(TAG.sequence, 'signatureAlgorithm');
  const signature = list.bitString('signature');
  list.end('revocation list');

  const reader = new DerReader(tbs.value);
  if (reader.peek() === TAG.sequence)
    throw refused(
      'revocation list is version 1, wanted version 2',
      'OpenSSL writes version 2 where `crlnumber` and `crl_extensions` are set',
    );
  const version = reader.smallInteger('version');
  if (version !== 1) throw malformed(`version field is ${version}, wanted 1 (v2)`);
  // §5.1.1.2: what was signed over must name the algorithm that signed.
  if (!equalBytes(reader.any('signature').der, algorithm.der))
    throw malformed('signature algorithm inside and outside differ');
  const issuer = reader.expect(TAG.sequence, 'issuer').der;
  parseDistinguishedName(issuer, 'issuer');
  if (isEmptyName(issuer)) throw malformed('issuer is empty');
  const thisUpdate = reader.time('thisUpdate');
  const hasNext = reader.peek() === TAG.utcTime || reader.peek() === TAG.generalizedTime;
  const nextUpdate = hasNext ? reader.time('nextUpdate') : undefined;
  const unknownCritical = new Set<string>();
  const revoked = readRevoked(reader.optionalNested(TAG.sequence, 'revokedCertificates'), unknownCritical);
  const tail = readTail(reader.optionalNested(context(0, true), 'crlExtensions'), unknownCritical);
  reader.end('tbsCertList');

  return Object.freeze({
    der: bytes,
    tbs: tbs.der,
    issuer,
    thisUpdate,
    nextUpdate,
    revoked,
    ...tail,
    unknownCritical: Object.freeze([...unknownCritical]),
    signatureAlgorithm: readSignatureAlgorithm(new DerReader(algorithm.value)),
    signature,
  });
}

/** §5.1.2.6: left out when nothing is revoked, so it is never empty. */
function readRevoked(
  reader: DerReader | undefined,
  unknownCritical: Set<string>,
): ReadonlyMap<string, RevokedCertificate> {
  const revoked = new Map<string, RevokedCertificate>();
  if (reader?.done === true) throw malformed('revokedCertificates is empty, wanted none at all');
  while (reader !== undefined && !reader.done) {
    const entry = reader.sequence('revoked certificate');
    const serial = readInteger(entry.expect(TAG.integer, 'serial number').value, 'serial number');
    if (serial[0]! >= 0x80) throw malformed('a revoked serial number is negative');
    if (serial.length > MAX_NUMBER)
      throw malformed(`a revoked serial number has ${serial.length} octets, at most ${MAX_NUMBER}`);
    const date = entry.time('revocation date');
    const reason = entry.done ? undefined : readEntryExtensions(entry, unknownCritical);
    entry.end('revoked certificate');
    const key = hex(serial);
    if (revoked.has(key)) throw malformed(`serial number ${key} is revoked twice`);
    revoked.set(key, Object.freeze({ serial, date, reason }));
  }
  return revoked;
}

function readEntryExtensions(entry: DerReader, unknownCritical: Set<string>): RevocationReason | undefined {
  const extensions = readExtensionMap(entry.sequence('crlEntryExtensions'));
  let reason: RevocationReason | undefined;
  for (const { oid, critical, value } of extensions.values()) {
    if (oid === OID.crlReason) reason = readReason(entry.wrapped(value));
    else if (critical) unknownCritical.add(oid);
  }
  return reason;
}

function readReason(reader: DerReader): RevocationReason {
  const code = reader.smallInteger('revocation reason', ENUMERATED);
  reader.end('revocation reason');
  const reason = REASONS[code];
  if (reason === undefined) throw malformed(`revocation reason is ${code}, which means nothing`);
  return reason;
}

type Tail = Pick<Crl, 'number' | 'aki' | 'kind' | 'extensions'>;

function readTail(wrapper: DerReader | undefined, unknownCritical: Set<string>): Tail {
  if (wrapper === undefined) return { number: undefined, aki: undefined, kind: 'full', extensions: [] };
  const all = readExtensionMap(wrapper.sequence('crlExtensions'));
  wrapper.end('crlExtensions');
  const value = <T>(oid: string, read: (reader: DerReader) => T): T | undefined => {
    const found = all.get(oid);
    if (found === undefined) return undefined;
    const reader = wrapper.wrapped(found.value);
    const got = read(reader);
    reader.end(`extension ${oid}`);
    return got;
  };
  const number = value(OID.crlNumber, readCrlNumber);
  const aki = value(OID.authorityKeyIdentifier, authorityKeyIdOf);
  const scope = value(OID.issuingDistributionPoint, readScope);
  value(OID.deltaCrlIndicator, readCrlNumber);
  for (const { oid, critical } of all.values()) if (critical && !PROCESSED.has(oid)) unknownCritical.add(oid);
  const kind = all.has(OID.deltaCrlIndicator) ? 'delta' : (scope ?? 'full');
  return { number, aki, kind, extensions: Object.freeze([...all.values()]) };
}

/** Read above, and heeded by `crlFault`. */
const PROCESSED: ReadonlySet<string> = new Set([
  OID.crlNumber,
  OID.authorityKeyIdentifier,
  OID.issuingDistributionPoint,
  OID.deltaCrlIndicator,
]);

function readCrlNumber(reader: DerReader): Bytes {
  const number = reader.integer('CRL number');
  if (number[0]! >= 0x80) throw malformed('CRL number is negative');
  if (number.length > MAX_NUMBER)
    throw malformed(`CRL number has ${number.length} octets, at most ${MAX_NUMBER}`);
  return number;
}

/** §5.2.5. Whatever else it says, the list does not cover everything its issuer made. */
function readScope(outer: DerReader): 'indirect' | 'partitioned' {
  const reader = outer.sequence('issuingDistributionPoint');
  let indirect = false;
  for (let last = -1; !reader.done; ) {
    const { tag, value } = reader.any('issuingDistributionPoint');
    const field = tag & 0x1f;
    if ((tag & 0xc0) !== 0x80 || field > 5 || field <= last)
      throw malformed('issuingDistributionPoint has a field that is unknown or out of order');
    last = field;
    // Fields 1, 2, 4 and 5 are BOOLEAN DEFAULT FALSE, and DER does not write a default.
    if (field !== 0 && field !== 3 && (value.length !== 1 || value[0] !== 0xff))
      throw malformed('issuingDistributionPoint has a BOOLEAN other than FF');
    indirect ||= field === 4;
  }
  return indirect ? 'indirect' : 'partitioned';
}

/* ---- Believing ---- */

const KINDS: Readonly<Record<Exclude<Crl['kind'], 'full'>, string>> = {
  delta: 'revocation list is a delta, which only changes another one',
  indirect: 'revocation list is indirect: it speaks for other issuers than its own',
  partitioned: 'revocation list covers only a part of what its issuer made',
};

/** Why the list must not be used for what `issuer` signed, or undefined when it may (§6.3.3 as far as full lists go). */
export function crlFault(
  crl: Crl,
  issuer: Certificate,
  now: number,
  provider: CryptoProvider,
): RuleFault | undefined {
  if (!equalBytes(crl.issuer, issuer.subject)) return unusable('revocation list is of another issuer');
  if (crl.kind !== 'full') return unusable(KINDS[crl.kind]);
  const [unknown] = crl.unknownCritical;
  if (unknown !== undefined)
    return unusable(`revocation list has the critical extension ${unknown}, which is not understood`);
  if (crl.number === undefined) return unusable('revocation list has no number');
  if (crl.extensions.some(({ oid, critical }) => oid === OID.crlNumber && critical))
    return unusable('the number of the revocation list is critical');
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.has('cRLSign'))
    return unusable('the issuer may not sign revocation lists: its key usage lacks cRLSign');
  if (crl.aki?.keyId !== undefined && issuer.ski !== undefined && !equalBytes(crl.aki.keyId, issuer.ski))
    return unusable('revocation list is signed by another key of its issuer');
  const { signatureAlgorithm: algorithm, tbs, signature } = crl;
  if (algorithm.family === undefined)
    return unusable(`signature algorithm ${algorithm.oid} of the revocation list is too weak or unknown`);
  if (!verifySignature(algorithm, issuer.spki, tbs, signature, provider))
    return unusable('signature of the revocation list does not verify');
  return dateFault(crl, now);
}

function dateFault({ thisUpdate, nextUpdate }: Crl, now: number): RuleFault | undefined {
  if (nextUpdate === undefined) return unusable('revocation list does not say when the next one comes');
  if (nextUpdate < thisUpdate) return unusable('revocation list ends before it begins');
  if (now < thisUpdate) return stale(`revocation list is from ${day(thisUpdate)}, which is to come`);
  // As with notAfter, the last second counts whole.
  if (now >= nextUpdate + 1000)
    return stale(`revocation list was to be replaced by ${day(nextUpdate)}: fetch the newer one`);
  return undefined;
}

/** What the list, once believed, says of a certificate of its issuer. */
export function revocationFault(crl: Crl, certificate: Certificate): RuleFault | undefined {
  if (!equalBytes(crl.issuer, certificate.issuer)) return undefined;
  const found = crl.revoked.get(hex(certificate.serial));
  if (found === undefined) return undefined;
  const why = found.reason === undefined ? '' : ` (${found.reason})`;
  return { code: 'ERR_IDENTITY_REVOKED', message: `its issuer revoked it on ${day(found.date)}${why}` };
}

/**
 * For `PathQuestion.withdrawn`. Lists speak for what their issuer signed and say nothing of others. Where some are of the
 * issuer's name and none may be believed, the path ends; where one may, the others (of a former key, out of date) are moot.
 */
export function revokedBy(
  crls: readonly Crl[],
  now: number,
  provider: CryptoProvider,
): (certificate: Certificate, issuer: Certificate | undefined) => RuleFault | undefined {
  return (certificate, issuer) => {
    if (issuer === undefined) return undefined;
    const faults: RuleFault[] = [];
    const own = crls.filter((crl) => equalBytes(crl.issuer, issuer.subject));
    for (const crl of own) {
      const fault = crlFault(crl, issuer, now, provider);
      if (fault !== undefined) faults.push(fault);
      else {
        const revoked = revocationFault(crl, certificate);
        if (revoked !== undefined) return revoked;
      }
    }
    return faults.length === own.length ? faults[0] : undefined;
  };
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function unusable(message: string): RuleFault {
  return { code: 'ERR_IDENTITY_CRL', message };
}

function stale(message: string): RuleFault {
  return { code: 'ERR_IDENTITY_CRL_STALE', message };
}

/* ---- Making ---- */

export interface CrlContents {
  /** Above that of every list before. */
  readonly number: number | Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly revoked: readonly {
    readonly serial: Uint8Array;
    readonly date: number;
    readonly reason?: RevocationReason;
  }[];
}

/** Signs a full list for what `issuer` made. */
export function issueCrl(issuer: Certificate, key: PrivateKey, contents: CrlContents): Bytes {
  const { number, thisUpdate, nextUpdate, revoked } = contents;
  if (!equalBytes(issuer.spki, key.spki)) throw notIssued('the key is not that of the issuer');
  if (!issuer.isCa || issuer.keyUsage?.has('cRLSign') === false)
    throw notIssued('the issuer may not sign revocation lists');
  if (nextUpdate <= thisUpdate) throw notIssued('the next list would come before this one');
  const seen = new Set(revoked.map(({ serial }) => hex(integer(serial))));
  if (seen.size !== revoked.length) throw notIssued('a serial number is there twice');
  const { scheme, identifier } = signatureIdentifier(key.kind);
  const tbs = sequence(
    integer(1),
    identifier,
    issuer.subject,
    time(thisUpdate),
    time(nextUpdate),
    ...(revoked.length === 0 ? [] : [sequence(...revoked.map(entryOf))]),
    der(
      context(0, true),
      sequence(
        ...(issuer.ski === undefined ? [] : [authorityKeyId(issuer.ski)]),
        extension(OID.crlNumber, false, integer(number)),
      ),
    ),
  );
  return sequence(tbs, identifier, bitString(key.sign(scheme, tbs)));
}

/** §5.3.1: no reason is better than `unspecified`; `removeFromCRL` is for deltas. */
function entryOf({ serial, date, reason }: CrlContents['revoked'][number]): Bytes {
  if (reason === 'removeFromCRL') throw notIssued('removeFromCRL is for delta lists');
  const code = reason === undefined ? 0 : REASONS.indexOf(reason);
  const reasonOf = (): Bytes =>
    sequence(extension(OID.crlReason, false, der(ENUMERATED, Uint8Array.of(code))));
  return sequence(integer(serial), time(date), ...(code === 0 ? [] : [reasonOf()]));
}

function notIssued(message: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_ISSUE', message);
}

function refused(message: string, hint?: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_IDENTITY_CRL', message, { hint, cause });
}
