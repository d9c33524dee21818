/**
 * The keys of a store at rest: in the clear, under a passphrase that is asked for when it is first needed and once, or
 * elsewhere, in an agent or a token.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey, Signer } from '../crypto/provider.ts';
import { IdentityError } from './errors.ts';
import { ELSEWHERE, ENCRYPTED, type KeyFile } from './keyFile.ts';
import { importKey, writeEncryptedPrivateKey, writePrivateKey } from './keys.ts';
import { peerId } from './peerId.ts';
import { formatPem, type PemBlock } from './pem.ts';
import { isExportable, located, notExportable } from './storeErrors.ts';

/**
 * `open`: a stored key is under the passphrase. `new`: a key is to be stored, and nothing is encrypted yet, so that a
 * person who is asked should type it twice.
 */
export type PassphraseUse = 'open' | 'new';

export interface StoredKeyOptions {
  /**
   * Asks for the passphrase. Given, new keys are encrypted, unless it answers undefined to `new`. What it answers is
   * kept as long as it is right.
   */
  readonly passphrase?: (use: PassphraseUse) => string | undefined | Promise<string | undefined>;
  /** Finds a key that is kept elsewhere, by its key id. */
  readonly signers?: (keyId: string) => Signer | undefined | Promise<Signer | undefined>;
}

export class StoredKeys {
  readonly #provider: CryptoProvider;
  readonly #options: StoredKeyOptions;
  /** The one question at a time; kept when its answer was right. */
  #answer: Promise<string | undefined> | undefined;
  /** What the answer is known to open. */
  #opened: Bytes | undefined;

  constructor(provider: CryptoProvider, options: StoredKeyOptions) {
    this.#provider = provider;
    this.#options = options;
  }

  /** The key in memory. A plain block is zeroed. */
  async open(where: string, block: PemBlock): Promise<PrivateKey> {
    if (block.label === ELSEWHERE)
      throw new IdentityError('ERR_IDENTITY_STORE_SIGNER', `${where} says that its key is kept elsewhere`, {
        hint: 'this use needs the key itself',
      });
    if (block.label !== ENCRYPTED) return located(where, () => importKey(this.#provider, block));
    const answer = this.#ask('open');
    const passphrase = await answer;
    try {
      const key = located(where, () => importKey(this.#provider, block, passphrase));
      if (this.#answer === answer) this.#opened = block.der;
      return key;
    } catch (error) {
      if (this.#answer === answer) this.forget();
      throw told(where, error);
    }
  }

  /** What signs for the leaf of `file`. */
  async signer(where: string, file: KeyFile): Promise<Signer> {
    if (file.key.label !== ELSEWHERE) return this.open(where, file.key);
    const found = await this.#find(file.key.der);
    if (found !== undefined) return found;
    throw new IdentityError(
      'ERR_IDENTITY_STORE_SIGNER',
      `the key ${peerId(file.key.der)} is kept elsewhere, and was not found`,
      { hint: 'if an agent has it: is it running, unlocked, and does `ssh-add -L` list the key?' },
    );
  }

  /**
   * How `key` is to be written down. `witness` is a stored key under the passphrase: what is asked for must open it, so
   * that no slip of the finger locks a key away.
   */
  async seal(label: string, key: Signer, witness: PemBlock | undefined): Promise<string> {
    if (!isExportable(key)) {
      if ((await this.#find(key.spki)) === undefined) throw notExportable(label);
      return formatPem(ELSEWHERE, key.spki);
    }
    if (witness === undefined) {
      const passphrase = this.#options.passphrase === undefined ? undefined : await this.#ask('new');
      return this.write(key, passphrase);
    }
    if (this.#opened === undefined || !equalBytes(this.#opened, witness.der))
      await this.open(`a key beside that of ${label}`, witness);
    return this.write(key, await this.#ask('open'));
  }

  write(key: PrivateKey, passphrase: string | undefined): string {
    return passphrase === undefined
      ? writePrivateKey(key)
      : writeEncryptedPrivateKey(key, passphrase, this.#provider);
  }

  /** Everything is under this passphrase now. */
  remember(passphrase: string | undefined): void {
    this.#answer = passphrase === undefined ? undefined : Promise.resolve(passphrase);
    this.#opened = undefined;
  }

  /** The next use asks again. */
  forget(): void {
    this.remember(undefined);
  }

  #ask(use: PassphraseUse): Promise<string | undefined> {
    this.#answer ??= this.#question(use);
    return this.#answer;
  }

  async #question(use: PassphraseUse): Promise<string | undefined> {
    try {
      const passphrase = await this.#options.passphrase?.(use);
      if (passphrase === undefined) this.#answer = undefined; // no answer is worth keeping
      return passphrase;
    } catch (error) {
      this.#answer = undefined;
      throw error;
    }
  }

  async #find(spki: Uint8Array): Promise<Signer | undefined> {
    const found = await this.#options.signers?.(peerId(spki));
    return found !== undefined && equalBytes(found.spki, spki) ? found : undefined;
  }
}

/** Which file it was: a person may have several passphrases. */
function told(where: string, error: unknown): unknown {
  if (!(error instanceof IdentityError) || !error.code.startsWith('ERR_IDENTITY_PASSPHRASE')) return error;
  return new IdentityError(error.code, `${where}: ${error.message}`, { cause: error, hint: error.hint });
}
