/**
 * One process per data folder. The lock is a file with the holder's process id and start time; a holder that is gone, or whose
 * id now belongs to another process, holds nothing.
 */
import { randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lockFolder } from '../identity/lock.node.ts';
import { RelayError } from './errors.ts';

export interface Lock {
  release(): Promise<void>;
}

/** Attempts when others take and leave the lock at the same moment. */
const ATTEMPTS = 20;

/** Throws `ERR_RELAY_LOCKED` while a living process holds it. */
export async function takeLock(path: string): Promise<Lock> {
  const mine = `${process.pid} ${await startTime(process.pid)}\n`;
  const temporary = `${path}.${randomBytes(8).toString('hex')}`;
  // Only one at a time looks whether a holder is dead, so that nobody takes a living one's lock for the dead one's before it.
  const alone = await lockFolder(dirname(path));
  try {
    await writeFile(temporary, mine, { mode: 0o600, flag: 'wx' });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await linked(temporary, path)) return { release: () => release(path, mine) };
      const held = await contentOf(path);
      if (held === undefined) continue; // it was released just now
      if (await lives(held))
        throw new RelayError(
          'ERR_RELAY_LOCKED',
          `process ${held.split(' ')[0]} serves this data folder (${path})`,
        );
      await unlink(path).catch(() => {}); // if it stays, the next look says so
    }
    throw new RelayError('ERR_RELAY_LOCKED', `the lock ${path} changes hands all the time`);
  } finally {
    await unlink(temporary).catch(() => {});
    await alone.release();
  }
}

/** `link` either makes the name, with its content, or fails: there is no moment between. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function release(path: string, mine: string): Promise<void> {
  if ((await contentOf(path)) === mine) await unlink(path).catch(() => {});
}

async function contentOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

async function lives(held: string): Promise<boolean> {
  const [id, started] = held.trim().split(' ');
  const pid = Number(id);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return (await startTime(pid)) === started;
}

/** Clock ticks since boot at which the process began, where the system tells; else '-'. */
async function startTime(pid: number): Promise<string> {
  const stat = await contentOf(`/proc/${pid}/stat`);
  // The second field, the command, may hold anything but ends with the last ")".
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
}
