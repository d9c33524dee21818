/**
 * What a domain must remember, and where: in memory here, in a folder in `store.node.ts`. Every `put` is on disk when its
 * promise resolves, whole or not at all. Secrets of invites and passwords are never stored, only their hashes.
 */
import type { Bytes } from '../base/bytes.ts';
import type { DeviceOrigin } from '../peer/messages.ts';
import type { AuditEntry } from './audit.ts';
import type { StoredPassword } from './passwords.ts';
import type { StoredRevocations } from './revocations.ts';

export interface StoredRoot {
  readonly certificate: Bytes;
  /** PKCS#8 PEM, encrypted where the domain has a passphrase. */
  readonly key: string;
}

export interface StoredDomain {
  readonly domain: string;
  /** Newest first: the first signs, a second is on its way out. */
  readonly roots: readonly StoredRoot[];
  /** Keys of later roots certified by earlier ones, newest first. */
  readonly handovers: readonly Bytes[];
  /** Certificates of roots that were let go: invites made in their time still name them. */
  readonly retired: readonly Bytes[];
  /** Where peers reach the relay; the first goes into invites. */
  readonly urls: readonly string[];
}

export interface Device {
  readonly keyId: string;
  readonly label: string;
  readonly since: number;
  /** How it came in. */
  readonly by?: Exclude<DeviceOrigin, 'authority'>;
  /** To the hour. */
  readonly lastSeen?: number;
  /** When its newest certificate ends. */
  readonly until?: number;
  /** When it was withdrawn. */
  readonly revoked?: number;
}

/** A CA that the domain gave to the account, for devices of its own. */
export interface StoredUserCa {
  readonly keyId: string;
  readonly since: number;
  readonly until: number;
  /** Key id of the device that asked for it: the two are withdrawn together. */
  readonly by: string;
  readonly revoked?: number;
}

export interface Account {
  readonly user: string;
  readonly created: number;
  readonly blocked: boolean;
  readonly devices: readonly Device[];
  readonly userCas?: readonly StoredUserCa[];
}

export interface StoredInvite {
  /** 8 bytes in hex. */
  readonly id: string;
  readonly user: string;
  /** SHA-256 of the secret, in hex. */
  readonly secretHash: string;
  readonly created: number;
  readonly expires: number;
  /** The key id it was used by. */
  readonly usedBy?: string;
}

export interface DomainStore {
  domain(): Promise<StoredDomain | undefined>;
  putDomain(domain: StoredDomain): Promise<void>;
  account(user: string): Promise<Account | undefined>;
  putAccount(account: Account): Promise<void>;
  accounts(): Promise<readonly Account[]>;
  invite(id: string): Promise<StoredInvite | undefined>;
  putInvite(invite: StoredInvite): Promise<void>;
  password(user: string): Promise<StoredPassword | undefined>;
  putPassword(password: StoredPassword): Promise<void>;
  revocations(): Promise<StoredRevocations | undefined>;
  putRevocations(revocations: StoredRevocations): Promise<void>;
  log(entry: AuditEntry): Promise<void>;
  /** The last `limit` lines, oldest first. */
  audit(limit: number): Promise<readonly AuditEntry[]>;
  close(): Promise<void>;
}

export class MemoryDomainStore implements DomainStore {
  #domain: StoredDomain | undefined;
  readonly #accounts = new Map<string, Account>();
  readonly #invites = new Map<string, StoredInvite>();
  readonly #passwords = new Map<string, StoredPassword>();
  #revocations: StoredRevocations | undefined;
  readonly #log: AuditEntry[] = [];

  async domain(): Promise<StoredDomain | undefined> {
    return this.#domain;
  }

  async putDomain(domain: StoredDomain): Promise<void> {
    this.#domain = domain;
  }

  async account(user: string): Promise<Account | undefined> {
    return this.#accounts.get(user);
  }

  async putAccount(account: Account): Promise<void> {
    this.#accounts.set(account.user, account);
  }

  async accounts(): Promise<readonly Account[]> {
    return [...this.#accounts.values()].sort((a, b) => (a.user < b.user ? -1 : 1));
  }

  async invite(id: string): Promise<StoredInvite | undefined> {
    return this.#invites.get(id);
  }

  async putInvite(invite: StoredInvite): Promise<void> {
    this.#invites.set(invite.id, invite);
  }

  async password(user: string): Promise<StoredPassword | undefined> {
    return this.#passwords.get(user);
  }

  async putPassword(password: StoredPassword): Promise<void> {
    this.#passwords.set(password.user, password);
  }

  async revocations(): Promise<StoredRevocations | undefined> {
    return this.#revocations;
  }

  async putRevocations(revocations: StoredRevocations): Promise<void> {
    this.#revocations = revocations;
  }

  async log(entry: AuditEntry): Promise<void> {
    this.#log.push(entry);
  }

  async audit(limit: number): Promise<readonly AuditEntry[]> {
    return this.#log.slice(-limit);
  }

  async close(): Promise<void> {}
}
