/** Reads what the person names, with one clear message when it cannot be read. `-` is stdin. */
import { accessSync, appendFileSync, constants, existsSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { concat } from '../base/bytes.ts';
import { CliError } from './errors.ts';

/** A certificate bundle or an invite is at most some hundred KiB; whatever is larger is the wrong file. */
const MAX_FILE = 1_048_576;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'is not readable by this user',
  EPERM: 'is not readable by this user',
  EISDIR: 'is a folder',
  EEXIST: 'is there already',
};

export async function readBytes(path: string, stdin: Readable, what: string): Promise<Uint8Array> {
  if (path === '-') return readStream(stdin, what);
  try {
    return checked(await readFile(path), what, path);
  } catch (cause) {
    throw cause instanceof CliError ? cause : fileError(what, path, cause);
  }
}

export async function readText(path: string, stdin: Readable, what: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(path, stdin, what));
}

async function readStream(stream: Readable, what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_FILE) break;
  }
  return checked(concat(chunks), what, '(stdin)');
}

function checked(bytes: Uint8Array, what: string, path: string): Uint8Array {
  if (bytes.length > MAX_FILE) {
    throw new CliError('ERR_CLI_FILE', `${what} ${path} is longer than ${MAX_FILE} bytes`);
  }
  return bytes;
}

export function fileError(what: string, path: string, cause: unknown): CliError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const reason = REASONS[code] ?? `cannot be used (${code || String(cause)})`;
  return new CliError('ERR_CLI_FILE', `${what} ${path} ${reason}`, { cause });
}

/** Fails now, without making the file, when it could not be appended to later. */
export function checkAppendable(what: string, path: string): void {
  try {
    if (existsSync(path)) accessSync(path, constants.W_OK);
    else accessSync(dirname(resolve(path)), constants.W_OK | constants.X_OK);
    if (existsSync(path) && statSync(path).isDirectory())
      throw Object.assign(new Error(), { code: 'EISDIR' });
  } catch (cause) {
    throw fileError(what, path, cause);
  }
}

export function appendLine(what: string, path: string, line: string): void {
  try {
    appendFileSync(path, line.endsWith('\n') ? line : `${line}\n`, { mode: 0o600 });
  } catch (cause) {
    throw fileError(what, path, cause);
  }
}

/** Fails now when `writeNew` would. */
export function checkNew(what: string, path: string): void {
  checkAppendable(what, path);
  if (existsSync(path)) throw fileError(what, path, { code: 'EEXIST' });
}

/** A file of its owner's that was not there: nothing is ever written over. */
export function writeNew(what: string, path: string, content: string | Uint8Array): void {
  try {
    writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw fileError(what, path, cause);
  }
}
