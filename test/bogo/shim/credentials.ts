/** The certificates and keys that the runner names by file. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isQ2qError } from '../../../src/base/errors.ts';
import { provider } from '../../../src/crypto/node.node.ts';
import type { Signer } from '../../../src/crypto/provider.ts';
import { parsePemAs } from '../../../src/identity/index.ts';
import type { CertificateType, Credential } from '../../../src/tls/index.ts';
import { ExternalPsk } from '../../../src/tls/psk.ts';
import type { CredentialOptions } from './credentialOptions.ts';
import type { Options } from './options.ts';
import { needs, Unimplemented } from './unimplemented.ts';
import type { Watch } from './watch.ts';

export function readChain(file: string): Uint8Array[] {
  return parsePemAs('CERTIFICATE', readFileSync(file, 'utf8'));
}

/** In order of preference; `watch` learns which one signs. */
export function readCredentials(options: Options, watch: Watch): Credential[] {
  const { credentials, defaultCredential, ocspCallbackDeclines } = options;
  return [...credentials, defaultCredential].flatMap((credential, i) => {
    const { kind, certFile, keyFile, ocspResponse, scts } = credential;
    if (keyFile === undefined || (kind === 'x509' && certFile === undefined)) return [];
    const noting = (): void => {
      watch.selected = i === credentials.length ? -1 : i;
    };
    return {
      chain: kind === 'x509' ? readChain(certFile!) : [],
      signer: shimSigner(readSigner(keyFile), credential, noting),
      ...(ocspResponse && !ocspCallbackDeclines && { ocsp: ocspResponse }),
      ...(scts && { scts }),
    };
  });
}

/** A client offers the types of its credentials, in their order. */
export function ofTypes(credentials: readonly Credential[], { availableTypes }: Options): Credential[] {
  if (availableTypes === undefined) return [...credentials];
  const typeOf = ({ chain }: Credential): CertificateType => (chain.length === 0 ? 'rawPublicKey' : 'x509');
  return availableTypes.flatMap((type) => {
    const some = credentials.filter((credential) => typeOf(credential) === type);
    needs(some.length > 0, `an offer of ${type} without one`);
    return some;
  });
}

export function readPsks({ credentials, server }: Options): ExternalPsk[] {
  const role = server ? 'server' : 'client';
  return credentials.flatMap(({ kind, psk: { context, ...key } }) =>
    kind === 'psk' ? new ExternalPsk({ ...key, parties: { role, context } }) : [],
  );
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
function shimSigner(signer: Signer, { signingPrefs }: CredentialOptions, noting: () => void): Signer {
  const { kind, spki } = signer;
  const schemes = signingPrefs?.filter((name) => signer.schemes.includes(name)) ?? signer.schemes;
  return {
    ...{ kind, spki, schemes },
    sign(scheme, message) {
      noting();
      return signer.sign(scheme, message);
    },
  };
}
