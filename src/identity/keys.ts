import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
export function readPrivateKey(_provider: CryptoProvider, _pemText: string): PrivateKey {
  throw new Error('lands next');
}
export function writePrivateKey(_key: PrivateKey): string {
  throw new Error('lands next');
}
