/**
 * `q2q/tls/options`: TLS configurations said in few words, and rules about them. Nothing here weakens the engine or adds to
 * it; everything ends in the contexts of `q2q/tls`. `SUITES`, `GROUPS` and `SCHEMES` are the numbers behind the names.
 */
export {
  GROUPS,
  type Group,
  SCHEMES,
  type Scheme,
  SUITES,
  type Suite,
} from '../../crypto/suites.ts';
export { Policy, type PolicyRules } from '../policy.ts';
export {
  type ByNameOptions,
  type ContextsByName,
  chooseBySni,
  contextsOf,
  type NameOptions,
  signingChains,
} from '../signingChains.ts';
export { type AuthenticationFailure, authenticationFailure } from './authenticationFailure.ts';
export { type ClientOptions, clientOptions, NamedClientContext } from './clientOptions.ts';
export { ConfigMap } from './configMap.ts';
export type { PeerName } from './name.ts';
export { platformTrust } from './platformTrust.ts';
export { fingerprint, type LoadOptions, PrivateCertificate } from './privateCertificate.ts';
export { ALPN, type ProtocolName, protocolName } from './protocolNames.ts';
export { type RootSource, TrustRoots, trustRoots } from './trustRoots.ts';
