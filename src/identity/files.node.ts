/** Files that survive: written whole or not at all, readable by their owner alone. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { IdentityError } from './errors.ts';

/** Windows has no such bits; its home folders are private by their own rules. */
const HAS_MODES = process.platform !== 'win32';
const TEMPORARY = /^\.tmp-[0-9a-f]{24}$/;
/** A write takes milliseconds: a temporary file older than this was left by a process that died. */
const STALE = 60_000;

/** Makes the folder with mode 0700 if it is missing; its parents too. */
export async function makePrivateFolder(path: string): Promise<void> {
  await guard(`make the folder "${path}"`, () => mkdir(path, { recursive: true, mode: 0o700 }));
}

/**
 * Replaces `path` in one step. A reader, or a process started after a crash at any point, finds the old
 * content or the new: the bytes are on disk before the name points to them, and the name before we return.
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.tmp-${randomBytes(12).toString('hex')}`);
  await guard(`write "${path}"`, async () => {
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
    await syncFolder(folder);
  });
}

/** Removes the file; it may be gone already. */
export async function removeFile(path: string): Promise<void> {
  await guard(`remove "${path}"`, async () => {
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await syncFolder(dirname(path));
  });
}

/** A rename is durable once its folder is written. Windows cannot open folders, and needs not. */
async function syncFolder(folder: string): Promise<void> {
  if (!HAS_MODES) return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The file's text, or undefined when there is none. Larger files than `limit` bytes are not ours. */
export async function readTextFile(path: string, limit: number): Promise<string | undefined> {
  return readThrough(path, limit, async () => {});
}

/** Like `readTextFile`, for keys: refuses a file that other users may read or change. */
export async function readPrivateFile(path: string, limit: number): Promise<string | undefined> {
  return readThrough(path, limit, async (file) => {
    const { mode } = await file.stat();
    if (HAS_MODES && (mode & 0o077) !== 0)
      throw new IdentityError(
        'ERR_IDENTITY_STORE_MODE',
        `private file "${path}" has mode ${(mode & 0o777).toString(8).padStart(4, '0')}, wanted 0600`,
        { hint: `chmod 600 "${path}", and make a new key if others could have read it` },
      );
  });
}

/** Checks and reads one open file, so that nothing can be swapped in between. */
async function readThrough(
  path: string,
  limit: number,
  check: (file: FileHandle) => Promise<void>,
): Promise<string | undefined> {
  return guard(`read "${path}"`, async () => {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      await check(file);
      const { size } = await file.stat();
      if (size > limit)
        throw new IdentityError(
          'ERR_IDENTITY_STORE',
          `file "${path}" has ${size} bytes, at most ${limit} are read`,
        );
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  });
}

/** Names of finished files in the folder, sorted; leftovers of writers that died are removed. */
export async function listFiles(folder: string, now: number = Date.now()): Promise<readonly string[]> {
  return guard(`list "${folder}"`, async () => {
    const names = (await readdir(folder)).sort();
    for (const name of names) {
      if (!TEMPORARY.test(name)) continue;
      const path = join(folder, name);
      // Another process may finish or clean it meanwhile: then there is nothing to do.
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && now - found.mtimeMs > STALE) await unlink(path).catch(() => {});
    }
    return names.filter((name) => !TEMPORARY.test(name));
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'it does not exist',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  EEXIST: 'a file is in the way',
};

async function guard<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof IdentityError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new IdentityError('ERR_IDENTITY_STORE', `cannot ${doing}: ${REASONS[code ?? ''] ?? message}`, {
      cause,
    });
  }
}
