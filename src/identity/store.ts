/**
 * Where identities, their keys, the roots of domains and the pins of people are kept: the interface. There are two
 * stores, `memoryStore.ts` and `store.node.ts`; one suite of tests says what every store must do.
 */
import type { PrivateKey, Signer } from '../crypto/provider.ts';
import type { Identity, PublicIdentity } from './identity.ts';
import type { Pin } from './storeRecords.ts';
import type { DomainAnchors, Trust } from './trust.ts';

/** A person's own CA, which signs their devices: its chain, and its key, which must sign at once. */
export interface StoredUserAuthority {
  /** The user CA first, the root left out. */
  readonly chain: readonly Uint8Array[];
  readonly key: PrivateKey;
}

export interface PutAnchorsOptions {
  /** Also when what is stored is newer: a person begins anew with a domain. */
  readonly replace?: boolean;
}

/**
 * Every method rejects with an `IdentityError` (`ERR_IDENTITY_STORE…`). A label is an identity's name:
 * `alice@example.org`, or `key:<id>` for a key peer. Each change is whole or did not happen, also when the process
 * dies in it and when several use the store at once.
 */
export interface IdentityStore {
  /** Labels, sorted. */
  list(): Promise<readonly string[]>;
  /** What is public of it; asks nobody for a passphrase, and no agent. */
  find(label: string): Promise<PublicIdentity | undefined>;
  get(label: string): Promise<Identity | undefined>;
  /**
   * Replaces what is stored under the identity's label; `ERR_IDENTITY_MISMATCH` when the key is another than the
   * leaf's, `ERR_IDENTITY_STORE_SIGNER` when this store cannot keep such a key. The first identity put becomes the
   * default. The key is `identity.signer` unless given.
   */
  put(identity: Identity, key?: Signer): Promise<void>;
  remove(label: string): Promise<void>;
  /** The label used when the person names none. */
  defaultLabel(): Promise<string | undefined>;
  setDefault(label: string): Promise<void>;

  anchors(domain: string): Promise<DomainAnchors | undefined>;
  /**
   * `ERR_IDENTITY_STORE_OLDER` when anchors of a higher sequence are stored, or of the same with other content:
   * looked up and written in one step.
   */
  putAnchors(anchors: DomainAnchors, options?: PutAnchorsOptions): Promise<void>;
  removeAnchors(domain: string): Promise<void>;
  /** All stored anchors as a value. */
  trust(): Promise<Trust>;

  /** What was remembered of `alice@example.org` or `key:<id>`; a protocol behind it is passed over. */
  pin(address: string): Promise<Pin | undefined>;
  /** Sorted by address. */
  pins(): Promise<readonly Pin[]>;
  putPin(pin: Pin): Promise<void>;
  /**
   * Reads, changes and writes in one step, so that no other process's change gets lost. Undefined leaves what is
   * stored. Returns what is stored then.
   */
  updatePin(address: string, change: (held: Pin | undefined) => Pin | undefined): Promise<Pin | undefined>;
  removePin(address: string): Promise<void>;

  /** The user CA of `alice@example.org`. */
  userAuthority(name: string): Promise<StoredUserAuthority | undefined>;
  putUserAuthority(name: string, authority: StoredUserAuthority): Promise<void>;
  removeUserAuthority(name: string): Promise<void>;
}
