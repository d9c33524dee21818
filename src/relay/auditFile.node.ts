/**
 * The audit log as a file: a line an event, appended and fsynced. A line is whole or was never promised, so a torn last one
 * is cut off by the process that serves the domain, and left out by all others.
 */
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditEntry, readAuditEntry } from './audit.ts';
import { RelayError } from './errors.ts';
import { isRecord, parseRecord } from './storeRecords.ts';

/** Read at a time from the end of the log: some thousand lines. */
const CHUNK = 1_048_576;
const NAME = 'audit.log';
/** What the log was called when it held certificates only. */
const OLD_NAME = 'issued.log';
const NEWLINE = 10;

export class AuditFile {
  readonly #folder: string;
  #file: FileHandle | undefined;
  #appending: Promise<void> = Promise.resolve();

  /** Opens nothing before it is needed. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  get #path(): string {
    return join(this.#folder, NAME);
  }

  /** A process that was killed may have left half a line. For the one process that serves the domain. */
  async repair(): Promise<void> {
    const found = await openIfThere(this.#path);
    if (found === undefined) await rename(join(this.#folder, OLD_NAME), this.#path).catch(ifThere);
    await found?.close();
    this.#file = await open(this.#path, 'a+', 0o600);
    const { size } = await this.#file.stat();
    const whole = await wholeLength(this.#file, size);
    if (whole === size) return;
    await this.#file.truncate(whole);
    await this.#file.sync();
  }

  append(entry: AuditEntry): Promise<void> {
    const append = this.#appending.then(async () => {
      this.#file ??= await open(this.#path, 'a', 0o600);
      await this.#file.appendFile(`${JSON.stringify(entry)}\n`);
      await this.#file.sync();
    });
    this.#appending = append.catch(() => {});
    return append;
  }

  /** Oldest first. */
  async last(limit: number): Promise<readonly AuditEntry[]> {
    const file = await openIfThere(this.#path);
    if (file === undefined) return [];
    try {
      return (await lastLines(file, limit)).map(parseLine);
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    await this.#appending;
    await this.#file?.close();
    this.#file = undefined;
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
  for (let end = size; end > 0; end -= Math.min(CHUNK, end)) {
    const start = Math.max(0, end - CHUNK);
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
  for (let end = size; end > 0 && breaks <= limit; end -= Math.min(CHUNK, end)) {
    const chunk = await readBytes(file, Math.max(0, end - CHUNK), end);
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
  const entry = readAuditEntry(parseRecord(line, NAME, isRecord));
  if (entry === undefined) throw new RelayError('ERR_RELAY_DATA', `${NAME} has a line that is no event`);
  return entry;
}
