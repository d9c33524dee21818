/** Where identities, their keys and the roots of domains are kept. */
import type { PrivateKey } from '../crypto/provider.ts';
import type { Identity } from './identity.ts';
import type { DomainAnchors, Trust } from './trust.ts';

/** Every method rejects with `ERR_IDENTITY_STORE…`. A name is an identity's label: `alice@example.org` or `key:<id>`. */
export interface IdentityStore {
  /** Labels, sorted. */
  list(): Promise<readonly string[]>;
  get(name: string): Promise<Identity | undefined>;
  /** Replaces what is stored under the identity's label. The first identity put becomes the default. */
  put(identity: Identity, key: PrivateKey): Promise<void>;
  remove(name: string): Promise<void>;
  /** The label used when the person names none. */
  defaultName(): Promise<string | undefined>;
  setDefault(name: string): Promise<void>;
  anchors(domain: string): Promise<DomainAnchors | undefined>;
  putAnchors(anchors: DomainAnchors): Promise<void>;
  removeAnchors(domain: string): Promise<void>;
  /** All stored anchors as a value. */
  trust(): Promise<Trust>;
}

export class MemoryIdentityStore implements IdentityStore {
  list(): Promise<readonly string[]> {
    throw new Error('lands next');
  }
  get(_name: string): Promise<Identity | undefined> {
    throw new Error('lands next');
  }
  put(_identity: Identity, _key: PrivateKey): Promise<void> {
    throw new Error('lands next');
  }
  remove(_name: string): Promise<void> {
    throw new Error('lands next');
  }
  defaultName(): Promise<string | undefined> {
    throw new Error('lands next');
  }
  setDefault(_name: string): Promise<void> {
    throw new Error('lands next');
  }
  anchors(_domain: string): Promise<DomainAnchors | undefined> {
    throw new Error('lands next');
  }
  putAnchors(_anchors: DomainAnchors): Promise<void> {
    throw new Error('lands next');
  }
  removeAnchors(_domain: string): Promise<void> {
    throw new Error('lands next');
  }
  trust(): Promise<Trust> {
    throw new Error('lands next');
  }
}
