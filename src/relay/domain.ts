/**
 * A domain: who its users are, and the authority that says so. Invites, passwords, enrolment and renewal;
 * docs/protocol.md §6.
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
import { Audit, type AuditEntry } from './audit.ts';
import { RelayError } from './errors.ts';
import { RELAY_LIMITS, type RelayLimits } from './limits.ts';
import { type HashPassword, hashPortably, Passwords } from './passwords.ts';
import type { Account, Device, DomainStore, StoredInvite } from './store.ts';

export interface DomainOptions {
  readonly store: DomainStore;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Needed once, when the store is empty. Later it must agree with what is stored. */
  readonly domain?: string;
  /** Milliseconds; at most and by default 7 days. */
  readonly userLifetime?: number;
  readonly limits?: Partial<RelayLimits>;
  /** scrypt; the portable one unless given. */
  readonly hashPassword?: HashPassword;
}

interface DeviceRequest {
  /** Whatever names it asks for are ignored. */
  readonly csr: Uint8Array;
  readonly device: string;
  /** The key that the enrolment channel's TLS proved. */
  readonly provedKeyId: string;
}

export interface EnrolRequest extends DeviceRequest {
  readonly invite: Uint8Array;
  readonly secret: Uint8Array;
}

export interface LoginRequest extends DeviceRequest {
  readonly user: string;
  readonly password: string;
  /** The link's address, "" when it has none. */
  readonly from: string;
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
/** Lines of the audit log handed out unless told. */
const AUDIT_LINES = 1_000;

export class DomainService {
  readonly authority: DomainAuthority;
  readonly #options: DomainOptions;
  readonly #limits: RelayLimits;
  readonly #audit: Audit;
  readonly #passwords: Passwords;
  readonly #wrongSecrets = new Map<string, number>();
  /** By key: certificates are written down one by one, so nobody may ask for them without end. */
  readonly #allowances = new Map<string, TokenBucket>();
  #server: { credential: Credential; renewAt: number } | undefined;
  /** Changes of the store, one after another: two enrolments with one invite must not cross. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(authority: DomainAuthority, options: DomainOptions) {
    const { store, clock, provider, hashPassword: hash = hashPortably } = options;
    this.authority = authority;
    this.#options = options;
    this.#limits = { ...RELAY_LIMITS, ...options.limits };
    this.#audit = new Audit(store, clock, this.#limits);
    const random = (length: number) => provider.random(length);
    this.#passwords = new Passwords({
      ...{ store, clock, random, hash, limits: this.#limits, audit: this.#audit },
    });
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

  /** The last lines, oldest first: what the domain did, and what was tried on it. */
  auditLog({ limit = AUDIT_LINES }: { readonly limit?: number } = {}): Promise<readonly AuditEntry[]> {
    return this.#options.store.audit(limit);
  }

  /** From now on `user` can enrol devices by this password; makes the account if there is none. */
  async setPassword(user: string, password: string): Promise<void> {
    const name = parseName(`${user}@${this.domain}`).user;
    await this.#passwords.set(name, password);
    await this.#alone(async () => {
      const { store, clock } = this.#options;
      if ((await store.account(name)) === undefined)
        await store.putAccount({ user: name, created: clock.now(), blocked: false, devices: [] });
      await this.#audit.write({ what: 'password_set', user: name, by: 'admin' });
    });
  }

  enrol(request: EnrolRequest): Promise<Issued | FailureCode> {
    return this.#alone(() => this.#enrol(request));
  }

  /** Enrolment by password. Hashing holds nobody up: only what changes the store waits for its turn. */
  async login(request: LoginRequest): Promise<Issued | FailureCode> {
    const { user, password, from, provedKeyId: keyId } = request;
    const spki = this.#requestedKey(request);
    if (spki === undefined || !isUser(user)) return 'invalid';
    const refused = await this.#passwords.check({ user, password, from, keyId });
    return refused ?? this.#alone(() => this.#admit(user, spki, request.device, 'password'));
  }

  async #enrol(request: EnrolRequest): Promise<Issued | FailureCode> {
    const { clock, store } = this.#options;
    const { provedKeyId: keyId } = request;
    const id = hex(request.invite);
    const refused = async (reason: FailureCode): Promise<FailureCode> => {
      await this.#audit.writeOfStranger({ what: 'invite_refused', invite: id, keyId, reason });
      return reason;
    };
    const invite = await this.#knock(id, request.secret);
    if (typeof invite === 'string') return refused(invite);
    const spki = this.#requestedKey(request);
    if (spki === undefined) return 'invalid';
    if (invite.usedBy !== undefined && invite.usedBy !== keyId) return refused('invite_used');
    // A repeated request with the same key repairs a lost answer, even when the invite ran out meanwhile.
    if (invite.usedBy === undefined && clock.now() >= invite.expires) return refused('invite_expired');
    // In this order: a crash in between leaves a used invite that its own key can still finish.
    return this.#admit(invite.user, spki, request.device, 'invite', async () => {
      if (invite.usedBy !== undefined) return;
      await store.putInvite({ ...invite, usedBy: keyId });
      await this.#audit.write({ what: 'invite_used', user: invite.user, invite: id, keyId });
    });
  }

  /** The key of the request, when it holds together: well-formed, signed by that key, which TLS proved, too. */
  #requestedKey({ csr, device, provedKeyId }: DeviceRequest): Uint8Array | undefined {
    const spki = spkiOf(this.#options.provider, csr);
    if (spki === undefined || peerId(spki) !== provedKeyId) return undefined;
    return device === '' || DEVICE.test(device) ? spki : undefined;
  }

  /** Enrols a key that earned it. `spend` marks what it was earned with as used, once nothing else can refuse. */
  async #admit(
    user: string,
    spki: Uint8Array,
    label: string,
    by: 'invite' | 'password',
    spend: () => Promise<void> = async () => {},
  ): Promise<Issued | FailureCode> {
    const { clock, store } = this.#options;
    const keyId = peerId(spki);
    const account = await store.account(user);
    if (account?.blocked) return 'refused';
    const others = (account?.devices ?? []).filter((known) => known.keyId !== keyId);
    if (others.length >= this.#limits.devicesPerAccount) return 'too_many_devices';
    if (!this.#mayIssue(keyId)) return 'busy';
    await spend();
    const now = clock.now();
    const device: Device = { keyId, label, since: now, by };
    const created = account?.created ?? now;
    await store.putAccount({ user, created, blocked: false, devices: [...others, device] });
    const issued = await this.#issue(user, spki, label, by);
    return { ...issued, chain: [...issued.chain, this.authority.root.der] };
  }

  /** The invite, if the secret opens it. An unknown id and a wrong secret are one answer. */
  async #knock(id: string, secret: Uint8Array): Promise<StoredInvite | FailureCode> {
    const { secretsPerInvite } = this.#limits;
    const invite = await this.#options.store.invite(id);
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
      const { issueBurst, issuesPerLife } = this.#limits;
      allowance = new TokenBucket(issueBurst, (issuesPerLife * 1000) / userLifetime, now);
      this.#allowances.set(keyId, allowance);
    }
    return allowance.take(now);
  }

  async #issue(
    user: string,
    spki: Uint8Array,
    device: string,
    by: 'invite' | 'password' | 'renewal',
  ): Promise<Issued> {
    const { clock, userLifetime } = this.#options;
    const now = clock.now();
    const chain = this.authority.issueUser({
      spki,
      user,
      now,
      ...(device !== '' && { device }),
      ...(userLifetime !== undefined && { lifetime: userLifetime }),
    });
    const expiresAt = parseCertificate(chain[0]!).notAfter;
    await this.#audit.write({ what: 'issued', user, keyId: peerId(spki), device, until: expiresAt, by });
    return { chain, expiresAt };
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** Makes and stores an invite. Needs no lock: it adds a record and a line, and changes none. */
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
  await store.log({ at: now, what: 'invite_made', user: name, invite: hex(id), until: expires, by: 'admin' });
  return { domain: authority.domain, url, user: name, rootPin: authority.rootPin, id, secret, expires };
}

function isUser(text: string): boolean {
  try {
    return parseName(`${text}@example`).user === text;
  } catch {
    return false;
  }
}

function spkiOf(provider: CryptoProvider, csr: Uint8Array): Uint8Array | undefined {
  try {
    return parseCsr(provider, csr).spki;
  } catch {
    return undefined;
  }
}
