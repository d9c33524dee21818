/**
 * What a TLS handshake itself needs of a certificate, read without judging the rest: whose key it holds, whether that
 * key may sign, who issued it and how. Whoever verifies the peer parses the whole of it (`x509.ts`); nothing here
 * is believed. A page that brings its own verifier does without the full parser.
 */
import { type Bytes, equalBytes, fromHex } from '../base/bytes.ts';
import { Reader } from '../base/reader.ts';
import {
  BIT_STRING,
  bitString,
  element,
  INTEGER,
  NotDer,
  nested,
  OCTET_STRING,
  SEQUENCE,
} from '../crypto/der.ts';
import { pssHash } from '../crypto/pss.ts';
import { parseSpki } from '../crypto/spki.ts';
import type { Certificate, SignatureAlgorithm } from './certificate.ts';

/** A parsed `Certificate` is one as well. */
export interface CertificateOutline
  extends Pick<Certificate, 'der' | 'issuer' | 'subject' | 'spki' | 'keyKind' | 'keyUsage'> {
  readonly signatureAlgorithm: Omit<SignatureAlgorithm, 'oid'>;
}

/** RFC 5280 §4.1. The bytes are copied. Throws for anything whose outer shape is not that of a certificate. */
export function outlineCertificate(bytes: Uint8Array): CertificateOutline {
  const der = new Uint8Array(bytes);
  const outer = new Reader(der);
  const certificate = nested(outer, SEQUENCE);
  outer.end();
  const tbs = nested(certificate, SEQUENCE);
  const algorithm = element(certificate, SEQUENCE);
  bitString(certificate);
  certificate.end();

  if (tbs.peek() === VERSION) element(tbs, VERSION);
  element(tbs, INTEGER); // serialNumber
  element(tbs, SEQUENCE); // signature
  const issuer = whole(tbs);
  element(tbs, SEQUENCE); // validity
  const subject = whole(tbs);
  const spki = whole(tbs);
  const keyKind = parseSpki(spki)?.kind;
  const keyUsage = tbs.peek() === EXTENSIONS ? readKeyUsage(nested(tbs, EXTENSIONS)) : undefined;
  tbs.end();
  return { der, issuer, subject, spki, keyKind, keyUsage, signatureAlgorithm: readAlgorithm(algorithm) };
}

/** Context tags of TBSCertificate. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

/** The next SEQUENCE with its header, in which its length is in the shortest form. */
function whole(reader: Reader): Bytes {
  const content = element(reader, SEQUENCE) as Bytes;
  const { length } = content;
  const header = length < 0x80 ? 2 : length < 0x100 ? 3 : 4;
  return new Uint8Array(content.buffer, content.byteOffset - header, header + length);
}

const KEY_USAGE: Bytes = fromHex('551d0f');
const OBJECT_IDENTIFIER = 0x06;

/** §4.2.1.3. Of the usages only the one that a handshake asks for: digitalSignature, the first bit. */
function readKeyUsage(wrapper: Reader): CertificateOutline['keyUsage'] {
  const extensions = nested(wrapper, SEQUENCE);
  wrapper.end();
  while (extensions.left > 0) {
    const extension = nested(extensions, SEQUENCE);
    if (!equalBytes(element(extension, OBJECT_IDENTIFIER), KEY_USAGE)) continue;
    if (extension.peek() === 1) element(extension, 1); // critical
    const [unused, bits = 0] = element(nested(extension, OCTET_STRING), BIT_STRING);
    if (unused === undefined || unused > 7) throw new NotDer('key usage is no bit string');
    return new Set(bits >= 0x80 ? ['digitalSignature'] : []);
  }
  return undefined;
}

/** The identifiers that say everything by themselves: content of the AlgorithmIdentifier, RSA's with its NULL or without. */
const ALGORITHMS: readonly (readonly [string, CertificateOutline['signatureAlgorithm']])[] = [
  ['06032b6570', { family: 'ed25519', hash: undefined }],
  ...(['sha256', 'sha384', 'sha512'] as const).flatMap(
    (hash, i) =>
      [
        [`06082a8648ce3d04030${2 + i}`, { family: 'ecdsa', hash }],
        [`06092a864886f70d01010${'bcd'[i]}`, { family: 'rsa-pkcs1', hash }],
        [`06092a864886f70d01010${'bcd'[i]}0500`, { family: 'rsa-pkcs1', hash }],
      ] as const,
  ),
];
const PSS = fromHex('06092a864886f70d01010a');

function readAlgorithm(content: Uint8Array): CertificateOutline['signatureAlgorithm'] {
  for (const [id, algorithm] of ALGORITHMS) if (equalBytes(content, fromHex(id))) return algorithm;
  const hash = equalBytes(content.subarray(0, PSS.length), PSS)
    ? pssHash(content.subarray(PSS.length))
    : undefined;
  return { family: hash && 'rsa-pss', hash };
}
