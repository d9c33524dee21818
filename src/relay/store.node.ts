/**
 * A domain in a folder, 0700:
 *
 *     domain.json            name, URLs            root.pem, root.key      the authority; the key 0600
 *     accounts/<hash>.json   one per user          passwords/<hash>.json   one per user who has one: a hash, and wrong tries
 *     invites/<id>.json      one per invite, hash of the secret only
 *     audit.log              a line per event      lock                    who serves it now
 *
 * A record is replaced by write, fsync, rename, fsync of the folder; the log is appended and fsynced, and a torn last
 * line is cut off when it is opened. So a kill -9 at any point loses nothing that was promised. Only the process that serves
 * the domain locks the folder; an invite is a new file and a line, which anybody who may write there can add beside it.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  listFiles,
  makePrivateFolder,
  readPrivateFile,
  readTextFile,
  writeFileAtomic,
} from '../identity/files.node.ts';
import { formatPem, parsePemAs } from '../identity/index.ts';
import { type AuditEntry, readAuditEntry } from './audit.ts';
import { RelayError } from './errors.ts';
import { type Lock, takeLock } from './lock.node.ts';
import type { StoredPassword } from './passwords.ts';
import type { Account, Device, DomainStore, StoredDomain, StoredInvite } from './store.ts';

const MAX_RECORD = 1_048_576;
/** Read at a time from the end of the log: some thousand lines. */
const LOG_CHUNK = 1_048_576;
const LOG = 'audit.log';
/** What the log was called when it held certificates only. */
const OLD_LOG = 'issued.log';
const NEWLINE = 10;

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
    for (const name of ['', 'accounts', 'invites', 'passwords']) await makePrivateFolder(join(folder, name));
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

  async password(user: string): Promise<StoredPassword | undefined> {
    const name = accountFile(user);
    const text = await readPrivateFile(this.#path('passwords', name), MAX_RECORD);
    return text === undefined ? undefined : parseRecord(text, name, isPassword);
  }

  async putPassword(password: StoredPassword): Promise<void> {
    await writeFileAtomic(this.#path('passwords', accountFile(password.user)), formatRecord(password));
  }

  log(entry: AuditEntry): Promise<void> {
    const append = this.#appending.then(async () => {
      this.#log ??= await open(this.#path(LOG), 'a', 0o600);
      await this.#log.appendFile(`${JSON.stringify(entry)}\n`);
      await this.#log.sync();
    });
    this.#appending = append.catch(() => {});
    return append;
  }

  async audit(limit: number): Promise<readonly AuditEntry[]> {
    const file = await openIfThere(this.#path(LOG));
    if (file === undefined) return [];
    try {
      return (await lastLines(file, limit)).map(parseLine);
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    await this.#appending;
    await this.#log?.close();
    this.#log = undefined;
    await this.#lock?.release();
  }

  /** A process that was killed may have left half a line: it was never promised to anybody. */
  async #openLog(): Promise<void> {
    const found = await openIfThere(this.#path(LOG));
    if (found === undefined) await rename(this.#path(OLD_LOG), this.#path(LOG)).catch(ifThere);
    await found?.close();
    this.#log = await open(this.#path(LOG), 'a+', 0o600);
    const { size } = await this.#log.stat();
    const whole = await wholeLength(this.#log, size);
    if (whole === size) return;
    await this.#log.truncate(whole);
    await this.#log.sync();
  }

  #path(...names: string[]): string {
    return join(this.#folder, ...names);
  }
}

function ifThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch(ifThere);
}

/** Bytes up to and with the last line break. */
async function wholeLength(file: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0; end -= Math.min(LOG_CHUNK, end)) {
    const start = Math.max(0, end - LOG_CHUNK);
    const at = (await readBytes(file, start, end)).lastIndexOf(NEWLINE);
    if (at !== -1) return start + at + 1;
  }
  return 0;
}

/** Reads backwards, so that a log of years costs no more than what is asked for. A torn last line is left out. */
async function lastLines(file: FileHandle, limit: number): Promise<string[]> {
  const { size } = await file.stat();
  const chunks: Buffer[] = [];
  let breaks = 0;
  for (let end = size; end > 0 && breaks <= limit; end -= Math.min(LOG_CHUNK, end)) {
    const chunk = await readBytes(file, Math.max(0, end - LOG_CHUNK), end);
    chunks.unshift(chunk);
    for (const byte of chunk) if (byte === NEWLINE) breaks++;
  }
  const lines = Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1);
  return limit === 0 ? [] : lines.slice(-limit);
}

async function readBytes(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.alloc(end - start);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
  return buffer.subarray(0, bytesRead);
}

function parseLine(line: string): AuditEntry {
  const entry = readAuditEntry(parseRecord(line, LOG, isRecord));
  if (entry === undefined) throw new RelayError('ERR_RELAY_DATA', `${LOG} has a line that is no event`);
  return entry;
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

function isPassword(value: unknown): value is StoredPassword {
  return (
    isRecord(value) &&
    typeof value['user'] === 'string' &&
    ['salt', 'hash'].every((name) => /^([0-9a-f]{2}){16,64}$/.test(String(value[name]))) &&
    ['set', 'failed', 'lockedUntil'].every((name) => typeof value[name] === 'number') &&
    isCost(value['cost'])
  );
}

/** A damaged record must not make us take gigabytes. */
function isCost(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const [N, r, p] = ['N', 'r', 'p'].map((name) => value[name]) as [number, number, number];
  if (![N, r, p].every((number) => Number.isSafeInteger(number) && number > 0)) return false;
  return N > 1 && N <= 1_048_576 && (N & (N - 1)) === 0 && r <= 32 && p <= 16 && N * r <= 8_388_608;
}
