import type { Bytes } from '../base/bytes.ts';
import type { PrivateKey, Signer } from '../crypto/provider.ts';
import type { Identity } from './identity.ts';
export function selfSignedIdentity(_key: PrivateKey, _now: number): Identity {
  throw new Error('lands next');
}
export function identityFromChain(_chain: readonly Bytes[], _signer: Signer): Identity {
  throw new Error('lands next');
}
