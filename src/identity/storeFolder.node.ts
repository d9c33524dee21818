/** The folder of a directory store: which file holds what, and one change at a time. */
import { createHash } from 'node:crypto';
import { dirname, join, relative, resolve } from 'node:path';
import {
  checkPrivateFolder,
  listFiles,
  makePrivateFolder,
  readOwnFile,
  readPrivateFile,
  removeFile,
  removeLeftovers,
  writeFileAtomic,
} from './files.node.ts';
import { MAX_STORE_FILE } from './limits.ts';
import { lockFolder } from './lock.node.ts';

const KINDS = {
  identity: ['identities', '.pem'],
  authority: ['authorities', '.pem'],
  anchors: ['anchors', '.json'],
  pin: ['pins', '.json'],
} as const;
export type Kind = keyof typeof KINDS;

export class StoreFolder {
  readonly path: string;
  /** The last change asked for: changes of one store are done one after the other without asking the disk. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(path: string) {
    this.path = path;
  }

  static async open(folder: string): Promise<StoreFolder> {
    const path = resolve(folder);
    await makePrivateFolder(path);
    await checkPrivateFolder(path);
    return new StoreFolder(path);
  }

  /** Where the record of that name is. Names come from the network: 128 bits of their SHA-256 stand for them. */
  of(kind: Kind, name: string): string {
    const [folder, extension] = KINDS[kind];
    const hash = createHash('sha256').update(name).digest('hex').slice(0, 32);
    return join(this.path, folder, `${hash}${extension}`);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  nameOf(path: string): string {
    return relative(this.path, path);
  }

  /** The records of one kind that are there. */
  async all(kind: Kind): Promise<readonly string[]> {
    const [name, extension] = KINDS[kind];
    const folder = join(this.path, name);
    const files = await listFiles(folder);
    return files.filter((file) => file.endsWith(extension)).map((file) => join(folder, file));
  }

  async read(path: string): Promise<string | undefined> {
    return readOwnFile(path, MAX_STORE_FILE);
  }

  async readSecret(path: string): Promise<string | undefined> {
    return readPrivateFile(path, MAX_STORE_FILE);
  }

  async write(path: string, text: string): Promise<void> {
    await makePrivateFolder(dirname(path));
    await writeFileAtomic(path, text);
  }

  async remove(path: string): Promise<void> {
    await removeFile(path);
  }

  /** Does `work` while nobody else changes the store, neither in this process nor in another. */
  change<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      const lock = await lockFolder(this.path);
      try {
        if (lock.inherited) await this.#tidy();
        return await work();
      } finally {
        await lock.release();
      }
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** A process died in a change. Nobody else is in one, so every unfinished file is its. */
  async #tidy(): Promise<void> {
    for (const folder of ['', ...Object.values(KINDS).map(([name]) => name)])
      await removeLeftovers(join(this.path, folder));
  }
}

/** A file, as errors name it. */
export function named(path: string): string {
  return `file "${path}"`;
}
