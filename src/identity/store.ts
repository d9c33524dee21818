/**
 * Where identities, their keys and the roots of domains are kept: the interface, and the store that forgets.
 */
import type { PrivateKey } from '../crypto/provider.ts';
import { parseDomain } from './address.ts';
import { IdentityError } from './errors.ts';
import { type Identity, identityLabel } from './identity.ts';
import { identityFromChain } from './issue.ts';
import { type DomainAnchors, Trust } from './trust.ts';

/**
 * Every method rejects with an `IdentityError` (`ERR_IDENTITY_STORE…`). A label is an identity's name:
 * `alice@example.org`, or `key:<id>` for a key peer.
 */
export interface IdentityStore {
  /** Labels, sorted. */
  list(): Promise<readonly string[]>;
  get(label: string): Promise<Identity | undefined>;
  /**
   * Replaces what is stored under the identity's label; `ERR_IDENTITY_MISMATCH` when the key is another. The
   * first identity put becomes the default.
   */
  put(identity: Identity, key: PrivateKey): Promise<void>;
  remove(label: string): Promise<void>;
  /** The label used when the person names none. */
  defaultLabel(): Promise<string | undefined>;
  setDefault(label: string): Promise<void>;
  anchors(domain: string): Promise<DomainAnchors | undefined>;
  putAnchors(anchors: DomainAnchors): Promise<void>;
  removeAnchors(domain: string): Promise<void>;
  /** All stored anchors as a value. */
  trust(): Promise<Trust>;
}

/** For tests, for a browser tab's life, and as the plain twin of the directory store. */
export class MemoryIdentityStore implements IdentityStore {
  readonly #identities = new Map<string, Identity>();
  #default: string | undefined;
  #trust = Trust.of([]);

  async list(): Promise<readonly string[]> {
    return [...this.#identities.keys()].sort();
  }

  async get(label: string): Promise<Identity | undefined> {
    return this.#identities.get(label);
  }

  async put(identity: Identity, key: PrivateKey): Promise<void> {
    const checked = identityFromChain(identity.chain, key);
    const label = identityLabel(checked);
    this.#identities.set(label, checked);
    this.#default ??= label;
  }

  async remove(label: string): Promise<void> {
    this.#identities.delete(label);
    if (this.#default === label) this.#default = undefined;
  }

  async defaultLabel(): Promise<string | undefined> {
    return this.#default;
  }

  async setDefault(label: string): Promise<void> {
    if (!this.#identities.has(label)) throw notStored(label);
    this.#default = label;
  }

  async anchors(domain: string): Promise<DomainAnchors | undefined> {
    return this.#trust.anchorsFor(parseDomain(domain));
  }

  async putAnchors(anchors: DomainAnchors): Promise<void> {
    this.#trust = this.#trust.with(anchors);
  }

  async removeAnchors(domain: string): Promise<void> {
    this.#trust = this.#trust.without(parseDomain(domain));
  }

  async trust(): Promise<Trust> {
    return this.#trust;
  }
}

export function notStored(label: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_STORE', `no identity ${JSON.stringify(label)} is stored`, {
    hint: '`q2q id` lists what is stored; `q2q enroll` adds one',
  });
}
