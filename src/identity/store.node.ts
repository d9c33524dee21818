/**
 * Identities in a folder:
 *
 *     identities/<hash>.pem    private key and chain of one identity, in one file: both or neither
 *     authorities/<hash>.pem   the same of one person's user CA
 *     anchors/<hash>.json      roots of one domain, what it withdrew, and how new that is
 *     pins/<hash>.json         what was remembered of one address
 *     default                  the label used when none is named
 *     passphrase-change        while a change of the passphrase is carried out: the files as they are to be
 *     .lock-…                  while a change is made: by whom
 *
 * Folders are 0700, files 0600 and replaced in one step. Names come from the network, so file names are
 * hashes of them: `../x@d` is as good a name as any other. Processes may share the folder: who changes something
 * holds its lock, so that what is read, judged and written is one step; who only reads needs none, and finds
 * the old state or the new. A key is in the clear, under a passphrase, or elsewhere (`storeKeys.ts`); whose it is can be
 * read without it.
 */
import type { CryptoProvider, Signer } from '../crypto/provider.ts';
import { parseDomain } from './address.ts';
import { type Identity, identityLabel, type PublicIdentity } from './identity.ts';
import { identityFromChain, publicIdentity } from './issue.ts';
import { type KeyFile, requireUserCa } from './keyFile.ts';
import { KeyFiles } from './keyFiles.node.ts';
import type { IdentityStore, PutAnchorsOptions, StoredUserAuthority } from './store.ts';
import { damaged, isExportable, located, notExportable, notStored } from './storeErrors.ts';
import { named, StoreFolder } from './storeFolder.node.ts';
import { type StoredKeyOptions, StoredKeys } from './storeKeys.ts';
import {
  canonical,
  canonicalName,
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

export class DirectoryIdentityStore implements IdentityStore {
  readonly folder: string;
  readonly #folder: StoreFolder;
  readonly #keys: StoredKeys;
  readonly #files: KeyFiles;

  private constructor(folder: StoreFolder, keys: StoredKeys) {
    this.folder = folder.path;
    this.#folder = folder;
    this.#keys = keys;
    this.#files = new KeyFiles(folder, keys);
  }

  /** Opens the store, making its folder if it is missing. Nothing is asked for yet. */
  static async open(
    folder: string,
    provider: CryptoProvider,
    options: StoredKeyOptions = {},
  ): Promise<DirectoryIdentityStore> {
    return new DirectoryIdentityStore(await StoreFolder.open(folder), new StoredKeys(provider, options));
  }

  /* ---- Identities ---- */

  async list(): Promise<readonly string[]> {
    const labels: string[] = [];
    for (const path of await this.#folder.all('identity')) {
      const file = await this.#files.read(path);
      if (file !== undefined) labels.push(identityLabel(identityOf(path, file)));
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
    const signer = await this.#keys.signer(named(path), file);
    return located(named(path), () => identityFromChain(file.chain, signer));
  }

  async put(identity: Identity, key: Signer = identity.signer): Promise<void> {
    // Made anew from what is about to be written: a pair that does not fit is never stored.
    const checked = identityFromChain(identity.chain, key);
    const label = identityLabel(checked);
    const entry = { label, chain: checked.chain, key };
    await this.#files.put(this.#folder.of('identity', label), entry, async () => {
      // A default that names nobody yet is no default, so this order is right wherever it is cut.
      const usual = await this.#readDefault();
      if (usual === undefined || (usual !== label && !(await this.#isStored(usual))))
        await this.#writeDefault(label);
    });
  }

  async remove(label: string): Promise<void> {
    await this.#files.change(async () => {
      await this.#folder.remove(this.#folder.of('identity', label));
      if ((await this.#readDefault()) === label) await this.#folder.remove(this.#folder.file('default'));
    });
  }

  /** Undefined too when the identity it names is not there. */
  async defaultLabel(): Promise<string | undefined> {
    const label = await this.#readDefault();
    return label !== undefined && (await this.find(label)) !== undefined ? label : undefined;
  }

  async setDefault(label: string): Promise<void> {
    await this.#files.change(async () => {
      if ((await this.find(label)) === undefined) throw notStored(label);
      await this.#writeDefault(label);
    });
  }

  async #identityFile(
    label: string,
  ): Promise<{ path: string; file: KeyFile; identity: PublicIdentity } | undefined> {
    const path = this.#folder.of('identity', label);
    const file = await this.#files.read(path);
    if (file === undefined) return undefined;
    const identity = identityOf(path, file);
    const found = identityLabel(identity);
    if (found === label) return { path, file, identity };
    throw damaged(named(path), `it holds ${JSON.stringify(found)}, wanted ${JSON.stringify(label)}`);
  }

  /** Whether its file is there, be it damaged. */
  async #isStored(label: string): Promise<boolean> {
    return (await this.#folder.all('identity')).includes(this.#folder.of('identity', label));
  }

  async #readDefault(): Promise<string | undefined> {
    return (await this.#folder.read(this.#folder.file('default')))?.trim();
  }

  async #writeDefault(label: string): Promise<void> {
    await this.#folder.write(this.#folder.file('default'), `${label}\n`);
  }

  /* ---- The passphrase ---- */

  /**
   * Writes every key anew under `next`, or in the clear without it: all of them or none, wherever it is cut. Keys kept
   * elsewhere stay there.
   */
  async changePassphrase(next: string | undefined): Promise<void> {
    await this.#files.changePassphrase(next);
  }

  /** The next use of a key under a passphrase asks for it again. */
  forgetPassphrase(): void {
    this.#keys.forget();
  }

  /* ---- User CAs ---- */

  async userAuthority(name: string): Promise<StoredUserAuthority | undefined> {
    const owner = canonicalName(name);
    const path = this.#folder.of('authority', owner);
    const file = await this.#files.read(path);
    if (file === undefined) return undefined;
    const key = await this.#keys.open(named(path), file.key);
    located(named(path), () => requireUserCa(owner, file.chain, key));
    return Object.freeze({ chain: Object.freeze(file.chain), key });
  }

  async putUserAuthority(name: string, { chain, key }: StoredUserAuthority): Promise<void> {
    const owner = canonicalName(name);
    requireUserCa(owner, chain, key);
    if (!isExportable(key)) throw notExportable(owner); // an agent signs later, a CA signs at once
    await this.#files.put(this.#folder.of('authority', owner), { label: owner, chain, key });
  }

  async removeUserAuthority(name: string): Promise<void> {
    const path = this.#folder.of('authority', canonicalName(name));
    await this.#files.change(() => this.#folder.remove(path));
  }

  /* ---- Anchors ---- */

  async anchors(domain: string): Promise<DomainAnchors | undefined> {
    return this.#readAnchors(this.#folder.of('anchors', parseDomain(domain)));
  }

  async putAnchors(anchors: DomainAnchors, options: PutAnchorsOptions = {}): Promise<void> {
    const offered = canonical(anchors);
    const path = this.#folder.of('anchors', offered.domain);
    await this.#folder.change(async () => {
      if (options.replace !== true) requireForward(await this.#readAnchors(path), offered);
      await this.#folder.write(path, formatAnchors(offered));
    });
  }

  async removeAnchors(domain: string): Promise<void> {
    const path = this.#folder.of('anchors', parseDomain(domain));
    await this.#folder.change(() => this.#folder.remove(path));
  }

  async trust(): Promise<Trust> {
    const all = await Promise.all((await this.#folder.all('anchors')).map((path) => this.#readAnchors(path)));
    return Trust.of(all.filter((anchors) => anchors !== undefined));
  }

  async #readAnchors(path: string): Promise<DomainAnchors | undefined> {
    const text = await this.#folder.read(path);
    return text === undefined ? undefined : parseAnchors(named(path), text);
  }

  /* ---- Pins ---- */

  async pin(address: string): Promise<Pin | undefined> {
    return this.#readPin(this.#folder.of('pin', pinnedAddress(address)));
  }

  async pins(): Promise<readonly Pin[]> {
    const all = await Promise.all((await this.#folder.all('pin')).map((path) => this.#readPin(path)));
    return all.filter((pin) => pin !== undefined).sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  async putPin(pin: Pin): Promise<void> {
    const checked = pinOf(pinnedAddress(pin.address), pin);
    const path = this.#folder.of('pin', checked.address);
    await this.#folder.change(() => this.#folder.write(path, formatPin(checked)));
  }

  async updatePin(
    address: string,
    change: (held: Pin | undefined) => Pin | undefined,
  ): Promise<Pin | undefined> {
    const who = pinnedAddress(address);
    const path = this.#folder.of('pin', who);
    return this.#folder.change(async () => {
      const held = await this.#readPin(path);
      const next = change(held);
      if (next === undefined) return held;
      const checked = pinOf(who, next);
      await this.#folder.write(path, formatPin(checked));
      return checked;
    });
  }

  async removePin(address: string): Promise<void> {
    const path = this.#folder.of('pin', pinnedAddress(address));
    await this.#folder.change(() => this.#folder.remove(path));
  }

  async #readPin(path: string): Promise<Pin | undefined> {
    const text = await this.#folder.read(path);
    return text === undefined ? undefined : parsePin(named(path), text);
  }
}

function identityOf(path: string, { chain }: KeyFile): PublicIdentity {
  return located(named(path), () => publicIdentity(chain));
}
