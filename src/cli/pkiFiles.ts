/** What may be in a file about certificates: PEM with any number of things, or one thing in DER. */
import { isQ2qError } from '../base/errors.ts';
import { DerReader, TAG } from '../identity/der.ts';
import {
  type Certificate,
  type Crl,
  formatPem,
  parseCertificate,
  parseCrl,
  parsePem,
} from '../identity/index.ts';
import { explained } from './certificates.ts';
import { CliError } from './errors.ts';

export type PkiThing =
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'revocationList'; readonly crl: Crl }
  | { readonly kind: 'request'; readonly der: Uint8Array }
  | { readonly kind: 'publicKey'; readonly der: Uint8Array }
  /** PEM, as `readPrivateKey` takes it. */
  | { readonly kind: 'privateKey'; readonly pem: string; readonly encrypted: boolean }
  | { readonly kind: 'pkcs12'; readonly der: Uint8Array };

type Read = (der: Uint8Array) => PkiThing;

const READERS: Readonly<Record<string, Read>> = {
  CERTIFICATE: (der) => ({ kind: 'certificate', certificate: parseCertificate(der) }),
  'X509 CRL': (der) => ({ kind: 'revocationList', crl: parseCrl(der) }),
  'CERTIFICATE REQUEST': (der) => ({ kind: 'request', der }),
  'NEW CERTIFICATE REQUEST': (der) => ({ kind: 'request', der }),
  'PUBLIC KEY': (der) => ({ kind: 'publicKey', der }),
  'PRIVATE KEY': (der) => ({ kind: 'privateKey', pem: formatPem('PRIVATE KEY', der), encrypted: false }),
  'ENCRYPTED PRIVATE KEY': (der) => ({
    kind: 'privateKey',
    pem: formatPem('ENCRYPTED PRIVATE KEY', der),
    encrypted: true,
  }),
};

/** What every DER file begins with, and no text does. */
const DER_SEQUENCE = 0x30;

/** Everything in the file, in order. Text around PEM blocks is passed over, as programs print much. */
export function thingsOf(bytes: Uint8Array, file: string): readonly PkiThing[] {
  return explained('certificate file', file, () => {
    if (bytes[0] === DER_SEQUENCE) return [binaryThing(bytes)];
    return parsePem(new TextDecoder().decode(bytes), { comments: true }).map(({ label, der }, index) => {
      const read = READERS[label];
      if (read === undefined) throw notShown(file, index, label);
      return read(der);
    });
  });
}

function notShown(file: string, index: number, label: string): CliError {
  const known = Object.keys(READERS).filter((each) => !each.startsWith('NEW '));
  return new CliError('ERR_CLI_FILE', `certificate file ${file}: block ${index + 1} is "${label}"`, {
    hint: label.endsWith(' PRIVATE KEY')
      ? 'an old form of a key: convert it with `openssl pkcs8 -topk8 -in F -out G`'
      : `shown are: ${known.join(', ')}`,
  });
}

/** DER says nothing of what it is: the first two elements do. */
function binaryThing(bytes: Uint8Array): PkiThing {
  const label = binaryLabel(bytes);
  if (label === 'PKCS12') return { kind: 'pkcs12', der: bytes };
  return READERS[label]!(bytes);
}

/** Of what is none of them, what is wrong with it as a certificate is told. */
function binaryLabel(bytes: Uint8Array): string {
  try {
    const outer = new DerReader(new Uint8Array(bytes)).sequence('file');
    // PFX and PKCS#8 begin with their version.
    if (outer.peek() === TAG.integer) return outer.smallInteger('version') === 3 ? 'PKCS12' : 'PRIVATE KEY';
    const first = outer.sequence('content');
    const next = outer.peek();
    if (next === TAG.bitString) return 'PUBLIC KEY';
    if (next === TAG.octetString) return 'ENCRYPTED PRIVATE KEY';
    // The signed part of a list and of a request: after the version the algorithm and a Name, or the Name and the key.
    if (first.peek() !== TAG.integer) return 'CERTIFICATE';
    const version = first.smallInteger('version');
    return version === 0 ? 'CERTIFICATE REQUEST' : version === 1 ? 'X509 CRL' : 'CERTIFICATE';
  } catch (error) {
    if (!isQ2qError(error)) throw error;
    return 'CERTIFICATE';
  }
}
