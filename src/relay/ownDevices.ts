/** What a person does with the devices of their own account. docs/protocol.md §6.5. */
import { type PeerIdentity, parseCertificate, peerId } from '../identity/index.ts';
import type { DeviceRow, FailureCode } from '../peer/messages.ts';
import { allKeys, deviceRows, keysWith, withUserCa } from './accounts.ts';
import type { DomainState } from './domainState.ts';
import { type Issued, type Issuer, requestedKey } from './issuer.ts';
import type { Withdrawals } from './withdrawals.ts';

export class OwnDevices {
  readonly #state: DomainState;
  readonly #issuer: Issuer;
  readonly #withdrawals: Withdrawals;

  constructor(state: DomainState, issuer: Issuer, withdrawals: Withdrawals) {
    this.#state = state;
    this.#issuer = issuer;
    this.#withdrawals = withdrawals;
  }

  async list(identity: PeerIdentity): Promise<readonly DeviceRow[]> {
    const account = await this.#state.accountOf(identity);
    return account === undefined ? [] : deviceRows(account, (keyId) => this.#state.revocations.has(keyId));
  }

  revoke(identity: PeerIdentity, keyId: string): Promise<FailureCode | undefined> {
    const state = this.#state;
    return state.alone(async () => {
      const account = await state.accountOf(identity);
      if (account === undefined) return 'refused';
      if (!allKeys(account).some((own) => own.keyId === keyId)) return 'not_found';
      if (state.revocations.has(keyId)) return undefined;
      if (state.revocations.live(state.clock.now()) >= state.limits.keysWithdrawnByUsers) return 'busy';
      await this.#withdrawals.withdraw(account, keysWith(account, keyId), { keyId, by: identity.keyId });
      return undefined;
    });
  }

  /** A CA for devices of that person, constrained to their mailbox; withdrawn together with the device that asked for it. */
  async userCa(identity: PeerIdentity, csr: Uint8Array): Promise<Issued | FailureCode> {
    const { store, provider, clock, limits, audit } = this.#state;
    const spki = requestedKey(provider, csr);
    if (spki === undefined) return 'invalid';
    if (!this.#issuer.mayIssue(identity.keyId)) return 'busy';
    return this.#state.alone(async () => {
      const account = await this.#state.accountOf(identity);
      const { authority, revocations } = this.#state;
      const keyId = peerId(spki);
      if (account === undefined) return 'refused';
      if (revocations.has(keyId) || revocations.has(identity.keyId)) return 'revoked';
      if (account.devices.some((device) => device.keyId === keyId)) return 'invalid'; // a CA's key is no device's
      const now = clock.now();
      const { user } = account;
      const chain = authority.issueUserCa({ spki, user, now });
      const until = parseCertificate(chain[0]!).notAfter;
      const ca = { keyId, since: now, until, by: identity.keyId };
      const larger = withUserCa(account, ca, limits.userCasPerAccount, now);
      if (larger === undefined) return 'too_many_devices';
      await store.putAccount(larger);
      await audit.write({ what: 'user_ca_issued', user, keyId, until, by: identity.keyId });
      return { chain, expiresAt: until };
    });
  }
}
