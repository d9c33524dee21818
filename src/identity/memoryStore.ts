/** The store that forgets: for tests, for a browser tab's life, and as the plain twin of the directory store. */
import type { Signer } from '../crypto/provider.ts';
import { parseDomain } from './address.ts';
import { type Identity, identityLabel, type PublicIdentity } from './identity.ts';
import { identityFromChain, publicIdentity } from './issue.ts';
import { requireUserCa } from './keyFile.ts';
import type { IdentityStore, PutAnchorsOptions, StoredUserAuthority } from './store.ts';
import { notStored } from './storeErrors.ts';
import { canonicalName, type Pin, pinnedAddress, pinOf, requireForward } from './storeRecords.ts';
import { type DomainAnchors, Trust } from './trust.ts';

/** Takes every key: nothing has to be written down. */
export class MemoryIdentityStore implements IdentityStore {
  readonly #identities = new Map<string, Identity>();
  readonly #pins = new Map<string, Pin>();
  readonly #authorities = new Map<string, StoredUserAuthority>();
  #default: string | undefined;
  #trust = Trust.of([]);

  async list(): Promise<readonly string[]> {
    return [...this.#identities.keys()].sort();
  }

  async find(label: string): Promise<PublicIdentity | undefined> {
    const identity = this.#identities.get(label);
    return identity === undefined ? undefined : publicIdentity(identity.chain);
  }

  async get(label: string): Promise<Identity | undefined> {
    return this.#identities.get(label);
  }

  async put(identity: Identity, key: Signer = identity.signer): Promise<void> {
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

  async putAnchors(anchors: DomainAnchors, options: PutAnchorsOptions = {}): Promise<void> {
    if (options.replace !== true)
      requireForward(this.#trust.anchorsFor(parseDomain(anchors.domain)), anchors);
    this.#trust = this.#trust.with(anchors);
  }

  async removeAnchors(domain: string): Promise<void> {
    this.#trust = this.#trust.without(parseDomain(domain));
  }

  async trust(): Promise<Trust> {
    return this.#trust;
  }

  async pin(address: string): Promise<Pin | undefined> {
    return this.#pins.get(pinnedAddress(address));
  }

  async pins(): Promise<readonly Pin[]> {
    return [...this.#pins.keys()].sort().map((address) => this.#pins.get(address)!);
  }

  async putPin(pin: Pin): Promise<void> {
    await this.updatePin(pin.address, () => pin);
  }

  async updatePin(
    address: string,
    change: (held: Pin | undefined) => Pin | undefined,
  ): Promise<Pin | undefined> {
    const who = pinnedAddress(address);
    const next = change(this.#pins.get(who));
    if (next !== undefined) this.#pins.set(who, pinOf(who, next));
    return this.#pins.get(who);
  }

  async removePin(address: string): Promise<void> {
    this.#pins.delete(pinnedAddress(address));
  }

  async userAuthority(name: string): Promise<StoredUserAuthority | undefined> {
    return this.#authorities.get(canonicalName(name));
  }

  async putUserAuthority(name: string, { chain, key }: StoredUserAuthority): Promise<void> {
    const owner = canonicalName(name);
    requireUserCa(owner, chain, key);
    this.#authorities.set(owner, Object.freeze({ chain: Object.freeze([...chain]), key }));
  }

  async removeUserAuthority(name: string): Promise<void> {
    this.#authorities.delete(canonicalName(name));
  }
}
