/** The domain's roots: a second one that takes over, the first let go, both under a passphrase. docs/protocol.md §6.6. */
import type { Bytes } from '../base/bytes.ts';
import { type DomainAuthority, peerId } from '../identity/index.ts';
import type { Credential } from '../tls/index.ts';
import type { Bundles } from './bundles.ts';
import type { DomainState } from './domainState.ts';
import { RelayError } from './errors.ts';
import { storedRoots } from './storedRoots.ts';

const SERVER_LIFETIME: number = 30 * 86_400_000;

export class Roots {
  readonly #state: DomainState;
  readonly #bundles: Bundles;
  #passphrase: string | undefined;
  #server: { credential: Credential; renewAt: number } | undefined;

  constructor(state: DomainState, bundles: Bundles, passphrase: string | undefined) {
    this.#state = state;
    this.#bundles = bundles;
    this.#passphrase = passphrase;
  }

  /** What the server presents: a key that lives in memory only, a leaf that is renewed at two thirds of its life. */
  serverCredential(): Credential {
    const { clock, provider, authority } = this.#state;
    const now = clock.now();
    if (this.#server === undefined || now >= this.#server.renewAt) {
      const signer = provider.generateKey('ed25519');
      const chain = authority.issueServer({ spki: signer.spki, now, lifetime: SERVER_LIFETIME });
      this.#server = { credential: { chain, signer }, renewAt: now + (SERVER_LIFETIME * 2) / 3 };
    }
    return this.#server.credential;
  }

  /**
   * A second root that signs from now on; the old one has certified its key. Peers learn it by the next bundle, and by the
   * handover in every chain; `retire` lets the old one go when its certificates have ended.
   */
  async roll(): Promise<void> {
    const state = this.#state;
    await state.alone(async () => {
      const authority = state.authority.roll(state.clock.now());
      await this.#change(authority, state.retired);
      await state.audit.write({ what: 'rolled', keyId: peerId(authority.root.spki), by: 'admin' });
    });
  }

  /** Certificates of the older root prove nothing any more. */
  async retire(): Promise<void> {
    const state = this.#state;
    await state.alone(async () => {
      const [, old] = state.authority.roots;
      if (old === undefined)
        throw new RelayError('ERR_RELAY_ROOT', 'there is one root only', {
          hint: 'roll first: a domain without a root is none',
        });
      await this.#change(state.authority.retire(), [old.der]);
      await state.audit.write({ what: 'root_retired', keyId: peerId(old.spki), by: 'admin' });
    });
  }

  async #change(authority: DomainAuthority, retired: readonly Bytes[]): Promise<void> {
    const { store, provider } = this.#state;
    const stored = (await store.domain())!;
    const roots = storedRoots(provider, authority, this.#passphrase, stored.roots);
    await store.putDomain({ ...stored, ...roots, retired });
    this.#state.changeRoots(authority, retired);
    this.#server = undefined;
    await this.#bundles.publish();
  }

  /** Root keys are stored encrypted with it from now on, or plain without one. */
  async setPassphrase(passphrase: string | undefined): Promise<void> {
    const state = this.#state;
    await state.alone(async () => {
      const stored = (await state.store.domain())!;
      const roots = storedRoots(state.provider, state.authority, passphrase);
      await state.store.putDomain({ ...stored, ...roots });
      this.#passphrase = passphrase;
      const reason = passphrase === undefined ? 'removed' : 'set';
      await state.audit.write({ what: 'passphrase_set', reason, by: 'admin' });
    });
  }
}
