/** What flags say of one credential: those behind a `-new-…-credential` are about that one. */
import type { SchemeName } from '../../../src/crypto/suites.ts';
import type { CertificateType } from '../../../src/tls/index.ts';

/** One of the certificates, raw keys or shared keys that we show. */
export interface CredentialOptions {
  readonly kind: CertificateType | 'psk';
  keyFile?: string;
  certFile?: string;
  ocspResponse?: Uint8Array;
  scts?: Uint8Array;
  signingPrefs?: SchemeName[];
  psk: { key: Uint8Array; identity: Uint8Array; context: Uint8Array; hash: 'sha256' | 'sha384' };
}

export function newCredential(kind: CredentialOptions['kind']): CredentialOptions {
  const none = new Uint8Array();
  return { kind, psk: { key: none, identity: none, context: none, hash: 'sha256' } };
}
