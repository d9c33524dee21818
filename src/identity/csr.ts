import type { Bytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
export interface Csr {
  readonly spki: Bytes;
}
export function createCsr(_key: PrivateKey): Bytes {
  throw new Error('lands next');
}
export function parseCsr(_provider: CryptoProvider, _der: Uint8Array): Csr {
  throw new Error('lands next');
}
