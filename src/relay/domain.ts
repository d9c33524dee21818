/**
 * A domain: who its users are, and the authority that says so. Invites, passwords, enrolment and renewal;
 * docs/protocol.md §6.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, equalConstantTime, fromHex, hex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { Events, type Listener } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import {
  type DomainAnchors,
  DomainAuthority,
  type PeerIdentity,
  parseCertificate,
  parseCsr,
  parseName,
  parsePeerId,
  peerId,
  Refusal,
  Trust,
  type VerifiedPeer,
  verifyPeer,
  withdrawal,
} from '../identity/index.ts';
import { DEVICE } from '../identity/profile.ts';
import { TokenBucket } from '../mux/bucket.ts';
import type { CloseCodeName } from '../peer/codes.ts';
import { INVITE_ID_LENGTH, INVITE_SECRET_LENGTH, type Invite } from '../peer/invite.ts';
import type { DeviceRow, FailureCode } from '../peer/messages.ts';
import type { Credential } from '../tls/index.ts';
import {
  allKeys,
  changeDevice,
  deviceRows,
  keysWith,
  markRevoked,
  withDevice,
  withUserCa,
} from './accounts.ts';
import { Audit, type AuditEntry, type AuditFacts } from './audit.ts';
import { RelayError } from './errors.ts';
import { RELAY_LIMITS, type RelayLimits } from './limits.ts';
import { type HashPassword, hashPortably, Passwords } from './passwords.ts';
import { type Lists, Revocations, type WithdrawnKey } from './revocations.ts';
import type { Account, Device, DomainStore, StoredInvite } from './store.ts';
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

/** What is withdrawn: a device or user CA with all that stands on its key, a person, or one certificate. */
export type RevokeTarget =
  | { readonly keyId: string }
  | { readonly user: string }
  /** `issuer` is a key id; `serial` lower-case hex. */
  | { readonly issuer: string; readonly serial: string };

export interface DomainEvents {
  /** A new bundle is in force. `blocked`: whoever has that name is out, whatever key it shows. */
  bundle: { readonly bundle: Bytes; readonly blocked?: string };
}

const DAY = 86_400_000;
/** Milliseconds that a user's certificate lasts unless told. */
const USER_LIFETIME: number = 7 * DAY;
/** Days that an invite is good for unless told. */
const INVITE_LIFETIME: number = 7 * DAY;
const SERVER_LIFETIME: number = 30 * DAY;
/** Until when a withdrawn key stays in the bundle whose certificates we do not know: the longest there are. */
const LONGEST_LIFE: number = 366 * DAY;
/** Lines of the audit log handed out unless told. */
const AUDIT_LINES = 1_000;

export class DomainService {
  readonly #options: DomainOptions;
  readonly #limits: RelayLimits;
  readonly #audit: Audit;
  readonly #passwords: Passwords;
  readonly #events = new Events<DomainEvents>();
  readonly #wrongSecrets = new Map<string, number>();
  /** By key: certificates are written down one by one, so nobody may ask for them without end. */
  readonly #allowances = new Map<string, TokenBucket>();
  #authority: DomainAuthority;
  #retired: readonly Bytes[];
  #passphrase: string | undefined;
  #revocations: Revocations;
  #trust: Trust;
  #server: { credential: Credential; renewAt: number } | undefined;
  /** Devices that were seen since that was written down, by key. */
  readonly #unwritten = new Map<string, { readonly user: string; readonly at: number }>();
  #writing: Promise<void> | undefined;
  /** Changes of the store, one after another: two enrolments with one invite must not cross. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    authority: DomainAuthority,
    retired: readonly Bytes[],
    revocations: Revocations,
    options: DomainOptions,
  ) {
    const { store, clock, provider, hashPassword: hash = hashPortably } = options;
    this.#authority = authority;
    this.#retired = retired;
    this.#passphrase = options.passphrase;
    this.#revocations = revocations;
    this.#trust = Trust.of([revocations.anchors]);
    this.#options = options;
    this.#limits = { ...RELAY_LIMITS, ...options.limits };
    this.#audit = new Audit(store, clock, this.#limits);
    const random = (length: number) => provider.random(length);
    this.#passwords = new Passwords({
      ...{ store, clock, random, hash, limits: this.#limits, audit: this.#audit },
    });
  }

  /**
   * Loads the domain, or makes it when the store is empty. Where the root keys are encrypted, rejects with
   * `ERR_IDENTITY_PASSPHRASE_NEEDED` or `…_WRONG`.
   */
  static async open(options: DomainOptions): Promise<DomainService> {
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
      return new DomainService(authority, stored.retired, revocations, options);
    }
    if (domain === undefined)
      throw new RelayError('ERR_RELAY_NO_DOMAIN', 'there is no domain yet, and none was named');
    const authority = DomainAuthority.create(provider, domain, clock.now());
    const roots = storedRoots(provider, authority, passphrase);
    await store.putDomain({ domain: authority.domain, ...roots, retired: [], urls: [] });
    const revocations = Revocations.of(undefined, authority, clock.now(), provider);
    return new DomainService(authority, [], revocations, options);
  }

  on<K extends keyof DomainEvents>(name: K, listener: Listener<DomainEvents[K]>): () => void {
    return this.#events.on(name, listener);
  }

  /** As it is now: a roll replaces it. */
  get authority(): DomainAuthority {
    return this.#authority;
  }

  get domain(): string {
    return this.authority.domain;
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
    const { handovers, roots } = this.authority;
    const older = roots.length > 1 || this.#retired.length > 0;
    return {
      handovers: older ? handovers.slice(0, 1).map(({ der }) => der) : [],
      roots: [...roots.map(({ der }) => der), ...this.#retired],
    };
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

  /** Why an identity, already verified, has no place here; undefined when it has one, which is noted. */
  async refusal(identity: PeerIdentity): Promise<CloseCodeName | undefined> {
    if (identity.name === undefined || identity.domain !== this.domain) return 'notAdmitted';
    if (this.#revocations.has(identity.keyId)) return 'revoked';
    const account = await this.#options.store.account(parseName(identity.name).user);
    if (account === undefined) return 'notAdmitted';
    if (account.blocked) return 'revoked';
    const device = account.devices.find(({ keyId }) => keyId === identity.keyId);
    const { clock } = this.#options;
    if (device === undefined) return this.#alone(() => this.#meet(account.user, identity));
    if (clock.now() - (device.lastSeen ?? 0) >= this.#limits.seenEvery)
      this.#noteSeen(account.user, device.keyId, clock.now());
    return undefined;
  }

  /** Written down one by one, behind everything else: a crowd that comes back after a restart does not wait for it. */
  #noteSeen(user: string, keyId: string, at: number): void {
    this.#unwritten.set(keyId, { user, at });
    this.#writing ??= this.#writeSeen().finally(() => (this.#writing = undefined));
  }

  async #writeSeen(): Promise<void> {
    const { store, logger } = this.#options;
    for (let next = first(this.#unwritten); next !== undefined; next = first(this.#unwritten)) {
      const [keyId, { user, at }] = next;
      this.#unwritten.delete(keyId);
      try {
        await this.#alone(async () => {
          const account = await store.account(user);
          if (account !== undefined) await store.putAccount(changeDevice(account, keyId, { lastSeen: at }));
        });
      } catch (error) {
        logger.log('warn', 'when a device was seen is not written down', { error });
      }
    }
  }

  /** Resolves when everything that was begun is on disk. */
  async settled(): Promise<void> {
    await this.#writing;
    await this.#turn;
  }

  /** A device that only a user CA vouched for so far becomes known by coming. */
  async #meet(user: string, identity: PeerIdentity): Promise<CloseCodeName | undefined> {
    const { store, clock } = this.#options;
    const now = clock.now();
    const account = (await store.account(user))!;
    const { keyId, device: label = '', userCa, expiresAt } = identity;
    if (account.devices.some((known) => known.keyId === keyId)) return undefined; // it came twice at once
    const by = userCa === undefined ? 'renewal' : 'user_ca';
    const device: Device = { keyId, label, since: now, by, lastSeen: now, until: expiresAt };
    return (await this.#adopt(account, device, userCa ?? 'domain')) ? undefined : 'busy';
  }

  async #adopt(account: Account, device: Device, by: string): Promise<boolean> {
    const { store, clock } = this.#options;
    const larger = withDevice(account, device, this.#limits.devicesPerAccount, clock.now());
    if (larger === undefined) return false;
    await store.putAccount(larger);
    const { keyId, label, until = 0 } = device;
    await this.#audit.write({ what: 'adopted', user: account.user, keyId, device: label, until, by });
    return true;
  }

  accounts(): Promise<readonly Account[]> {
    return this.#options.store.accounts();
  }

  // What a person does with the devices of their own account.

  async devices(identity: PeerIdentity): Promise<readonly DeviceRow[]> {
    const account = await this.#accountOf(identity);
    return account === undefined ? [] : deviceRows(account, (keyId) => this.#revocations.has(keyId));
  }

  /** A key peer has no account, and who is blocked has none any more. */
  async #accountOf({ name }: PeerIdentity): Promise<Account | undefined> {
    const account = name === undefined ? undefined : await this.#options.store.account(parseName(name).user);
    return account?.blocked ? undefined : account;
  }

  revokeOwn(identity: PeerIdentity, keyId: string): Promise<FailureCode | undefined> {
    return this.#alone(async () => {
      const account = await this.#accountOf(identity);
      if (account === undefined) return 'refused';
      if (!allKeys(account).some((own) => own.keyId === keyId)) return 'not_found';
      if (this.#revocations.has(keyId)) return undefined;
      const { clock } = this.#options;
      if (this.#revocations.live(clock.now()) >= this.#limits.keysWithdrawnByUsers) return 'busy';
      await this.#withdraw(account, keysWith(account, keyId), { keyId, by: identity.keyId });
      return undefined;
    });
  }

  /** A CA for devices of that person, constrained to their mailbox; withdrawn together with the device that asked for it. */
  async userCa(identity: PeerIdentity, csr: Uint8Array): Promise<Issued | FailureCode> {
    const { provider, clock, store } = this.#options;
    const spki = spkiOf(provider, csr);
    if (spki === undefined) return 'invalid';
    if (!this.#mayIssue(identity.keyId)) return 'busy';
    return this.#alone(async () => {
      const account = await this.#accountOf(identity);
      const keyId = peerId(spki);
      if (account === undefined) return 'refused';
      if (this.#revocations.has(keyId) || this.#revocations.has(identity.keyId)) return 'revoked';
      if (account.devices.some((device) => device.keyId === keyId)) return 'invalid'; // a CA's key is no device's
      const now = clock.now();
      const chain = this.authority.issueUserCa({ spki, user: account.user, now });
      const until = parseCertificate(chain[0]!).notAfter;
      const ca = { keyId, since: now, until, by: identity.keyId };
      const larger = withUserCa(account, ca, this.#limits.userCasPerAccount, now);
      if (larger === undefined) return 'too_many_devices';
      await store.putAccount(larger);
      const { user } = account;
      await this.#audit.write({ what: 'user_ca_issued', user, keyId, until, by: identity.keyId });
      return { chain, expiresAt: until };
    });
  }

  /** A device that the person's user CA has signed, told of before it comes. Undefined: it is known now. */
  async adopt(identity: PeerIdentity, chain: readonly Uint8Array[]): Promise<FailureCode | undefined> {
    const { provider, clock } = this.#options;
    if (identity.name === undefined) return 'refused';
    if (!this.#mayIssue(identity.keyId)) return 'busy';
    const wanted = { kind: 'name', name: identity.name } as const;
    const proof = verifyPeer(chain, wanted, this.trust, 'client', clock.now(), provider);
    if (proof instanceof Refusal) return proof.code === 'ERR_IDENTITY_DENIED' ? 'revoked' : 'invalid';
    const { keyId, device: label = '', userCa, expiresAt: until } = proof.identity;
    if (userCa === undefined) return 'invalid';
    return this.#alone(async () => {
      const account = await this.#accountOf(identity);
      if (account === undefined) return 'refused';
      if (this.#revocations.has(keyId)) return 'revoked';
      const known = account.devices.find((device) => device.keyId === keyId);
      const device: Device = { since: clock.now(), ...known, keyId, label, by: 'user_ca', until };
      return (await this.#adopt(account, device, identity.keyId)) ? undefined : 'too_many_devices';
    });
  }

  // What the domain takes back.

  /** On disk and in force when it resolves: the bundle that says so is signed and on its way to everybody. */
  async revoke(target: RevokeTarget): Promise<void> {
    await this.#alone(() => this.#revoke(target));
  }

  async #revoke(target: RevokeTarget): Promise<void> {
    const { store, clock } = this.#options;
    const now = clock.now();
    if ('user' in target) {
      const account = await this.#account(target.user);
      await this.#withdraw({ ...account, blocked: true }, allKeys(account), { by: 'admin' });
    } else if ('keyId' in target) {
      const keyId = parsePeerId(target.keyId);
      if (keyId === peerId(this.authority.root.spki))
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
      await this.#withdraw(account, keys, { keyId, by: 'admin' });
    } else {
      const issuer = parsePeerId(target.issuer);
      const { serial } = target;
      if (!/^([0-9a-f]{2}){1,20}$/.test(serial))
        throw new RelayError('ERR_RELAY_REVOKE', `"${serial}" is no serial number in hex`);
      const { keys, certificates } = this.#revocations.lists;
      const others = certificates.filter((one) => one.issuer !== issuer || one.serial !== serial);
      const entry = { issuer, serial, at: now, until: now + LONGEST_LIFE };
      await this.#publish({ keys, certificates: [...others, entry] });
      await this.#audit.write({ what: 'revoked', issuer, serial, by: 'admin' });
    }
  }

  /** The account is back, and its keys with it, but for those that were withdrawn one by one. */
  async unblock(user: string): Promise<void> {
    await this.#alone(async () => {
      const account = await this.#account(user);
      const { keys, certificates } = this.#revocations.lists;
      const kept = keys.filter((key) => key.user !== account.user || key.blocked !== true);
      await this.#options.store.putAccount({ ...account, blocked: false });
      await this.#publish({ keys: kept, certificates });
      await this.#audit.write({ what: 'unblocked', user: account.user, by: 'admin' });
    });
  }

  /** The newest bundle: signed anew when the last one is a week old. */
  async bundle(): Promise<Bytes> {
    const { clock } = this.#options;
    const current = (): Bytes | undefined => this.#revocations.current(clock.now());
    return (
      current() ??
      this.#alone(async () => {
        if (current() === undefined) await this.#publish();
        return this.#revocations.stored!.bundle;
      })
    );
  }

  /** The last bundle as it is, undefined before the first. */
  get signedBundle(): Bytes | undefined {
    return this.#revocations.stored?.bundle;
  }

  /** Whether a proof that was good is so no longer; asked of all who are here when a bundle has changed. */
  isWithdrawn({ identity, chain }: VerifiedPeer): boolean {
    if (this.#revocations.has(identity.keyId)) return true;
    return identity.domain === this.domain && withdrawal(chain, this.anchors) !== undefined;
  }

  async #account(user: string): Promise<Account> {
    const name = parseName(`${user}@${this.domain}`).user;
    const account = await this.#options.store.account(name);
    if (account !== undefined) return account;
    throw new RelayError('ERR_RELAY_ACCOUNT', `${this.domain} has no account "${name}"`);
  }

  /**
   * Peers are told as soon as the list is on disk, for somebody may be pouring data out; whoever asked hears when all is. A
   * crash in between leaves keys refused and an account's list that says less.
   */
  async #withdraw(
    account: Account | undefined,
    withdrawn: readonly { readonly keyId: string; readonly until: number }[],
    facts: Pick<AuditFacts, 'keyId' | 'by'>,
  ): Promise<void> {
    const { store, clock } = this.#options;
    const now = clock.now();
    const { keys, certificates } = this.#revocations.lists;
    const blocked = account?.blocked === true;
    const user = account?.user;
    const fresh = withdrawn
      .filter(({ keyId }) => !this.#revocations.has(keyId))
      .map<WithdrawnKey>(({ keyId, until }) => ({
        ...{ keyId, at: now, until: Math.max(until, now) + (until > 0 ? DAY : LONGEST_LIFE) },
        ...(user !== undefined && { user }),
        ...(blocked && { blocked }),
      }));
    if (account !== undefined && blocked) await store.putAccount(account);
    await this.#publish({ keys: [...keys, ...fresh], certificates }, blocked ? user : undefined);
    if (account !== undefined && !blocked)
      await store.putAccount(markRevoked(account, new Set(fresh.map(({ keyId }) => keyId)), now));
    await this.#audit.write({ what: 'revoked', ...(user !== undefined && { user }), ...facts });
  }

  /** Signs and stores the next bundle, then tells everybody. */
  async #publish(lists?: Lists, blocked?: string): Promise<void> {
    const { store, clock, provider } = this.#options;
    const next = this.#revocations.next(this.authority, clock.now(), lists);
    await store.putRevocations(next);
    this.#revocations = Revocations.of(next, this.authority, clock.now(), provider);
    this.#trust = Trust.of([this.anchors]);
    this.#events.emit('bundle', { bundle: next.bundle, ...(blocked !== undefined && { blocked }) });
    await this.#audit.write({ what: 'bundle', sequence: next.sequence });
  }

  // The roots.

  /**
   * A second root that signs from now on; the old one has certified its key. Peers learn it by the next bundle, and by the
   * handover in every chain; `retireRoot` lets the old one go when its certificates have ended.
   */
  async roll(): Promise<void> {
    await this.#alone(async () => {
      const authority = this.authority.roll(this.#options.clock.now());
      await this.#changeRoots(authority, this.#retired);
      await this.#audit.write({ what: 'rolled', keyId: peerId(authority.root.spki), by: 'admin' });
    });
  }

  /** Certificates of the older root prove nothing any more. */
  async retireRoot(): Promise<void> {
    await this.#alone(async () => {
      const [, old] = this.authority.roots;
      if (old === undefined)
        throw new RelayError('ERR_RELAY_ROOT', 'there is one root only', {
          hint: 'roll first: a domain without a root is none',
        });
      await this.#changeRoots(this.authority.retire(), [old.der]);
      await this.#audit.write({ what: 'root_retired', keyId: peerId(old.spki), by: 'admin' });
    });
  }

  async #changeRoots(authority: DomainAuthority, retired: readonly Bytes[]): Promise<void> {
    const { store, provider } = this.#options;
    const stored = (await store.domain())!;
    const roots = storedRoots(provider, authority, this.#passphrase, stored.roots);
    await store.putDomain({ ...stored, ...roots, retired });
    this.#authority = authority;
    this.#retired = retired;
    this.#server = undefined;
    await this.#publish();
  }

  /** Root keys are stored encrypted with it from now on, or plain without one. */
  async setPassphrase(passphrase: string | undefined): Promise<void> {
    await this.#alone(async () => {
      const { store, provider } = this.#options;
      const stored = (await store.domain())!;
      await store.putDomain({ ...stored, ...storedRoots(provider, this.authority, passphrase) });
      this.#passphrase = passphrase;
      const reason = passphrase === undefined ? 'removed' : 'set';
      await this.#audit.write({ what: 'passphrase_set', reason, by: 'admin' });
    });
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
    const now = clock.now();
    const account = (await store.account(user)) ?? { user, created: now, blocked: false, devices: [] };
    if (account.blocked) return 'refused';
    if (this.#revocations.has(keyId)) return 'revoked';
    const device: Device = { keyId, label, since: now, by, until: now + this.#userLifetime };
    const larger = withDevice(account, device, this.#limits.devicesPerAccount, now);
    if (larger === undefined) return 'too_many_devices';
    if (!this.#mayIssue(keyId)) return 'busy';
    await spend();
    await store.putAccount(larger);
    const { chain, expiresAt } = await this.#issue(user, spki, label, by);
    return { chain: [...new Set([...chain, ...this.wayBack.handovers])], expiresAt };
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
    if (identity.userCa !== undefined) return 'user_ca'; // contacts have pinned it: the domain does not sign over it
    if (!this.#mayIssue(identity.keyId)) return 'busy'; // before it waits in the others' way
    return this.#alone(async () => {
      const account = await this.#accountOf(identity);
      if (account === undefined || identity.domain !== this.domain) return 'refused';
      if (this.#revocations.has(identity.keyId)) return 'revoked';
      const issued = await this.#issue(account.user, spki, identity.device ?? '', 'renewal');
      const until = issued.expiresAt;
      await this.#options.store.putAccount(changeDevice(account, identity.keyId, { until }));
      return issued;
    });
  }

  get #userLifetime(): number {
    return this.#options.userLifetime ?? USER_LIFETIME;
  }

  #mayIssue(keyId: string): boolean {
    const now = this.#options.clock.monotonic();
    let allowance = this.#allowances.get(keyId);
    if (allowance === undefined) {
      const { issueBurst, issuesPerLife } = this.#limits;
      allowance = new TokenBucket(issueBurst, (issuesPerLife * 1000) / this.#userLifetime, now);
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
    const now = this.#options.clock.now();
    const lifetime = this.#userLifetime;
    const chain = this.authority.issueUser({ spki, user, now, lifetime, ...(device !== '' && { device }) });
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
  authority: Pick<DomainAuthority, 'domain' | 'roots'>,
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
  // The oldest root, while there are two: whoever knows it learns the newer one from it, and not the reverse.
  const rootPin = sha256(authority.roots.at(-1)!.spki);
  return { domain: authority.domain, url, user: name, rootPin, id, secret, expires };
}

function first<K, V>(map: ReadonlyMap<K, V>): readonly [K, V] | undefined {
  return map.entries().next().value;
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
