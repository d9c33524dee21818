/** Our own side: a chain to present and the key behind it. */
import type { Bytes } from '../base/bytes.ts';
import type { Signer } from '../crypto/provider.ts';

export interface Identity {
  /** `alice@example.org`; absent for a key peer. */
  readonly name?: string;
  readonly keyId: string;
  /** Leaf first, the root left out. */
  readonly chain: readonly Bytes[];
  readonly signer: Signer;
  readonly device?: string;
  /** When the leaf ends, in milliseconds. */
  readonly notAfter: number;
}

/** An identity without the key: what a store tells without asking for a passphrase. */
export type PublicIdentity = Omit<Identity, 'signer'>;

/** How an identity is called in stores and on command lines: its name, else `key:<id>`. */
export function identityLabel(identity: Pick<Identity, 'name' | 'keyId'>): string {
  return identity.name ?? `key:${identity.keyId}`;
}
