/** The certificates and keys that the runner names by file. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isQ2qError } from '../../../src/base/errors.ts';
import { provider } from '../../../src/crypto/node.node.ts';
import type { Signer } from '../../../src/crypto/provider.ts';
import { parsePemAs } from '../../../src/identity/index.ts';
import type { Credential } from '../../../src/tls/index.ts';
import type { Options } from './options.ts';
import { Unimplemented } from './unimplemented.ts';

export function readChain(file: string): Uint8Array[] {
  return parsePemAs('CERTIFICATE', readFileSync(file, 'utf8'));
}

export function readCredential(options: Options): Credential | undefined {
  const { certFile, keyFile, ocspResponse, ocspCallbackDeclines, scts } = options;
  if (certFile === undefined || keyFile === undefined) return undefined;
  return {
    chain: readChain(certFile),
    signer: preferring(readSigner(keyFile), options),
    ...(ocspResponse && !ocspCallbackDeclines && { ocsp: ocspResponse }),
    ...(scts && { scts }),
  };
}

function readSigner(file: string): Signer {
  const key = createPrivateKey(readFileSync(file));
  try {
    return provider.importKey(new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })));
  } catch (error) {
    if (isQ2qError(error)) throw new Unimplemented(`key ${file}: ${error.message}`);
    throw error;
  }
}

/** In the runner's order of preference, which a signer of ours gives by its list. */
function preferring(signer: Signer, { signingPrefs }: Options): Signer {
  if (signingPrefs === undefined) return signer;
  const { kind, spki } = signer;
  const schemes = signingPrefs.filter((name) => signer.schemes.includes(name));
  return { kind, spki, schemes, sign: (scheme, message) => signer.sign(scheme, message) };
}
