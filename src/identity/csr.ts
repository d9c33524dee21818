/**
 * Certification requests (PKCS#10, RFC 2986). A request carries a key and the proof that its maker holds it,
 * nothing else: names and extensions in it are wishes that our authority never reads.
 */
import type { Bytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey, Signer } from '../crypto/provider.ts';
import { parseSpki } from '../crypto/spki.ts';
import type { SchemeName } from '../crypto/suites.ts';
import { readSignatureAlgorithm, signatureIdentifier, verifySignature } from './algorithms.ts';
import { bitString, checkDer, context, DerReader, der, integer, malformed, sequence, TAG } from './der.ts';
import { EMPTY_NAME, parseDistinguishedName } from './distinguishedName.ts';
import { IdentityError } from './errors.ts';

/** A request whose signature was checked: whoever sent it holds the key. */
export interface Csr {
  readonly spki: Bytes;
}

/** A request of an 8192-bit RSA key with a few wishes takes 3 KB. */
const MAX_CSR = 16_384;

export function createCsr(key: PrivateKey): Bytes {
  const { info, scheme, finish } = unsigned(key);
  return finish(key.sign(scheme, info));
}

/** The same for a key that signs later: of an agent, a token, the platform. */
export async function createCsrBySigner(signer: Signer): Promise<Bytes> {
  const { info, scheme, finish } = unsigned(signer);
  return finish(await signer.sign(scheme, info));
}

function unsigned(key: Signer): { info: Bytes; scheme: SchemeName; finish: (signature: Bytes) => Bytes } {
  const info = sequence(integer(0), EMPTY_NAME, key.spki, der(context(0, true)));
  const { scheme, identifier } = signatureIdentifier(key.kind);
  return { info, scheme, finish: (signature) => sequence(info, identifier, bitString(signature)) };
}

/** Throws `ERR_IDENTITY_CSR` unless the request is well-formed and signed by the key it carries. */
export function parseCsr(provider: CryptoProvider, bytes: Uint8Array): Csr {
  if (bytes.length > MAX_CSR) throw refused(`request of ${bytes.length} bytes, at most ${MAX_CSR} are read`);
  try {
    return readCsr(provider, new Uint8Array(bytes));
  } catch (error) {
    if (error instanceof IdentityError && error.code === 'ERR_IDENTITY_DER')
      throw refused(`malformed certification request: ${error.message}`, error);
    throw error;
  }
}

function readCsr(provider: CryptoProvider, bytes: Bytes): Csr {
  checkDer(bytes);
  const outer = new DerReader(bytes);
  const request = outer.sequence('request');
  outer.end('request');
  const info = request.expect(TAG.sequence, 'requestInfo');
  const algorithm = readSignatureAlgorithm(request.sequence('signatureAlgorithm'));
  const signature = request.bitString('signature');
  request.end('request');

  const reader = new DerReader(info.value);
  if (reader.smallInteger('version') !== 0) throw malformed('version is not 0 (v1)');
  parseDistinguishedName(reader.expect(TAG.sequence, 'subject').der, 'subject');
  const spki = reader.expect(TAG.sequence, 'subjectPublicKeyInfo').der;
  // Attributes are mandatory by the grammar; some writers leave the empty set out.
  reader.optional(context(0, true), 'attributes');
  reader.end('requestInfo');

  if (parseSpki(spki) === undefined)
    throw refused('the key of the request is too weak or of an unknown kind');
  if (!verifySignature(algorithm, spki, info.der, signature, provider))
    throw refused('the request is not signed by the key it carries');
  return Object.freeze({ spki: new Uint8Array(spki) });
}

function refused(message: string, cause?: IdentityError): IdentityError {
  return new IdentityError('ERR_IDENTITY_CSR', message, { cause });
}
