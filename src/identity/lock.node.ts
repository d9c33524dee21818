/**
 * One process at a time in a folder. A lock is a file whose name says it all:
 *
 *     .lock-<process id>-<its start time>-<its pid namespace>-<random>
 *
 * Whoever wants the folder makes such a file, then looks: alone, it holds the folder; else it goes back and tries
 * again. Of two who come at once at least one sees the other, so never both hold it. A name is never used twice, so
 * removing the file of a process that died cannot take the lock of one that lives; taking over a file of a fixed
 * name could.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { open, readdir, readFile, readlink, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IdentityError } from './errors.ts';
import { guard } from './files.node.ts';
import { FOREIGN_LOCK_AGE, LOCK_WAIT } from './limits.ts';

export interface Lock {
  /** True when it was left by a process that died: it may have left other things, too. */
  readonly inherited: boolean;
  release(): Promise<void>;
}

export interface LockOptions {
  /** Milliseconds to wait while others hold it; 0 asks once. */
  readonly wait?: number;
}

const NAME = /^\.lock-([0-9]+)-([0-9]+|x)-([0-9]+|x)-[0-9a-f]{16}$/;

/** Throws `ERR_IDENTITY_STORE_BUSY` when the folder does not come free in time. */
export async function lockFolder(folder: string, { wait = LOCK_WAIT }: LockOptions = {}): Promise<Lock> {
  return guard(`lock the folder "${folder}"`, async () => {
    const until = performance.now() + wait;
    let inherited = false;
    for (;;) {
      const before = await look(folder);
      inherited ||= before.cleaned;
      const holder = before.holder ?? (await claim(folder));
      if (typeof holder === 'function') return { inherited, release: holder };
      if (performance.now() >= until)
        throw new IdentityError('ERR_IDENTITY_STORE_BUSY', `process ${holder} holds the folder "${folder}"`, {
          hint: 'let it end; if no such process is there, remove the folder’s .lock-… files',
        });
      await sleep(randomInt(2, 25));
    }
  });
}

/** Claims of this process that could not be removed when they ended: nobody holds them. */
const abandoned = new Set<string>();

/** The way to release what we claimed, or who was there too. */
async function claim(folder: string): Promise<(() => Promise<void>) | number> {
  const random = randomBytes(8).toString('hex');
  const started = (await startTime(process.pid)) ?? 'x';
  const name = `.lock-${process.pid}-${started}-${await namespace()}-${random}`;
  const path = join(folder, name);
  const release = async (): Promise<void> => {
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') abandoned.add(name);
    });
  };
  try {
    await (await open(path, 'wx', 0o600)).close();
    const { holder } = await look(folder, name);
    if (holder === undefined) return release;
    await release();
    return holder;
  } catch (error) {
    await release();
    throw error;
  }
}

/** The process id of a living holder other than `mine`; files of the dead are removed on the way. */
async function look(folder: string, mine?: string): Promise<{ holder?: number; cleaned: boolean }> {
  let cleaned = false;
  for (const name of await readdir(folder)) {
    const [, pid, started, space] = NAME.exec(name) ?? [];
    if (pid === undefined || name === mine) continue;
    const path = join(folder, name);
    if (!abandoned.has(name) && (await lives(path, Number(pid), started!, space!)))
      return { holder: Number(pid), cleaned };
    await unlink(path).catch(() => {});
    cleaned = true;
  }
  return { cleaned };
}

/**
 * Dead for sure, or alive: a process that we cannot learn enough about lives. In a container of its own it is
 * invisible to us; there age decides, for no change takes nearly as long.
 */
async function lives(path: string, pid: number, started: string, space: string): Promise<boolean> {
  if (space !== (await namespace())) {
    const found = await stat(path).catch(() => undefined);
    return found !== undefined && Date.now() - found.mtimeMs < FOREIGN_LOCK_AGE;
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = await startTime(pid);
  return now === undefined || started === 'x' || now === started; // else its id went to another process
}

/** Clock ticks since boot at which the process began, where the system tells. */
async function startTime(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
  });
  // The second field, the command, may hold anything but ends with the last ")".
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

let ours: Promise<string> | undefined;

/** Which processes our process ids count among, where the system tells; else 'x'. */
function namespace(): Promise<string> {
  ours ??= readlink('/proc/self/ns/pid').then(
    (link) => /[0-9]+/.exec(link)?.[0] ?? 'x',
    () => 'x',
  );
  return ours;
}
