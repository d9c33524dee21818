/**
 * A domain in a folder, 0700:
 *
 *     domain.json            name, URLs            root.pem, root.key      the authority; the key 0600
 *     accounts/<hash>.json   one per user          invites/<id>.json       one per invite, hash of the secret only
 *     issued.log             a line per certificate                        lock                    who serves it now
 *
 * A record is replaced by write, fsync, rename, fsync of the folder; the log is appended and fsynced, and a torn last
 * line is cut off when it is opened. So a kill -9 at any point loses nothing that was promised. Only the process that serves
 * the domain locks the folder; an invite is a new file, which anybody who may write there can add beside it.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  listFiles,
  makePrivateFolder,
  readPrivateFile,
  readTextFile,
  writeFileAtomic,
} from '../identity/files.node.ts';
import { formatPem, parsePemAs } from '../identity/index.ts';
import { RelayError } from './errors.ts';
import { type Lock, takeLock } from './lock.node.ts';
import type { Account, Device, DomainStore, IssueEntry, StoredDomain, StoredInvite } from './store.ts';

const MAX_RECORD = 1_048_576;
/** Read whole by `issued`: ~500,000 certificates. */
const MAX_LOG = 134_217_728;

export interface DirectoryStoreOptions {
  /** True for the one process that serves the domain. */
  readonly exclusive: boolean;
}

export class DirectoryDomainStore implements DomainStore {
  readonly #folder: string;
  readonly #lock: Lock | undefined;
  #log: FileHandle | undefined;
  #appending: Promise<void> = Promise.resolve();

  private constructor(folder: string, lock: Lock | undefined) {
    this.#folder = folder;
    this.#lock = lock;
  }

  /** Throws `ERR_RELAY_LOCKED` when another process serves the folder. */
  static async open(folder: string, options: DirectoryStoreOptions): Promise<DirectoryDomainStore> {
    for (const path of [folder, join(folder, 'accounts'), join(folder, 'invites')])
      await makePrivateFolder(path);
    const lock = options.exclusive ? await takeLock(join(folder, 'lock')) : undefined;
    const store = new DirectoryDomainStore(folder, lock);
    try {
      if (options.exclusive) await store.#openLog();
      return store;
    } catch (error) {
      await lock?.release();
      throw error;
    }
  }

  async domain(): Promise<StoredDomain | undefined> {
    const text = await readTextFile(this.#path('domain.json'), MAX_RECORD);
    if (text === undefined) return undefined;
    const { domain, urls } = parseRecord(text, 'domain.json', isDomainRecord);
    const rootKey = await readPrivateFile(this.#path('root.key'), MAX_RECORD);
    const root = await readTextFile(this.#path('root.pem'), MAX_RECORD);
    if (rootKey === undefined || root === undefined)
      throw new RelayError('ERR_RELAY_DATA', `root.key or root.pem is missing in "${this.#folder}"`);
    return { domain, urls, rootKey, rootCertificate: parsePemAs('CERTIFICATE', root)[0]! };
  }

  /** `domain.json` comes last: until it is there, there is no domain. */
  async putDomain({ domain, urls, rootKey, rootCertificate }: StoredDomain): Promise<void> {
    const before = await this.domain();
    if (before?.rootKey !== rootKey) {
      await writeFileAtomic(this.#path('root.key'), rootKey);
      await writeFileAtomic(this.#path('root.pem'), formatPem('CERTIFICATE', rootCertificate));
    }
    await writeFileAtomic(this.#path('domain.json'), formatRecord({ domain, urls }));
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

  logIssue(entry: IssueEntry): Promise<void> {
    const append = this.#appending.then(async () => {
      if (this.#log === undefined)
        throw new RelayError('ERR_RELAY_CLOSED', 'only the process that serves the domain writes its log');
      await this.#log.appendFile(`${JSON.stringify(entry)}\n`);
      await this.#log.sync();
    });
    this.#appending = append.catch(() => {});
    return append;
  }

  async issued(): Promise<readonly IssueEntry[]> {
    const text = (await readTextFile(this.#path('issued.log'), MAX_LOG)) ?? '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .slice(0, -1)
      .map((line) => parseRecord(line, 'issued.log', isIssueEntry));
  }

  async close(): Promise<void> {
    await this.#appending;
    await this.#log?.close();
    this.#log = undefined;
    await this.#lock?.release();
  }

  /** A process that was killed may have left half a line: it was never promised to anybody. */
  async #openLog(): Promise<void> {
    const path = this.#path('issued.log');
    const text = (await readTextFile(path, MAX_LOG)) ?? '';
    this.#log = await open(path, 'a', 0o600);
    const whole = text.lastIndexOf('\n') + 1;
    if (whole < text.length) {
      await this.#log.truncate(Buffer.byteLength(text.slice(0, whole)));
      await this.#log.sync();
    }
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

function formatRecord(record: object): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

function parseRecord<T>(text: string, name: string, isOne: (value: unknown) => value is T): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RelayError('ERR_RELAY_DATA', `${name} is not JSON`, { cause });
  }
  if (!isOne(value)) throw new RelayError('ERR_RELAY_DATA', `${name} is not a record of its kind`);
  return value;
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDomainRecord(value: unknown): value is Pick<StoredDomain, 'domain' | 'urls'> {
  return (
    isRecord(value) &&
    typeof value['domain'] === 'string' &&
    Array.isArray(value['urls']) &&
    value['urls'].every((url) => typeof url === 'string')
  );
}

function isDevice(value: unknown): value is Device {
  return (
    isRecord(value) &&
    typeof value['keyId'] === 'string' &&
    typeof value['label'] === 'string' &&
    typeof value['since'] === 'number'
  );
}

function isAccount(value: unknown): value is Account {
  return (
    isRecord(value) &&
    typeof value['user'] === 'string' &&
    typeof value['created'] === 'number' &&
    typeof value['blocked'] === 'boolean' &&
    Array.isArray(value['devices']) &&
    value['devices'].every(isDevice)
  );
}

function isInvite(value: unknown): value is StoredInvite {
  return (
    isRecord(value) &&
    ['id', 'user', 'secretHash'].every((name) => typeof value[name] === 'string') &&
    ['created', 'expires'].every((name) => typeof value[name] === 'number') &&
    (value['usedBy'] === undefined || typeof value['usedBy'] === 'string')
  );
}

function isIssueEntry(value: unknown): value is IssueEntry {
  return (
    isRecord(value) &&
    ['user', 'keyId', 'device', 'by'].every((name) => typeof value[name] === 'string') &&
    ['at', 'notAfter'].every((name) => typeof value[name] === 'number')
  );
}
