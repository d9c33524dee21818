/**
 * What the parts of a domain's service share: where it is stored, who signs, what is withdrawn, and whose turn it is. The
 * parts are `invites`, `enrolments`, `issuer`, `admission`, `adoption`, `ownDevices`, `withdrawals`, `bundles` and `roots`;
 * `domain.ts` puts them together.
 */
import type { Bytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import {
  type DomainAnchors,
  DomainAuthority,
  type PeerIdentity,
  parseName,
  Trust,
} from '../identity/index.ts';
import { Audit } from './audit.ts';
import { RelayError } from './errors.ts';
import { RELAY_LIMITS, type RelayLimits } from './limits.ts';
import type { HashPassword } from './passwords.ts';
import { Revocations, type StoredRevocations } from './revocations.ts';
import type { Account, DomainStore } from './store.ts';
import { loadAuthority, storedRoots } from './storedRoots.ts';

export interface DomainOptions {
  readonly store: DomainStore;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Needed once, when the store is empty. Later it must agree with what is stored. */
  readonly domain?: string;
  /** Of the root keys, where they are stored encrypted; a new domain's key is encrypted with it from the beginning. */
  readonly passphrase?: string;
  /** Milliseconds; at most and by default 7 days. */
  readonly userLifetime?: number;
  readonly limits?: Partial<RelayLimits>;
  /** scrypt; the portable one unless given. */
  readonly hashPassword?: HashPassword;
}

/** Milliseconds that a user's certificate lasts unless told. */
const USER_LIFETIME: number = 7 * 86_400_000;

export class DomainState {
  readonly store: DomainStore;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: RelayLimits;
  readonly audit: Audit;
  readonly userLifetime: number;
  #authority: DomainAuthority;
  #retired: readonly Bytes[];
  #revocations: Revocations;
  #trust: Trust;
  /** Changes of the store, one after another: two enrolments with one invite must not cross. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    authority: DomainAuthority,
    retired: readonly Bytes[],
    revocations: Revocations,
    options: DomainOptions,
  ) {
    this.store = options.store;
    this.provider = options.provider;
    this.clock = options.clock;
    this.logger = options.logger;
    this.limits = { ...RELAY_LIMITS, ...options.limits };
    this.audit = new Audit(this.store, this.clock, this.limits);
    this.userLifetime = options.userLifetime ?? USER_LIFETIME;
    this.#authority = authority;
    this.#retired = retired;
    this.#revocations = revocations;
    this.#trust = Trust.of([revocations.anchors]);
  }

  /** Loads the domain, or makes it when the store is empty. */
  static async open(options: DomainOptions): Promise<DomainState> {
    const { store, provider, clock, domain, passphrase } = options;
    const stored = await store.domain();
    if (stored !== undefined) {
      if (domain !== undefined && domain !== stored.domain)
        throw new RelayError(
          'ERR_RELAY_OTHER_DOMAIN',
          `the data holds the domain ${stored.domain}, asked for was ${domain}`,
        );
      const authority = loadAuthority(provider, stored, passphrase);
      const revocations = Revocations.of(await store.revocations(), authority, clock.now(), provider);
      return new DomainState(authority, stored.retired, revocations, options);
    }
    if (domain === undefined)
      throw new RelayError('ERR_RELAY_NO_DOMAIN', 'there is no domain yet, and none was named');
    const authority = DomainAuthority.create(provider, domain, clock.now());
    const roots = storedRoots(provider, authority, passphrase);
    await store.putDomain({ domain: authority.domain, ...roots, retired: [], urls: [] });
    const revocations = Revocations.of(undefined, authority, clock.now(), provider);
    return new DomainState(authority, [], revocations, options);
  }

  get domain(): string {
    return this.#authority.domain;
  }

  /** As it is now: a roll replaces it. */
  get authority(): DomainAuthority {
    return this.#authority;
  }

  /** Certificates of the roots that were let go. */
  get retired(): readonly Bytes[] {
    return this.#retired;
  }

  get revocations(): Revocations {
    return this.#revocations;
  }

  get anchors(): DomainAnchors {
    return this.#revocations.anchors;
  }

  /** As it is now: what is withdrawn proves nothing here. */
  get trust(): Trust {
    return this.#trust;
  }

  /** Certificates that lead from today's root to those that others may know instead, and these roots themselves. */
  get wayBack(): { readonly handovers: readonly Bytes[]; readonly roots: readonly Bytes[] } {
    const { handovers, roots } = this.#authority;
    const older = roots.length > 1 || this.#retired.length > 0;
    return {
      handovers: older ? handovers.slice(0, 1).map(({ der }) => der) : [],
      roots: [...roots.map(({ der }) => der), ...this.#retired],
    };
  }

  /** Once they are stored. */
  changeRoots(authority: DomainAuthority, retired: readonly Bytes[]): void {
    this.#authority = authority;
    this.#retired = retired;
  }

  /** Once they are stored. */
  changeRevocations(stored: StoredRevocations): void {
    this.#revocations = Revocations.of(stored, this.#authority, this.clock.now(), this.provider);
    this.#trust = Trust.of([this.anchors]);
  }

  /** A key peer has no account, and who is blocked has none any more. */
  async accountOf({ name }: PeerIdentity): Promise<Account | undefined> {
    const account = name === undefined ? undefined : await this.store.account(parseName(name).user);
    return account?.blocked ? undefined : account;
  }

  /** When everybody who asked before is done. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Resolves when the changes that were begun are done. */
  async settled(): Promise<void> {
    await this.#turn;
  }
}
