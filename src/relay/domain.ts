/**
 * A domain: who its users are, and the authority that says so. Invites, enrolment and renewal; docs/protocol.md §6.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalConstantTime, fromHex, hex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import {
  type DomainAnchors,
  DomainAuthority,
  type PeerIdentity,
  parseCertificate,
  parseCsr,
  parseName,
  peerId,
  readPrivateKey,
  Trust,
  writePrivateKey,
} from '../identity/index.ts';
import { DEVICE } from '../identity/profile.ts';
import { TokenBucket } from '../mux/bucket.ts';
import { INVITE_ID_LENGTH, INVITE_SECRET_LENGTH, type Invite } from '../peer/invite.ts';
import type { FailureCode } from '../peer/messages.ts';
import type { Credential } from '../tls/index.ts';
import { RelayError } from './errors.ts';
import { RELAY_LIMITS } from './limits.ts';
import type { Account, DomainStore, StoredInvite } from './store.ts';

export interface DomainOptions {
  readonly store: DomainStore;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Needed once, when the store is empty. Later it must agree with what is stored. */
  readonly domain?: string;
  /** Milliseconds; at most and by default 7 days. */
  readonly userLifetime?: number;
  readonly secretsPerInvite?: number;
}

export interface EnrolRequest {
  readonly invite: Uint8Array;
  readonly secret: Uint8Array;
  readonly csr: Uint8Array;
  readonly device: string;
  /** The key that the enrolment channel's TLS proved. */
  readonly provedKeyId: string;
}

export interface Issued {
  readonly chain: readonly Uint8Array[];
  readonly expiresAt: number;
}

const DAY = 86_400_000;
/** Milliseconds that a user's certificate lasts unless told. */
const USER_LIFETIME: number = 7 * DAY;
/** Days that an invite is good for unless told. */
const INVITE_LIFETIME: number = 7 * DAY;
const SERVER_LIFETIME: number = 30 * DAY;

export class DomainService {
  readonly authority: DomainAuthority;
  readonly #options: DomainOptions;
  readonly #wrongSecrets = new Map<string, number>();
  /** By key: certificates are written down one by one, so nobody may ask for them without end. */
  readonly #allowances = new Map<string, TokenBucket>();
  #server: { credential: Credential; renewAt: number } | undefined;
  /** Changes of the store, one after another: two enrolments with one invite must not cross. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(authority: DomainAuthority, options: DomainOptions) {
    this.authority = authority;
    this.#options = options;
  }

  /** Loads the domain, or makes it when the store is empty. */
  static async open(options: DomainOptions): Promise<DomainService> {
    const { store, provider, clock, domain } = options;
    const stored = await store.domain();
    if (stored !== undefined) {
      if (domain !== undefined && domain !== stored.domain)
        throw new RelayError(
          'ERR_RELAY_OTHER_DOMAIN',
          `the data holds the domain ${stored.domain}, asked for was ${domain}`,
        );
      const rootKey = readPrivateKey(provider, stored.rootKey);
      const authority = DomainAuthority.load(provider, { rootCertificate: stored.rootCertificate, rootKey });
      return new DomainService(authority, options);
    }
    if (domain === undefined)
      throw new RelayError('ERR_RELAY_NO_DOMAIN', 'there is no domain yet, and none was named');
    const authority = DomainAuthority.create(provider, domain, clock.now());
    await store.putDomain({
      domain: authority.domain,
      rootCertificate: authority.root.der,
      rootKey: writePrivateKey(authority.rootKey),
      urls: [],
    });
    return new DomainService(authority, options);
  }

  get domain(): string {
    return this.authority.domain;
  }

  get anchors(): DomainAnchors {
    return { domain: this.domain, roots: [this.authority.root] };
  }

  get trust(): Trust {
    return Trust.of([this.anchors]);
  }

  /** What the server presents: a key that lives in memory only, a leaf that is renewed at two thirds of its life. */
  serverCredential(): Credential {
    const now = this.#options.clock.now();
    if (this.#server === undefined || now >= this.#server.renewAt) {
      const signer = this.#options.provider.generateKey('ed25519');
      const chain = this.authority.issueServer({ spki: signer.spki, now, lifetime: SERVER_LIFETIME });
      this.#server = { credential: { chain, signer }, renewAt: now + (SERVER_LIFETIME * 2) / 3 };
    }
    return this.#server.credential;
  }

  /** Stores where peers reach the relay, for invites made later. */
  async setUrls(urls: readonly string[]): Promise<void> {
    await this.#alone(async () => {
      const stored = (await this.#options.store.domain())!;
      await this.#options.store.putDomain({ ...stored, urls });
    });
  }

  async invite(user: string, options: { url?: string; lifetime?: number } = {}): Promise<Invite> {
    return createInvite(this.authority, this.#options, user, options);
  }

  /** True when the identity, already verified, has a place here. Key peers are the relay's question, not the domain's. */
  async admits(identity: PeerIdentity): Promise<boolean> {
    if (identity.name === undefined || identity.domain !== this.domain) return false;
    const account = await this.#options.store.account(parseName(identity.name).user);
    return account !== undefined && !account.blocked;
  }

  accounts(): Promise<readonly Account[]> {
    return this.#options.store.accounts();
  }

  enrol(request: EnrolRequest): Promise<Issued | FailureCode> {
    return this.#alone(() => this.#enrol(request));
  }

  async #enrol(request: EnrolRequest): Promise<Issued | FailureCode> {
    const { provider, clock, store } = this.#options;
    const id = hex(request.invite);
    const invite = await this.#knock(id, request.secret);
    if (typeof invite === 'string') return invite;
    const spki = spkiOf(provider, request.csr);
    if (spki === undefined) return 'invalid';
    const keyId = peerId(spki);
    if (keyId !== request.provedKeyId) return 'invalid';
    if (request.device !== '' && !DEVICE.test(request.device)) return 'invalid';
    if (invite.usedBy !== undefined && invite.usedBy !== keyId) return 'invite_used';
    // A repeated request with the same key repairs a lost answer, even when the invite ran out meanwhile.
    if (invite.usedBy === undefined && clock.now() >= invite.expires) return 'invite_expired';
    const account = await store.account(invite.user);
    if (account?.blocked) return 'refused';
    if (!this.#mayIssue(keyId)) return 'busy';
    // In this order: a crash in between leaves a used invite that its own key can still finish.
    if (invite.usedBy === undefined) await store.putInvite({ ...invite, usedBy: keyId });
    const now = clock.now();
    const device = { keyId, label: request.device, since: now };
    const devices = (account?.devices ?? []).filter((known) => known.keyId !== keyId);
    await store.putAccount({
      user: invite.user,
      created: account?.created ?? now,
      blocked: false,
      devices: [...devices, device],
    });
    const issued = await this.#issue(invite.user, spki, request.device, 'invite');
    return { ...issued, chain: [...issued.chain, this.authority.root.der] };
  }

  /** The invite, if the secret opens it. An unknown id and a wrong secret are one answer. */
  async #knock(id: string, secret: Uint8Array): Promise<StoredInvite | FailureCode> {
    const { store, secretsPerInvite = RELAY_LIMITS.secretsPerInvite } = this.#options;
    const invite = await store.invite(id);
    if (invite === undefined) return 'invite_refused';
    const wrong = this.#wrongSecrets.get(id) ?? 0;
    if (wrong >= secretsPerInvite) return 'invite_refused';
    if (equalConstantTime(sha256(secret), fromHex(invite.secretHash))) return invite;
    this.#wrongSecrets.set(id, wrong + 1);
    return 'invite_refused';
  }

  async renew(identity: PeerIdentity, spki: Uint8Array): Promise<Issued | FailureCode> {
    if (!this.#mayIssue(identity.keyId)) return 'busy'; // before it waits in the others' way
    return this.#alone(async () => {
      if (identity.name === undefined || !(await this.admits(identity))) return 'refused';
      return this.#issue(parseName(identity.name).user, spki, identity.device ?? '', 'renewal');
    });
  }

  #mayIssue(keyId: string): boolean {
    const { clock, userLifetime = USER_LIFETIME } = this.#options;
    const now = clock.monotonic();
    let allowance = this.#allowances.get(keyId);
    if (allowance === undefined) {
      const { issueBurst, issuesPerLife } = RELAY_LIMITS;
      allowance = new TokenBucket(issueBurst, (issuesPerLife * 1000) / userLifetime, now);
      this.#allowances.set(keyId, allowance);
    }
    return allowance.take(now);
  }

  async #issue(user: string, spki: Uint8Array, device: string, by: 'invite' | 'renewal'): Promise<Issued> {
    const { clock, store, userLifetime } = this.#options;
    const now = clock.now();
    const chain = this.authority.issueUser({
      spki,
      user,
      now,
      ...(device !== '' && { device }),
      ...(userLifetime !== undefined && { lifetime: userLifetime }),
    });
    const expiresAt = parseCertificate(chain[0]!).notAfter;
    await store.logIssue({ at: now, user, keyId: peerId(spki), device, notAfter: expiresAt, by });
    return { chain, expiresAt };
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** Makes and stores an invite. Needs no lock: it adds one record and changes none. */
export async function createInvite(
  authority: DomainAuthority,
  { store, provider, clock }: Pick<DomainOptions, 'store' | 'provider' | 'clock'>,
  user: string,
  options: { readonly url?: string; readonly lifetime?: number } = {},
): Promise<Invite> {
  const name = parseName(`${user}@${authority.domain}`).user;
  const url = options.url ?? (await store.domain())?.urls[0];
  if (url === undefined)
    throw new RelayError('ERR_RELAY_DATA', 'the relay has no address to put into an invite', {
      hint: 'start the relay once, or name its address',
    });
  const now = clock.now();
  const secret = provider.random(INVITE_SECRET_LENGTH);
  const id = provider.random(INVITE_ID_LENGTH);
  const expires = now + (options.lifetime ?? INVITE_LIFETIME);
  await store.putInvite({
    id: hex(id),
    user: name,
    secretHash: hex(sha256(secret)),
    created: now,
    expires,
  });
  return { domain: authority.domain, url, user: name, rootPin: authority.rootPin, id, secret, expires };
}

function spkiOf(provider: CryptoProvider, csr: Uint8Array): Uint8Array | undefined {
  try {
    return parseCsr(provider, csr).spki;
  } catch {
    return undefined;
  }
}
