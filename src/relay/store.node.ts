/**
 * A domain in a folder, 0700:
 *
 *     domain.json            name, URLs, which roots there are, and how they follow each other
 *     root.pem, root.key     a root and its key; `root-2`, … when the root or its passphrase was changed
 *     revocations.json       what is withdrawn, and the signed bundle that says so
 *     accounts/<hash>.json   one per user          passwords/<hash>.json   one per user who has one: a hash, and wrong tries
 *     invites/<id>.json      one per invite, hash of the secret only
 *     audit.log              a line per event      lock                    who serves it now
 *
 * A record is replaced by write, fsync, rename, fsync of the folder; the log is appended and fsynced, and a torn last
 * line is cut off when it is opened. So a kill -9 at any point loses nothing that was promised. Only the process that serves
 * the domain locks the folder; an invite is a new file and a line, which anybody who may write there can add beside it.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { base64, fromBase64 } from '../base/base64.ts';
import { equalBytes } from '../base/bytes.ts';
import {
  listFiles,
  makePrivateFolder,
  readPrivateFile,
  readTextFile,
  removeFile,
  writeFileAtomic,
} from '../identity/files.node.ts';
import { formatPem, parsePemAs } from '../identity/index.ts';
import type { AuditEntry } from './audit.ts';
import { AuditFile } from './auditFile.node.ts';
import { RelayError } from './errors.ts';
import { type Lock, takeLock } from './lock.node.ts';
import type { StoredPassword } from './passwords.ts';
import type { StoredRevocations } from './revocations.ts';
import type { Account, DomainStore, StoredDomain, StoredInvite, StoredRoot } from './store.ts';
import {
  type DomainRecord,
  FIRST_RECORD,
  formatRecord,
  isAccount,
  isDomainRecord,
  isInvite,
  isPassword,
  isRevocations,
  parseRecord,
  ROOT_FILE,
  rootName,
} from './storeRecords.ts';

const MAX_RECORD = 1_048_576;
const REVOCATIONS = 'revocations.json';

export interface DirectoryStoreOptions {
  /** True for the one process that serves the domain. */
  readonly exclusive: boolean;
}

export class DirectoryDomainStore implements DomainStore {
  readonly #folder: string;
  readonly #lock: Lock | undefined;
  readonly #log: AuditFile;

  private constructor(folder: string, lock: Lock | undefined) {
    this.#folder = folder;
    this.#lock = lock;
    this.#log = new AuditFile(folder);
  }

  /** Throws `ERR_RELAY_LOCKED` when another process serves the folder. */
  static async open(folder: string, options: DirectoryStoreOptions): Promise<DirectoryDomainStore> {
    for (const name of ['', 'accounts', 'invites', 'passwords']) await makePrivateFolder(join(folder, name));
    const lock = options.exclusive ? await takeLock(join(folder, 'lock')) : undefined;
    const store = new DirectoryDomainStore(folder, lock);
    try {
      if (options.exclusive) {
        await store.#log.repair();
        await store.#removeOldRoots(); // a process that was killed may have left them
      }
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async domain(): Promise<StoredDomain | undefined> {
    const record = await this.#record();
    if (record === undefined) return undefined;
    const { domain, urls, roots, handovers, retired } = record;
    return {
      ...{ domain, urls, handovers: handovers.map(fromBase64), retired: retired.map(fromBase64) },
      roots: await Promise.all(roots.map((name) => this.#root(name))),
    };
  }

  async #record(): Promise<DomainRecord | undefined> {
    const text = await readTextFile(this.#path('domain.json'), MAX_RECORD);
    if (text === undefined) return undefined;
    return { ...FIRST_RECORD, ...parseRecord(text, 'domain.json', isDomainRecord) };
  }

  async #root(name: string): Promise<StoredRoot> {
    const key = await readPrivateFile(this.#path(`${name}.key`), MAX_RECORD);
    const certificate = await readTextFile(this.#path(`${name}.pem`), MAX_RECORD);
    if (key === undefined || certificate === undefined)
      throw new RelayError('ERR_RELAY_DATA', `${name}.key or ${name}.pem is missing in "${this.#folder}"`);
    return { key, certificate: parsePemAs('CERTIFICATE', certificate)[0]! };
  }

  /**
   * `domain.json` comes last: until it is there, there is no domain, and until it is replaced, the old roots are the roots.
   * So what is new gets a name of its own, and what is no longer named goes.
   */
  async putDomain({ domain, urls, roots, handovers, retired }: StoredDomain): Promise<void> {
    const before = new Map<string, StoredRoot>();
    for (const name of (await this.#record())?.roots ?? []) before.set(name, await this.#root(name));
    const names: string[] = [];
    let next = await this.#highestRoot();
    for (const root of roots) {
      const known = [...before].find(
        ([, old]) => old.key === root.key && equalBytes(old.certificate, root.certificate),
      );
      const name = known?.[0] ?? rootName(++next);
      names.push(name);
      if (known !== undefined) continue;
      await writeFileAtomic(this.#path(`${name}.key`), root.key);
      await writeFileAtomic(this.#path(`${name}.pem`), formatPem('CERTIFICATE', root.certificate));
    }
    const record = {
      domain,
      urls,
      roots: names,
      handovers: handovers.map(base64),
      retired: retired.map(base64),
    };
    await writeFileAtomic(this.#path('domain.json'), formatRecord(record));
    if (names.join() !== [...before.keys()].join()) await this.#removeOldRoots();
  }

  async #highestRoot(): Promise<number> {
    const record = await this.#record();
    const files = record === undefined ? [] : await listFiles(this.#folder);
    return Math.max(
      0,
      ...files.map((file) => Number(ROOT_FILE.exec(file)?.[1] ?? (file === 'root.key' ? 1 : 0))),
    );
  }

  /** Keys that are no roots any more, or are stored under another passphrase now. */
  async #removeOldRoots(): Promise<void> {
    const record = await this.#record();
    if (record === undefined) return;
    for (const file of await listFiles(this.#folder)) {
      const isRoot = ROOT_FILE.test(file) || file === 'root.key' || file === 'root.pem';
      if (isRoot && !record.roots.includes(file.slice(0, -4))) await removeFile(this.#path(file));
    }
  }

  async revocations(): Promise<StoredRevocations | undefined> {
    const text = await readTextFile(this.#path(REVOCATIONS), MAX_RECORD);
    if (text === undefined) return undefined;
    const { bundle, ...rest } = parseRecord(text, REVOCATIONS, isRevocations);
    return { ...rest, bundle: fromBase64(bundle) };
  }

  async putRevocations({ bundle, ...rest }: StoredRevocations): Promise<void> {
    await writeFileAtomic(this.#path(REVOCATIONS), formatRecord({ ...rest, bundle: base64(bundle) }));
  }

  async account(user: string): Promise<Account | undefined> {
    const name = accountFile(user);
    const text = await readTextFile(this.#path('accounts', name), MAX_RECORD);
    return text === undefined ? undefined : parseRecord(text, name, isAccount);
  }

  async putAccount(account: Account): Promise<void> {
    await writeFileAtomic(this.#path('accounts', accountFile(account.user)), formatRecord(account));
  }

  async accounts(): Promise<readonly Account[]> {
    const accounts: Account[] = [];
    for (const name of await listFiles(this.#path('accounts'))) {
      const text = await readTextFile(this.#path('accounts', name), MAX_RECORD);
      if (text !== undefined) accounts.push(parseRecord(text, name, isAccount));
    }
    return accounts.sort((a, b) => (a.user < b.user ? -1 : 1));
  }

  async invite(id: string): Promise<StoredInvite | undefined> {
    const name = inviteFile(id);
    const text = await readTextFile(this.#path('invites', name), MAX_RECORD);
    return text === undefined ? undefined : parseRecord(text, name, isInvite);
  }

  async putInvite(invite: StoredInvite): Promise<void> {
    await writeFileAtomic(this.#path('invites', inviteFile(invite.id)), formatRecord(invite));
  }

  async password(user: string): Promise<StoredPassword | undefined> {
    const name = accountFile(user);
    const text = await readPrivateFile(this.#path('passwords', name), MAX_RECORD);
    return text === undefined ? undefined : parseRecord(text, name, isPassword);
  }

  async putPassword(password: StoredPassword): Promise<void> {
    await writeFileAtomic(this.#path('passwords', accountFile(password.user)), formatRecord(password));
  }

  log(entry: AuditEntry): Promise<void> {
    return this.#log.append(entry);
  }

  audit(limit: number): Promise<readonly AuditEntry[]> {
    return this.#log.last(limit);
  }

  async close(): Promise<void> {
    await this.#log.close();
    await this.#lock?.release();
  }

  #path(...names: string[]): string {
    return join(this.#folder, ...names);
  }
}

/** User names never become file names. */
function accountFile(user: string): string {
  return `${createHash('sha256').update(user).digest('hex')}.json`;
}

function inviteFile(id: string): string {
  if (!/^[0-9a-f]{16}$/.test(id)) throw new RangeError('invite id is not 16 hex digits');
  return `${id}.json`;
}
