/**
 * Certificates (RFC 5280 §4.1): bytes to a frozen value, or `ERR_IDENTITY_MALFORMED`. Here is checked what
 * every certificate must fulfil by itself; what depends on its place in a path is in `path.ts`.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import { parseSpki } from '../crypto/spki.ts';
import { readSignatureAlgorithm } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { checkDer, context, DerReader, malformed, readInteger, TAG } from './der.ts';
import { isEmptyName, parseDistinguishedName } from './distinguishedName.ts';
import { IdentityError } from './errors.ts';
import { noExtensions, readExtensions } from './extensions.ts';
import { rememberedCertificate } from './memo.ts';

/** One certificate; a whole chain may have no more (`limits.ts`). */
const MAX_CERTIFICATE = 65_536;
/** §4.1.2.2. */
const MAX_SERIAL = 20;

/** Parses one DER certificate. The bytes are copied: the caller may reuse its buffer. */
export function parseCertificate(der: Uint8Array): Certificate {
  return rememberedCertificate(der, parseAnew);
}

function parseAnew(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE)
    throw refused(`certificate of ${der.length} bytes, at most ${MAX_CERTIFICATE} are read`);
  const copy = new Uint8Array(der);
  try {
    return readCertificate(copy);
  } catch (error) {
    if (error instanceof IdentityError && error.code === 'ERR_IDENTITY_DER')
      throw refused(`malformed certificate: ${error.message}`, error);
    throw error;
  }
}

function readCertificate(der: Bytes): Certificate {
  checkDer(der);
  const outer = new DerReader(der);
  const certificate = outer.sequence('certificate');
  outer.end('certificate');

  const tbs = certificate.any('tbsCertificate');
  const algorithm = certificate.expect(TAG.sequence, 'signatureAlgorithm');
  const signature = certificate.bitString('signature');
  certificate.end('certificate');
  if (tbs.tag !== TAG.sequence) throw malformed('tbsCertificate is no SEQUENCE');

  const reader = new DerReader(tbs.value);
  const version = readVersion(reader);
  const serial = readSerial(reader);
  // §4.1.1.2: what was signed over must name the algorithm that signed.
  if (!equalBytes(reader.any('signature').der, algorithm.der))
    throw malformed('signature algorithm inside and outside differ');
  const issuer = readName(reader, 'issuer');
  if (isEmptyName(issuer)) throw malformed('issuer is empty');
  const validity = reader.sequence('validity');
  const notBefore = validity.time('notBefore');
  const notAfter = validity.time('notAfter');
  validity.end('validity');
  const subject = readName(reader, 'subject');
  const spki = reader.expect(TAG.sequence, 'subjectPublicKeyInfo').der;
  checkSpki(spki);
  const extensions = readTail(reader, version);

  const key = parseSpki(spki);
  return Object.freeze({
    der,
    version,
    tbs: tbs.der,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    keyKind: key?.kind,
    keyBits: key === undefined ? 0 : 'modulus' in key ? key.modulus.length * 8 : CURVE_BITS[key.kind],
    signatureAlgorithm: readSignatureAlgorithm(new DerReader(algorithm.value)),
    signature,
    ...extensions,
  });
}

const CURVE_BITS = { ed25519: 256, p256: 256, p384: 384, p521: 521 } as const;

/** v1 is DEFAULT and so never written; v2 only adds unique identifiers, which nobody may make (§4.1.2.8). */
function readVersion(reader: DerReader): 1 | 3 {
  const field = reader.optionalNested(context(0, true), 'version');
  if (field === undefined) return 1;
  const version = field.smallInteger('version');
  field.end('version');
  if (version !== 2) throw malformed(`version field is ${version}, wanted 2 (v3)`);
  return 3;
}

function readSerial(reader: DerReader): Bytes {
  const { value } = reader.expect(TAG.integer, 'serialNumber');
  const serial = readInteger(value, 'serialNumber');
  if (serial[0]! >= 0x80) throw malformed('serialNumber is negative');
  if (serial.length > MAX_SERIAL)
    throw malformed(`serialNumber has ${serial.length} octets, at most ${MAX_SERIAL}`);
  return serial;
}

function readName(reader: DerReader, what: string): Bytes {
  const name = reader.expect(TAG.sequence, what).der;
  parseDistinguishedName(name, what);
  return name;
}

/** The outer shape; whether the key is usable, `parseSpki` says. */
function checkSpki(spki: Bytes): void {
  const outer = new DerReader(spki);
  const reader = outer.sequence('subjectPublicKeyInfo');
  const algorithm = reader.sequence('key algorithm');
  algorithm.oid('key algorithm');
  if (!algorithm.done) algorithm.any('key parameters');
  algorithm.end('key algorithm');
  reader.bitString('subjectPublicKey');
  reader.end('subjectPublicKeyInfo');
}

function readTail(reader: DerReader, version: 1 | 3): ReturnType<typeof readExtensions> {
  if (reader.done) return noExtensions();
  if (version === 1) throw malformed('version 1 certificate has version 3 fields');
  const wrapper = reader.nested(context(3, true), 'extensions');
  reader.end('tbsCertificate');
  const extensions = readExtensions(wrapper.sequence('extensions'));
  wrapper.end('extensions');
  return extensions;
}

function refused(message: string, cause?: IdentityError): IdentityError {
  return new IdentityError('ERR_IDENTITY_MALFORMED', message, { cause });
}
