/**
 * What a domain must remember, and where: in memory here, in a folder in `store.node.ts`. Every `put` is on disk when its
 * promise resolves, whole or not at all. Secrets of invites are never stored, only their hashes.
 */
import type { Bytes } from '../base/bytes.ts';

export interface StoredDomain {
  readonly domain: string;
  readonly rootCertificate: Bytes;
  /** PKCS#8 PEM. */
  readonly rootKey: string;
  /** Where peers reach the relay; the first goes into invites. */
  readonly urls: readonly string[];
}

export interface Device {
  readonly keyId: string;
  readonly label: string;
  readonly since: number;
}

export interface Account {
  readonly user: string;
  readonly created: number;
  readonly blocked: boolean;
  readonly devices: readonly Device[];
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

/** One line of the issue log: every certificate that the domain has signed. */
export interface IssueEntry {
  readonly at: number;
  readonly user: string;
  readonly keyId: string;
  readonly device: string;
  readonly notAfter: number;
  readonly by: 'invite' | 'renewal';
}

export interface DomainStore {
  domain(): Promise<StoredDomain | undefined>;
  putDomain(domain: StoredDomain): Promise<void>;
  account(user: string): Promise<Account | undefined>;
  putAccount(account: Account): Promise<void>;
  accounts(): Promise<readonly Account[]>;
  invite(id: string): Promise<StoredInvite | undefined>;
  putInvite(invite: StoredInvite): Promise<void>;
  logIssue(entry: IssueEntry): Promise<void>;
  issued(): Promise<readonly IssueEntry[]>;
  close(): Promise<void>;
}

export class MemoryDomainStore implements DomainStore {
  #domain: StoredDomain | undefined;
  readonly #accounts = new Map<string, Account>();
  readonly #invites = new Map<string, StoredInvite>();
  readonly #issued: IssueEntry[] = [];

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

  async logIssue(entry: IssueEntry): Promise<void> {
    this.#issued.push(entry);
  }

  async issued(): Promise<readonly IssueEntry[]> {
    return [...this.#issued];
  }

  async close(): Promise<void> {}
}
