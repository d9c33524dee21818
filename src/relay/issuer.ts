/** Issues certificates to the devices of accounts, to each key no more than its share, and renews them: docs/protocol.md §6.3. */
import type { CryptoProvider } from '../crypto/provider.ts';
import { type PeerIdentity, parseCertificate, parseCsr, peerId } from '../identity/index.ts';
import { TokenBucket } from '../mux/bucket.ts';
import type { FailureCode } from '../peer/messages.ts';
import { changeDevice } from './accounts.ts';
import type { DomainState } from './domainState.ts';

export interface Issued {
  readonly chain: readonly Uint8Array[];
  readonly expiresAt: number;
}

export class Issuer {
  readonly #state: DomainState;
  /** By key: certificates are written down one by one, so nobody may ask for them without end. */
  readonly #allowances = new Map<string, TokenBucket>();

  constructor(state: DomainState) {
    this.#state = state;
  }

  async renew(identity: PeerIdentity, spki: Uint8Array): Promise<Issued | FailureCode> {
    const state = this.#state;
    if (identity.userCa !== undefined) return 'user_ca'; // contacts have pinned it: the domain does not sign over it
    if (!this.mayIssue(identity.keyId)) return 'busy'; // before it waits in the others' way
    return state.alone(async () => {
      const account = await state.accountOf(identity);
      if (account === undefined || identity.domain !== state.domain) return 'refused';
      if (state.revocations.has(identity.keyId)) return 'revoked';
      const issued = await this.issue(account.user, spki, identity.device ?? '', 'renewal');
      const until = issued.expiresAt;
      await state.store.putAccount(changeDevice(account, identity.keyId, { until }));
      return issued;
    });
  }

  /** Takes from the share of that key, if anything is left of it. */
  mayIssue(keyId: string): boolean {
    const { clock, limits, userLifetime } = this.#state;
    const now = clock.monotonic();
    let allowance = this.#allowances.get(keyId);
    if (allowance === undefined) {
      const { issueBurst, issuesPerLife } = limits;
      allowance = new TokenBucket(issueBurst, (issuesPerLife * 1000) / userLifetime, now);
      this.#allowances.set(keyId, allowance);
    }
    return allowance.take(now);
  }

  async issue(
    user: string,
    spki: Uint8Array,
    device: string,
    by: 'invite' | 'password' | 'renewal',
  ): Promise<Issued> {
    const { clock, audit, authority, userLifetime: lifetime } = this.#state;
    const now = clock.now();
    const chain = authority.issueUser({ spki, user, now, lifetime, ...(device !== '' && { device }) });
    const expiresAt = parseCertificate(chain[0]!).notAfter;
    await audit.write({ what: 'issued', user, keyId: peerId(spki), device, until: expiresAt, by });
    return { chain, expiresAt };
  }
}

/** The key that a certificate is asked for, when the request is well-formed and signed by it. */
export function requestedKey(provider: CryptoProvider, csr: Uint8Array): Uint8Array | undefined {
  try {
    return parseCsr(provider, csr).spki;
  } catch {
    return undefined;
  }
}
