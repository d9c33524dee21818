/**
 * The key of an enrolment whose answer may get lost. The domain gives the same key its certificate again
 * (docs/protocol.md §6.1), so the key is written down before the invite's secret, or the password, leaves, and dropped when the domain has
 * said yes or no: a process that dies in between costs nobody an invite.
 */
import { rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isQ2qError } from '../base/errors.ts';
import type { PrivateKey } from '../crypto/provider.ts';
import { makePrivateFolder, readPrivateFile, removeFile, writeFileAtomic } from '../identity/files.node.ts';
import { readPrivateKey, writePrivateKey } from '../identity/index.ts';
import type { Context } from './context.ts';

/** A PKCS#8 key in PEM. */
const MAX_FILE = 16_384;

/** After these the domain will never answer otherwise, or has nothing to give again. */
const DEFINITE: readonly string[] = [
  'ERR_PEER_INVITE_EXPIRED',
  'ERR_PEER_INVITE_USED',
  'ERR_PEER_INVITE_REFUSED',
  'ERR_PEER_LOGIN_REFUSED',
  'ERR_PEER_TOO_MANY_DEVICES',
];

export class PendingKey {
  readonly key: PrivateKey;
  readonly #home: string;
  readonly #path: string;
  #isKept: boolean;
  #madeHome = false;

  private constructor(home: string, path: string, kept: PrivateKey | undefined, fresh: () => PrivateKey) {
    this.#home = home;
    this.#path = path;
    this.#isKept = kept !== undefined;
    this.key = kept ?? fresh();
  }

  /** The key that an earlier run with the same invite or name (`id`) left behind, or a fresh one. */
  static async of({ home, provider }: Context, id: string): Promise<PendingKey> {
    const path = join(home, `enrolling-${id}.pem`);
    const text = await readPrivateFile(path, MAX_FILE);
    const kept = text === undefined ? undefined : readPrivateKey(provider, text);
    return new PendingKey(home, path, kept, () => provider.generateKey('ed25519'));
  }

  /** True when an earlier run left it, or `keep` wrote it. */
  get isKept(): boolean {
    return this.#isKept;
  }

  async keep(): Promise<void> {
    if (this.#isKept) return;
    this.#madeHome = (await stat(this.#home).catch(() => undefined)) === undefined;
    await makePrivateFolder(this.#home);
    await writeFileAtomic(this.#path, writePrivateKey(this.key));
    this.#isKept = true;
  }

  async forget(): Promise<void> {
    if (!this.#isKept) return;
    await removeFile(this.#path);
    this.#isKept = false;
    if (this.#madeHome) await rmdir(this.#home).catch(() => {}); // not empty: there is an identity now
  }

  /** What to do with the key when enrolment failed. */
  async failed(error: unknown): Promise<void> {
    if (isQ2qError(error) && DEFINITE.includes(error.code)) await this.forget();
  }
}
