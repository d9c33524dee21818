/** Files that survive: written whole or not at all, readable by their owner alone. */
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { IdentityError } from './errors.ts';

/** Windows has no such bits; its home folders are private by their own rules. */
const HAS_MODES = process.platform !== 'win32';
const TEMPORARY = /^\.tmp-[0-9a-f]{24}$/;
/** A write takes milliseconds: a temporary file older than this was left by a process that died. */
const STALE = 60_000;

/** Makes the folder with mode 0700, whatever the umask, if it is missing; its parents too. */
export async function makePrivateFolder(path: string): Promise<void> {
  await guard(`make the folder "${path}"`, () => makeFolder(resolve(path)));
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeFolder(dirname(path));
      return makeFolder(path);
    }
    if ((await stat(path).catch(() => undefined))?.isDirectory() === true) return;
    throw error;
  }
  if (HAS_MODES) await chmod(path, 0o700); // the umask took bits away that we need
  await syncFolder(dirname(path)).catch(() => {}); // a parent that we may not read is not ours to write down
}

/** Refuses a folder whose entries others may replace. Reading its listing tells them nothing. */
export async function checkPrivateFolder(path: string): Promise<void> {
  await guard(`use the folder "${path}"`, async () => requirePrivate(await stat(path), path, 0o022, '0700'));
}

/** What is ours belongs to us, or to root, who could read it anyway. */
function requirePrivate({ mode, uid }: Stats, path: string, forbidden: number, wanted: string): void {
  if (!HAS_MODES) return;
  const us = process.geteuid!();
  if (uid !== us && uid !== 0)
    throw new IdentityError(
      'ERR_IDENTITY_STORE_OWNER',
      `"${path}" belongs to user ${uid}, we are user ${us}`,
      {
        hint: 'run as its owner, or use a folder of your own',
      },
    );
  if ((mode & forbidden) !== 0)
    throw new IdentityError(
      'ERR_IDENTITY_STORE_MODE',
      `private "${path}" has mode ${(mode & 0o777).toString(8).padStart(4, '0')}, wanted ${wanted}`,
      {
        hint: `chmod ${wanted.slice(1)} "${path}", and make new keys if others could have read or replaced them`,
      },
    );
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
        if (HAS_MODES) await file.chmod(0o600); // the umask may have taken our own right to read it
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
    try {
      await unlink(path);
    } catch (error) {
      return unlessMissing(error as NodeJS.ErrnoException);
    }
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

/** Like `readTextFile`, for keys: refuses a file that other users may read or change, or that is another's. */
export async function readPrivateFile(path: string, limit: number): Promise<string | undefined> {
  return readThrough(path, limit, async (file) => requirePrivate(await file.stat(), path, 0o077, '0600'));
}

/** Like `readTextFile`, for what decides whom we believe: refuses a file that other users may change. */
export async function readOwnFile(path: string, limit: number): Promise<string | undefined> {
  return readThrough(path, limit, async (file) => requirePrivate(await file.stat(), path, 0o022, '0600'));
}

/** Checks and reads one open file, so that nothing can be swapped in between. */
async function readThrough(
  path: string,
  limit: number,
  check: (file: FileHandle) => Promise<void>,
): Promise<string | undefined> {
  return guard(`read "${path}"`, async () => {
    const file = await open(path, 'r').catch(unlessMissing);
    if (file === undefined) return undefined;
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
    const names = (await readdir(folder).catch(unlessMissing)) ?? [];
    for (const name of names) {
      if (!TEMPORARY.test(name)) continue;
      const path = join(folder, name);
      // Another process may finish or clean it meanwhile: then there is nothing to do.
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && now - found.mtimeMs > STALE) await unlink(path).catch(() => {});
    }
    return names.filter((name) => !TEMPORARY.test(name)).sort();
  });
}

/** Removes what writers that died left in the folder. Only for who knows that no writer is at work. */
export async function removeLeftovers(folder: string): Promise<void> {
  await listFiles(folder, Number.POSITIVE_INFINITY);
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
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
  EDQUOT: 'the disk quota is used up',
  EIO: 'the disk fails',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'symbolic links go in circles',
};

/** What the system says, as an error of ours. */
export async function guard<T>(doing: string, work: () => Promise<T>): Promise<T> {
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
