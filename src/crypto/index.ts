/** The crypto room: interfaces, suites as data, and the portable provider. `node.node.ts` is the other one. */
export { CryptoError, type CryptoErrorCode } from './errors.ts';
export { type NobleOptions, nobleProvider } from './noble.ts';
export type {
  Aead,
  CryptoProvider,
  Encapsulation,
  Hash,
  KeyExchange,
  PrivateKey,
  Signer,
} from './provider.ts';
export { type PublicKey, parseSpki } from './spki.ts';
export {
  type AeadName,
  type CurveGroup,
  GROUPS,
  type Group,
  type GroupName,
  groupById,
  type HashName,
  type KeyKind,
  SCHEMES,
  type Scheme,
  type SchemeName,
  SUITES,
  type Suite,
  type SuiteName,
  schemeById,
  schemeByName,
  suiteById,
} from './suites.ts';
export { generateWebCryptoKey, type WebCryptoKey, webCryptoSigner } from './webcrypto.ts';
