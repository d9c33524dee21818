/** Devices that a user CA has signed: they become known to the domain by coming, or by being told of. docs/protocol.md §6.5. */
import { type PeerIdentity, Refusal, verifyPeer } from '../identity/index.ts';
import type { CloseCodeName } from '../peer/codes.ts';
import type { FailureCode } from '../peer/messages.ts';
import { withDevice } from './accounts.ts';
import type { DomainState } from './domainState.ts';
import type { Issuer } from './issuer.ts';
import type { Account, Device } from './store.ts';

export class Adoption {
  readonly #state: DomainState;
  readonly #issuer: Issuer;

  constructor(state: DomainState, issuer: Issuer) {
    this.#state = state;
    this.#issuer = issuer;
  }

  /** A device that only a user CA vouched for so far becomes known by coming. */
  meet(user: string, identity: PeerIdentity): Promise<CloseCodeName | undefined> {
    const { store, clock } = this.#state;
    return this.#state.alone(async () => {
      const now = clock.now();
      const account = (await store.account(user))!;
      const { keyId, device: label = '', userCa, expiresAt } = identity;
      if (account.devices.some((known) => known.keyId === keyId)) return undefined; // it came twice at once
      const by = userCa === undefined ? 'renewal' : 'user_ca';
      const device: Device = { keyId, label, since: now, by, lastSeen: now, until: expiresAt };
      return (await this.#add(account, device, userCa ?? 'domain')) ? undefined : 'busy';
    });
  }

  /** A device that the person's user CA has signed, told of before it comes. Undefined: it is known now. */
  async adopt(identity: PeerIdentity, chain: readonly Uint8Array[]): Promise<FailureCode | undefined> {
    const { provider, clock, trust } = this.#state;
    if (identity.name === undefined) return 'refused';
    if (!this.#issuer.mayIssue(identity.keyId)) return 'busy';
    const wanted = { kind: 'name', name: identity.name } as const;
    const proof = verifyPeer(chain, wanted, trust, 'client', clock.now(), provider);
    if (proof instanceof Refusal) return proof.code === 'ERR_IDENTITY_DENIED' ? 'revoked' : 'invalid';
    const { keyId, device: label = '', userCa, expiresAt: until } = proof.identity;
    if (userCa === undefined) return 'invalid';
    return this.#state.alone(async () => {
      const account = await this.#state.accountOf(identity);
      if (account === undefined) return 'refused';
      if (this.#state.revocations.has(keyId)) return 'revoked';
      const known = account.devices.find((device) => device.keyId === keyId);
      const device: Device = { since: clock.now(), ...known, keyId, label, by: 'user_ca', until };
      return (await this.#add(account, device, identity.keyId)) ? undefined : 'too_many_devices';
    });
  }

  async #add(account: Account, device: Device, by: string): Promise<boolean> {
    const { store, clock, limits, audit } = this.#state;
    const larger = withDevice(account, device, limits.devicesPerAccount, clock.now());
    if (larger === undefined) return false;
    await store.putAccount(larger);
    const { keyId, label, until = 0 } = device;
    await audit.write({ what: 'adopted', user: account.user, keyId, device: label, until, by });
    return true;
  }
}
