/** The extensions this profile processes (RFC 5280 §4.2), each read strictly. */
import type { Bytes } from '../base/bytes.ts';
import type {
  AuthorityKeyId,
  CertificateNames,
  Extension,
  KeyUsage,
  NameConstraints,
} from './certificate.ts';
import { context, DerReader, malformed } from './der.ts';
import { NO_NAMES, readGeneralNames, readNameConstraints } from './generalNames.ts';
import { OID } from './oid.ts';

/** Bit numbers of KeyUsage are indexes here (§4.2.1.3). */
export const KEY_USAGES: readonly KeyUsage[] = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

export interface ReadExtensions {
  names: CertificateNames;
  isCa: boolean;
  pathLength: number | undefined;
  keyUsage: ReadonlySet<KeyUsage> | undefined;
  extendedKeyUsage: readonly string[] | undefined;
  nameConstraints: NameConstraints | undefined;
  ski: Bytes | undefined;
  aki: AuthorityKeyId | undefined;
  extensions: readonly Extension[];
  unknownCritical: readonly string[];
}

type Read = (reader: DerReader, into: ReadExtensions) => void;

/** What is listed here counts as processed when critical; authorityInfoAccess is only checked for shape. */
const READERS: Readonly<Record<string, Read>> = {
  [OID.subjectAltName]: (reader, into) => {
    into.names = readGeneralNames(reader.sequence('subjectAltName'), 'subjectAltName');
  },
  [OID.basicConstraints]: readBasicConstraints,
  [OID.keyUsage]: readKeyUsage,
  [OID.extendedKeyUsage]: readExtendedKeyUsage,
  [OID.nameConstraints]: (reader, into) => {
    into.nameConstraints = readNameConstraints(reader.sequence('nameConstraints'));
  },
  [OID.subjectKeyIdentifier]: (reader, into) => {
    into.ski = reader.octetString('subjectKeyIdentifier');
  },
  [OID.authorityKeyIdentifier]: readAuthorityKeyId,
  [OID.authorityInfoAccess]: checkAuthorityInfoAccess,
};

/** §4.2.2.1 forbids marking it critical; a relying party that ignores it must refuse it then. */
const NEVER_CRITICAL: readonly string[] = [OID.authorityInfoAccess];

export function noExtensions(): ReadExtensions {
  return {
    names: NO_NAMES,
    isCa: false,
    pathLength: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    nameConstraints: undefined,
    ski: undefined,
    aki: undefined,
    extensions: [],
    unknownCritical: [],
  };
}

/** `Extensions` by object identifier, in order, values unread; it holds at least one, and none twice. */
export function readExtensionMap(reader: DerReader): ReadonlyMap<string, Extension> {
  if (reader.done) throw malformed('extensions are empty');
  const all = new Map<string, Extension>();
  while (!reader.done) {
    const extension = readExtension(reader.sequence('extension'));
    if (all.has(extension.oid)) throw malformed(`extension ${extension.oid} is there twice`);
    all.set(extension.oid, extension);
  }
  return all;
}

export function readExtensions(reader: DerReader): ReadExtensions {
  const into = noExtensions();
  const all = readExtensionMap(reader);
  for (const extension of all.values()) {
    const read = READERS[extension.oid];
    if (read === undefined) continue;
    const value = reader.wrapped(extension.value);
    read(value, into);
    value.end(`extension ${extension.oid}`);
  }
  into.extensions = Object.freeze([...all.values()]);
  into.unknownCritical = Object.freeze(
    into.extensions
      .filter(({ oid, critical }) => critical && (READERS[oid] === undefined || NEVER_CRITICAL.includes(oid)))
      .map(({ oid }) => oid),
  );
  return into;
}

function readExtension(reader: DerReader): Extension {
  const oid = reader.oid('extension');
  const critical = reader.defaultFalse(`extension ${oid}`);
  const value = reader.octetString(`extension ${oid}`);
  reader.end(`extension ${oid}`);
  return Object.freeze({ oid, critical, value });
}

function readBasicConstraints(outer: DerReader, into: ReadExtensions): void {
  const reader = outer.sequence('basicConstraints');
  into.isCa = reader.defaultFalse('basicConstraints');
  if (!reader.done) into.pathLength = reader.smallInteger('pathLenConstraint');
  reader.end('basicConstraints');
}

function readKeyUsage(reader: DerReader, into: ReadExtensions): void {
  const bits = reader.namedBits('keyUsage');
  if (bits.length === 0) throw malformed('keyUsage allows nothing');
  into.keyUsage = new Set(bits.map((bit) => KEY_USAGES[bit]).filter((usage) => usage !== undefined));
}

function readExtendedKeyUsage(outer: DerReader, into: ReadExtensions): void {
  const reader = outer.sequence('extendedKeyUsage');
  const usages: string[] = [];
  while (!reader.done) usages.push(reader.oid('extendedKeyUsage'));
  if (usages.length === 0) throw malformed('extendedKeyUsage is empty');
  into.extendedKeyUsage = Object.freeze(usages);
}

function readAuthorityKeyId(outer: DerReader, into: ReadExtensions): void {
  into.aki = authorityKeyIdOf(outer);
}

/** §4.2.1.1; revocation lists carry it too (§5.2.1). */
export function authorityKeyIdOf(outer: DerReader): AuthorityKeyId {
  const reader = outer.sequence('authorityKeyIdentifier');
  const keyId = reader.optional(context(0), 'authorityKeyIdentifier')?.value;
  const issuer = reader.optionalNested(context(1, true), 'authorityCertIssuer');
  const serial = reader.optional(context(2), 'authorityCertSerialNumber');
  reader.end('authorityKeyIdentifier');
  if (issuer !== undefined) readGeneralNames(issuer, 'authorityCertIssuer');
  if ((issuer === undefined) !== (serial === undefined))
    throw malformed('authorityKeyIdentifier has only one of issuer and serial number');
  return Object.freeze({ keyId, hasIssuerAndSerial: issuer !== undefined });
}

function checkAuthorityInfoAccess(outer: DerReader): void {
  const reader = outer.sequence('authorityInfoAccess');
  if (reader.done) throw malformed('authorityInfoAccess is empty');
  while (!reader.done) {
    const description = reader.sequence('accessDescription');
    description.oid('accessMethod');
    const location = new DerReader(description.any('accessLocation').der);
    readGeneralNames(location, 'accessLocation');
    description.end('accessDescription');
  }
}
