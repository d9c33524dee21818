import type { CryptoProvider } from '../crypto/provider.ts';
import type { Certificate } from './certificate.ts';
import type { Refusal } from './errors.ts';
import type { VerifiedPeer } from './proofs.ts';
import type { Trust } from './trust.ts';

/** Whom we want at the other end. */
export type Expected =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'key'; readonly id: string }
  | { readonly kind: 'domain'; readonly domain: string }
  /** The listening side: whoever it proves to be, an enrolled name or a key peer. */
  | { readonly kind: 'anyPeer' };

export function verifyPeer(
  _chain: readonly Uint8Array[],
  _expected: Expected,
  _trust: Trust,
  _role: 'client' | 'server',
  _now: number,
  _provider: CryptoProvider,
): VerifiedPeer | Refusal {
  throw new Error('lands next');
}
export function verifyPinnedDomain(
  _chain: readonly Uint8Array[],
  _domain: string,
  _rootPin: Uint8Array,
  _now: number,
  _provider: CryptoProvider,
): VerifiedPeer | Refusal {
  throw new Error('lands next');
}
export function verifyServer(
  _chain: readonly Uint8Array[],
  _expected: { readonly dns?: string; readonly ip?: string },
  _roots: readonly Certificate[],
  _now: number,
  _provider: CryptoProvider,
): VerifiedPeer | Refusal {
  throw new Error('lands next');
}
export function verifyClient(
  _chain: readonly Uint8Array[],
  _roots: readonly Certificate[],
  _now: number,
  _provider: CryptoProvider,
): VerifiedPeer | Refusal {
  throw new Error('lands next');
}
