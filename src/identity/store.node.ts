/**
 * Identities in a folder:
 *
 *     identities/<hash>.pem    private key and chain of one identity, in one file: both or neither
 *     authorities/<hash>.pem   the same of one person's user CA
 *     anchors/<hash>.json      roots of one domain, what it withdrew, and how new that is
 *     pins/<hash>.json         what was remembered of one address
 *     default                  the label used when none is named
 *
 * Folders are 0700, files 0600 and replaced in one step. Names come from the network, so file names are
 * hashes of them: `../x@d` is as good a name as any other. Processes may share the folder: who changes something
 * holds its lock, so that what is read, judged and written is one step; who only reads needs none, and finds
 * the old state or the new.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CryptoProvider, PrivateKey, Signer } from '../crypto/provider.ts';
import { parseDomain } from './address.ts';
import {
  checkPrivateFolder,
  listFiles,
  makePrivateFolder,
  readPrivateFile,
  readTextFile,
  removeFile,
  removeLeftovers,
  writeFileAtomic,
} from './files.node.ts';
import { type Identity, identityLabel, type PublicIdentity } from './identity.ts';
import { identityFromChain, publicIdentity } from './issue.ts';
import { formatKeyFile, type KeyFile, parseKeyFile, requireCaKey } from './keyFile.ts';
import { readPrivateKey, writePrivateKey } from './keys.ts';
import { MAX_STORE_FILE } from './limits.ts';
import { lockFolder } from './lock.node.ts';
import { formatPem } from './pem.ts';
import type { IdentityStore, PutAnchorsOptions, StoredUserAuthority } from './store.ts';
import { damaged, isExportable, located, notExportable, notStored } from './storeErrors.ts';
import {
  canonical,
  formatAnchors,
  formatPin,
  type Pin,
  parseAnchors,
  parsePin,
  pinnedAddress,
  pinOf,
  requireForward,
} from './storeRecords.ts';
import { type DomainAnchors, Trust } from './trust.ts';

const FOLDERS = {
  identity: 'identities',
  authority: 'authorities',
  anchors: 'anchors',
  pin: 'pins',
} as const;
type Kind = keyof typeof FOLDERS;

export class DirectoryIdentityStore implements IdentityStore {
  readonly folder: string;
  readonly #provider: CryptoProvider;
  /** The last change asked for: changes of one store are done one after the other without asking the disk. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, provider: CryptoProvider) {
    this.folder = folder;
    this.#provider = provider;
  }

  /** Opens the store, making its folder if it is missing. */
  static async open(folder: string, provider: CryptoProvider): Promise<DirectoryIdentityStore> {
    await makePrivateFolder(folder);
    await checkPrivateFolder(folder);
    return new DirectoryIdentityStore(folder, provider);
  }

  /* ---- Identities ---- */

  async list(): Promise<readonly string[]> {
    const labels: string[] = [];
    for (const path of await this.#files('identity')) {
      const file = await this.#readKeyFile(path);
      if (file !== undefined)
        labels.push(identityLabel(located(named(path), () => publicIdentity(file.chain))));
    }
    return labels.sort();
  }

  async find(label: string): Promise<PublicIdentity | undefined> {
    return (await this.#identityFile(label))?.identity;
  }

  async get(label: string): Promise<Identity | undefined> {
    const found = await this.#identityFile(label);
    if (found === undefined) return undefined;
    const { path, file } = found;
    const signer = await this.#signer(path, file);
    return located(named(path), () => identityFromChain(file.chain, signer));
  }

  async put(identity: Identity, key: Signer = identity.signer): Promise<void> {
    // Made anew from what is about to be written: a pair that does not fit is never stored.
    const checked = identityFromChain(identity.chain, key);
    const label = identityLabel(checked);
    await this.#change(async () => {
      const text = formatKeyFile(this.#keyBlock(label, key), checked.chain);
      // A default that names nobody yet is no default, so this order is right wherever it is cut.
      const usual = await this.#readDefault();
      if (usual === undefined || (usual !== label && !(await this.#isStored(usual))))
        await this.#write(join(this.folder, 'default'), `${label}\n`);
      await this.#write(this.#path('identity', label), text);
    });
  }

  async remove(label: string): Promise<void> {
    await this.#change(async () => {
      await removeFile(this.#path('identity', label));
      if ((await this.#readDefault()) === label) await removeFile(join(this.folder, 'default'));
    });
  }

  /** Undefined too when the identity it names is not there. */
  async defaultLabel(): Promise<string | undefined> {
    const label = await this.#readDefault();
    return label !== undefined && (await this.find(label)) !== undefined ? label : undefined;
  }

  async setDefault(label: string): Promise<void> {
    await this.#change(async () => {
      if ((await this.find(label)) === undefined) throw notStored(label);
      await this.#write(join(this.folder, 'default'), `${label}\n`);
    });
  }

  /* ---- Anchors ---- */

  async anchors(domain: string): Promise<DomainAnchors | undefined> {
    return this.#readAnchors(this.#path('anchors', parseDomain(domain)));
  }

  async putAnchors(anchors: DomainAnchors, options: PutAnchorsOptions = {}): Promise<void> {
    const offered = canonical(anchors);
    const path = this.#path('anchors', offered.domain);
    await this.#change(async () => {
      if (options.replace !== true) requireForward(await this.#readAnchors(path), offered);
      await this.#write(path, formatAnchors(offered));
    });
  }

  async removeAnchors(domain: string): Promise<void> {
    const path = this.#path('anchors', parseDomain(domain));
    await this.#change(() => removeFile(path));
  }

  async trust(): Promise<Trust> {
    const all: DomainAnchors[] = [];
    for (const path of await this.#files('anchors')) {
      const anchors = await this.#readAnchors(path);
      if (anchors !== undefined) all.push(anchors);
    }
    return Trust.of(all);
  }

  async #readAnchors(path: string): Promise<DomainAnchors | undefined> {
    const text = await readTextFile(path, MAX_STORE_FILE);
    return text === undefined ? undefined : parseAnchors(named(path), text);
  }

  /* ---- Pins ---- */

  async pin(address: string): Promise<Pin | undefined> {
    return this.#readPin(this.#path('pin', pinnedAddress(address)));
  }

  async pins(): Promise<readonly Pin[]> {
    const all: Pin[] = [];
    for (const path of await this.#files('pin')) {
      const pin = await this.#readPin(path);
      if (pin !== undefined) all.push(pin);
    }
    return all.sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  async putPin(pin: Pin): Promise<void> {
    await this.#changePin(pin.address, async () => pin);
  }

  async updatePin(
    address: string,
    change: (held: Pin | undefined) => Pin | undefined,
  ): Promise<Pin | undefined> {
    return this.#changePin(address, async (path) => change(await this.#readPin(path)));
  }

  async removePin(address: string): Promise<void> {
    const path = this.#path('pin', pinnedAddress(address));
    await this.#change(() => removeFile(path));
  }

  async #changePin(
    address: string,
    next: (path: string) => Promise<Pin | undefined>,
  ): Promise<Pin | undefined> {
    const who = pinnedAddress(address);
    const path = this.#path('pin', who);
    return this.#change(async () => {
      const pin = await next(path);
      if (pin === undefined) return this.#readPin(path);
      const checked = pinOf(who, pin);
      await this.#write(path, formatPin(checked));
      return checked;
    });
  }

  async #readPin(path: string): Promise<Pin | undefined> {
    const text = await readTextFile(path, MAX_STORE_FILE);
    return text === undefined ? undefined : parsePin(named(path), text);
  }

  /* ---- User CAs ---- */

  async userAuthority(name: string): Promise<StoredUserAuthority | undefined> {
    const path = this.#path('authority', pinnedAddress(name));
    const file = await this.#readKeyFile(path);
    if (file === undefined) return undefined;
    const key = this.#openKey(path, file);
    located(named(path), () => requireCaKey(file.chain, key));
    return Object.freeze({ chain: Object.freeze(file.chain), key });
  }

  async putUserAuthority(name: string, { chain, key }: StoredUserAuthority): Promise<void> {
    const label = pinnedAddress(name);
    requireCaKey(chain, key);
    await this.#change(() =>
      this.#write(this.#path('authority', label), formatKeyFile(this.#keyBlock(label, key), chain)),
    );
  }

  async removeUserAuthority(name: string): Promise<void> {
    const path = this.#path('authority', pinnedAddress(name));
    await this.#change(() => removeFile(path));
  }

  /* ---- Keys ---- */

  async #readKeyFile(path: string): Promise<KeyFile | undefined> {
    const text = await readPrivateFile(path, MAX_STORE_FILE);
    return text === undefined ? undefined : located(named(path), () => parseKeyFile(text));
  }

  async #identityFile(
    label: string,
  ): Promise<{ path: string; file: KeyFile; identity: PublicIdentity } | undefined> {
    const path = this.#path('identity', label);
    const file = await this.#readKeyFile(path);
    if (file === undefined) return undefined;
    const identity = located(named(path), () => publicIdentity(file.chain));
    const found = identityLabel(identity);
    if (found !== label)
      throw damaged(named(path), `it holds ${JSON.stringify(found)}, wanted ${JSON.stringify(label)}`);
    return { path, file, identity };
  }

  async #signer(path: string, file: KeyFile): Promise<Signer> {
    return this.#openKey(path, file);
  }

  #openKey(path: string, { key }: KeyFile): PrivateKey {
    return located(named(path), () => readPrivateKey(this.#provider, formatPem(key.label, key.der)));
  }

  #keyBlock(label: string, key: Signer): string {
    if (!isExportable(key)) throw notExportable(label);
    return writePrivateKey(key);
  }

  /* ---- Files ---- */

  async #readDefault(): Promise<string | undefined> {
    return (await readTextFile(join(this.folder, 'default'), MAX_STORE_FILE))?.trim();
  }

  /** Whether its file is there, be it damaged. */
  async #isStored(label: string): Promise<boolean> {
    return (await this.#files('identity')).includes(this.#path('identity', label));
  }

  async #files(kind: Kind): Promise<readonly string[]> {
    const folder = join(this.folder, FOLDERS[kind]);
    const extension = kind === 'identity' || kind === 'authority' ? '.pem' : '.json';
    const names = await listFiles(folder);
    return names.filter((name) => name.endsWith(extension)).map((name) => join(folder, name));
  }

  #path(kind: Kind, name: string): string {
    const extension = kind === 'identity' || kind === 'authority' ? 'pem' : 'json';
    return join(this.folder, FOLDERS[kind], `${fileName(name)}.${extension}`);
  }

  async #write(path: string, text: string): Promise<void> {
    await makePrivateFolder(join(path, '..'));
    await writeFileAtomic(path, text);
  }

  /** Does `work` while nobody else changes the store, neither in this process nor in another. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      const lock = await lockFolder(this.folder);
      try {
        if (lock.inherited)
          for (const name of ['', ...Object.values(FOLDERS)]) await removeLeftovers(join(this.folder, name));
        return await work();
      } finally {
        await lock.release();
      }
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

function named(path: string): string {
  return `file "${path}"`;
}

/** 128 bits of SHA-256: one file per name, and no name in the folder listing. */
function fileName(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}
