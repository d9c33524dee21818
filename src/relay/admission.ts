/** Who of those that have proved who they are has a place here, and when each device was last seen. */
import { type PeerIdentity, parseName } from '../identity/index.ts';
import type { CloseCodeName } from '../peer/codes.ts';
import { changeDevice } from './accounts.ts';
import type { Adoption } from './adoption.ts';
import type { DomainState } from './domainState.ts';

export class Admission {
  readonly #state: DomainState;
  readonly #adoption: Adoption;
  /** Devices that were seen since that was written down, by key. */
  readonly #unwritten = new Map<string, { readonly user: string; readonly at: number }>();
  #writing: Promise<void> | undefined;

  constructor(state: DomainState, adoption: Adoption) {
    this.#state = state;
    this.#adoption = adoption;
  }

  /** Why an identity, already verified, has no place here; undefined when it has one, which is noted. */
  async refusal(identity: PeerIdentity): Promise<CloseCodeName | undefined> {
    const { store, clock, limits, domain, revocations } = this.#state;
    if (identity.name === undefined || identity.domain !== domain) return 'notAdmitted';
    if (revocations.has(identity.keyId)) return 'revoked';
    const account = await store.account(parseName(identity.name).user);
    if (account === undefined) return 'notAdmitted';
    if (account.blocked) return 'revoked';
    const device = account.devices.find(({ keyId }) => keyId === identity.keyId);
    if (device === undefined) return this.#adoption.meet(account.user, identity);
    if (clock.now() - (device.lastSeen ?? 0) >= limits.seenEvery)
      this.#noteSeen(account.user, device.keyId, clock.now());
    return undefined;
  }

  /** Written down one by one, behind everything else: a crowd that comes back after a restart does not wait for it. */
  #noteSeen(user: string, keyId: string, at: number): void {
    this.#unwritten.set(keyId, { user, at });
    this.#writing ??= this.#writeSeen().finally(() => (this.#writing = undefined));
  }

  async #writeSeen(): Promise<void> {
    const { store, logger } = this.#state;
    for (let next = first(this.#unwritten); next !== undefined; next = first(this.#unwritten)) {
      const [keyId, { user, at }] = next;
      this.#unwritten.delete(keyId);
      try {
        await this.#state.alone(async () => {
          const account = await store.account(user);
          if (account !== undefined) await store.putAccount(changeDevice(account, keyId, { lastSeen: at }));
        });
      } catch (error) {
        logger.log('warn', 'when a device was seen is not written down', { error });
      }
    }
  }

  /** Resolves when it is written down who was seen. */
  async settled(): Promise<void> {
    await this.#writing;
  }
}

function first<K, V>(map: ReadonlyMap<K, V>): readonly [K, V] | undefined {
  return map.entries().next().value;
}
