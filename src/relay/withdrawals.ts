/** What the domain takes back: keys, accounts, certificates. docs/protocol.md §6.4. */
import { parseName, parsePeerId, peerId, type VerifiedPeer, withdrawal } from '../identity/index.ts';
import { allKeys, keysWith, markRevoked } from './accounts.ts';
import type { AuditFacts } from './audit.ts';
import type { Bundles } from './bundles.ts';
import type { DomainState } from './domainState.ts';
import { RelayError } from './errors.ts';
import type { WithdrawnKey } from './revocations.ts';
import type { Account } from './store.ts';

/** What is withdrawn: a device or user CA with all that stands on its key, a person, or one certificate. */
export type RevokeTarget =
  | { readonly keyId: string }
  | { readonly user: string }
  /** `issuer` is a key id; `serial` lower-case hex. */
  | { readonly issuer: string; readonly serial: string };

const DAY = 86_400_000;
/** Until when a withdrawn key stays in the bundle whose certificates we do not know: the longest there are. */
const LONGEST_LIFE: number = 366 * DAY;

export class Withdrawals {
  readonly #state: DomainState;
  readonly #bundles: Bundles;

  constructor(state: DomainState, bundles: Bundles) {
    this.#state = state;
    this.#bundles = bundles;
  }

  /** On disk and in force when it resolves: the bundle that says so is signed and on its way to everybody. */
  async revoke(target: RevokeTarget): Promise<void> {
    await this.#state.alone(async () => {
      if ('user' in target) await this.#revokeUser(target.user);
      else if ('keyId' in target) await this.#revokeKey(parsePeerId(target.keyId));
      else await this.#revokeCertificate(parsePeerId(target.issuer), target.serial);
    });
  }

  async #revokeUser(user: string): Promise<void> {
    const account = await this.#account(user);
    await this.withdraw({ ...account, blocked: true }, allKeys(account), { by: 'admin' });
  }

  async #revokeKey(keyId: string): Promise<void> {
    const { store, authority } = this.#state;
    if (keyId === peerId(authority.root.spki))
      throw new RelayError(
        'ERR_RELAY_REVOKE',
        'that is the root that signs: nothing would be left to believe',
        {
          hint: 'roll first, then withdraw the old root',
        },
      );
    const accounts = await store.accounts();
    const account = accounts.find((one) => allKeys(one).some((key) => key.keyId === keyId));
    const known = account === undefined ? [] : keysWith(account, keyId);
    const keys = known.length > 0 ? known : [{ keyId, until: 0 }];
    await this.withdraw(account, keys, { keyId, by: 'admin' });
  }

  async #revokeCertificate(issuer: string, serial: string): Promise<void> {
    const { clock, audit, revocations } = this.#state;
    if (!/^([0-9a-f]{2}){1,20}$/.test(serial))
      throw new RelayError('ERR_RELAY_REVOKE', `"${serial}" is no serial number in hex`);
    const now = clock.now();
    const { keys, certificates } = revocations.lists;
    const others = certificates.filter((one) => one.issuer !== issuer || one.serial !== serial);
    const entry = { issuer, serial, at: now, until: now + LONGEST_LIFE };
    await this.#bundles.publish({ keys, certificates: [...others, entry] });
    await audit.write({ what: 'revoked', issuer, serial, by: 'admin' });
  }

  /** The account is back, and its keys with it, but for those that were withdrawn one by one. */
  async unblock(user: string): Promise<void> {
    const { store, audit } = this.#state;
    await this.#state.alone(async () => {
      const account = await this.#account(user);
      const { keys, certificates } = this.#state.revocations.lists;
      const kept = keys.filter((key) => key.user !== account.user || key.blocked !== true);
      await store.putAccount({ ...account, blocked: false });
      await this.#bundles.publish({ keys: kept, certificates });
      await audit.write({ what: 'unblocked', user: account.user, by: 'admin' });
    });
  }

  async #account(user: string): Promise<Account> {
    const { store, domain } = this.#state;
    const name = parseName(`${user}@${domain}`).user;
    const account = await store.account(name);
    if (account !== undefined) return account;
    throw new RelayError('ERR_RELAY_ACCOUNT', `${domain} has no account "${name}"`);
  }

  /**
   * For whoever has the turn. Peers are told as soon as the list is on disk, for somebody may be pouring data out; whoever
   * asked hears when all is. A crash in between leaves keys refused and an account's list that says less.
   */
  async withdraw(
    account: Account | undefined,
    withdrawn: readonly { readonly keyId: string; readonly until: number }[],
    facts: Pick<AuditFacts, 'keyId' | 'by'>,
  ): Promise<void> {
    const { store, clock, audit, revocations } = this.#state;
    const now = clock.now();
    const { keys, certificates } = revocations.lists;
    const blocked = account?.blocked === true;
    const user = account?.user;
    const fresh = withdrawn
      .filter(({ keyId }) => !revocations.has(keyId))
      .map<WithdrawnKey>(({ keyId, until }) => ({
        ...{ keyId, at: now, until: Math.max(until, now) + (until > 0 ? DAY : LONGEST_LIFE) },
        ...(user !== undefined && { user }),
        ...(blocked && { blocked }),
      }));
    if (account !== undefined && blocked) await store.putAccount(account);
    await this.#bundles.publish({ keys: [...keys, ...fresh], certificates }, blocked ? user : undefined);
    if (account !== undefined && !blocked)
      await store.putAccount(markRevoked(account, new Set(fresh.map(({ keyId }) => keyId)), now));
    await audit.write({ what: 'revoked', ...(user !== undefined && { user }), ...facts });
  }

  /** Whether a proof that was good is so no longer; asked of all who are here when a bundle has changed. */
  concern({ identity, chain }: VerifiedPeer): boolean {
    const { revocations, domain, anchors } = this.#state;
    if (revocations.has(identity.keyId)) return true;
    return identity.domain === domain && withdrawal(chain, anchors) !== undefined;
  }
}
