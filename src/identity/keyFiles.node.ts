/** Chains with their keys in a folder, and the passphrase they are under. */
import { equalBytes } from '../base/bytes.ts';
import type { Signer } from '../crypto/provider.ts';
import { IdentityError } from './errors.ts';
import { readPrivateFile, writeFileAtomic } from './files.node.ts';
import {
  ELSEWHERE,
  ENCRYPTED,
  formatJournal,
  formatKeyFile,
  holdsKey,
  type KeyFile,
  PLAIN,
  parseJournal,
  parseKeyFile,
} from './keyFile.ts';
import { MAX_STORE_JOURNAL } from './limits.ts';
import { formatPem, type PemBlock } from './pem.ts';
import { located } from './storeErrors.ts';
import { named, type StoreFolder } from './storeFolder.node.ts';
import type { StoredKeys } from './storeKeys.ts';

/** What is to be written: a chain, and what signs for its leaf. */
export interface Entry {
  /** For errors. */
  readonly label: string;
  readonly chain: readonly Uint8Array[];
  readonly key: Signer;
}

/** What there is to go by when a key is written. */
interface Besides {
  readonly kept?: PemBlock;
  readonly witness?: PemBlock;
}

export class KeyFiles {
  readonly #folder: StoreFolder;
  readonly #keys: StoredKeys;

  constructor(folder: StoreFolder, keys: StoredKeys) {
    this.#folder = folder;
    this.#keys = keys;
  }

  async read(path: string): Promise<KeyFile | undefined> {
    const text = await this.#text(path);
    return text === undefined ? undefined : located(named(path), () => parseKeyFile(text));
  }

  /**
   * Deriving keys takes long and people take longer, so the lock is taken when the block is made. Who has changed the
   * passphrase in between, or removed what the block is a copy of, is found out then. `before` is part of the change.
   */
  async put(
    path: string,
    { label, chain, key }: Entry,
    before = async (): Promise<void> => {},
  ): Promise<void> {
    for (;;) {
      const found = await this.#besides(path, key);
      const { kept, witness } = found;
      const block =
        kept === undefined ? await this.#keys.seal(label, key, witness) : formatPem(kept.label, kept.der);
      const done = await this.change(async () => {
        const now = await this.#besides(path, key);
        if (!sameBlock(now.kept, kept) || !sameBlock(now.witness, witness)) return false;
        await before();
        await this.#folder.write(path, formatKeyFile(block, chain));
        return true;
      });
      if (done) return;
    }
  }

  /** See `DirectoryIdentityStore.changePassphrase`. */
  async changePassphrase(next: string | undefined): Promise<void> {
    for (;;) {
      const before = await this.#texts();
      const after: Record<string, string> = {};
      for (const [path, text] of before) {
        const { key, chain } = located(named(path), () => parseKeyFile(text));
        if (key.label === ELSEWHERE) continue;
        const opened = await this.#keys.open(named(path), key);
        after[this.#folder.nameOf(path)] = formatKeyFile(this.#keys.write(opened, next), chain);
      }
      const done = await this.change(async () => {
        if (JSON.stringify(await this.#texts()) !== JSON.stringify(before)) return false;
        await writeFileAtomic(this.#journal, formatJournal(after));
        await this.#finishJournal();
        return true;
      });
      if (done) return this.#keys.remember(next);
    }
  }

  /** A change of key files, after whatever change of the passphrase was left unfinished. */
  change<T>(work: () => Promise<T>): Promise<T> {
    return this.#folder.change(async () => {
      await this.#finishJournal();
      return work();
    });
  }

  async #paths(): Promise<readonly string[]> {
    return [...(await this.#folder.all('identity')), ...(await this.#folder.all('authority'))];
  }

  /** Every file with a key, whole. */
  async #texts(): Promise<[path: string, text: string][]> {
    const texts: [string, string][] = [];
    for (const path of await this.#paths()) {
      const text = await this.#text(path);
      if (text !== undefined) texts.push([path, text]);
    }
    return texts;
  }

  /**
   * The same key, there already and not in the clear, stays as it is, so that renewing needs no passphrase; else one of the
   * other keys under the passphrase bears witness of it. Damaged files have no say.
   */
  async #besides(path: string, key: Signer): Promise<Besides> {
    const held = await this.#readable(path);
    if (held !== undefined && held.key.label !== PLAIN && holdsKey(held, key)) return { kept: held.key };
    for (const other of await this.#paths()) {
      const file = other === path ? undefined : await this.#readable(other);
      if (file?.key.label === ENCRYPTED) return { witness: file.key };
    }
    return {};
  }

  async #readable(path: string): Promise<KeyFile | undefined> {
    return this.read(path).catch((error) => {
      if (error instanceof IdentityError) return undefined;
      throw error;
    });
  }

  /* ---- The journal ---- */

  get #journal(): string {
    return this.#folder.file('passphrase-change');
  }

  /** A change of the passphrase is done when its journal is there, so what the journal says counts first. */
  async #text(path: string): Promise<string | undefined> {
    const journal = await this.#readJournal();
    return journal?.[this.#folder.nameOf(path)] ?? (await this.#folder.readSecret(path));
  }

  async #readJournal(): Promise<Readonly<Record<string, string>> | undefined> {
    const text = await readPrivateFile(this.#journal, MAX_STORE_JOURNAL);
    return text === undefined ? undefined : parseJournal(named(this.#journal), text);
  }

  /** Carries out a change of the passphrase that was decided: ours, or that of a process that died in it. */
  async #finishJournal(): Promise<void> {
    const journal = await this.#readJournal();
    if (journal === undefined) return;
    for (const [name, text] of Object.entries(journal)) await writeFileAtomic(this.#folder.file(name), text);
    await this.#folder.remove(this.#journal);
  }
}

function sameBlock(a: PemBlock | undefined, b: PemBlock | undefined): boolean {
  return a?.label === b?.label && (a === undefined || equalBytes(a.der, b!.der));
}
