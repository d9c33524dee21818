/**
 * Identities in a folder:
 *
 *     identities/<hash>.pem    private key and chain of one identity, in one file: both or neither
 *     anchors/<hash>.json      roots and withdrawn keys of one domain
 *     default                  the label used when none is named
 *
 * Folders are 0700, files 0600 and replaced in one step. Names come from the network, so file names are
 * hashes of them: `../x@d` is as good a name as any other. Processes may share the folder; the last writer of
 * a file wins.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { parseDomain } from './address.ts';
import { IdentityError, type IdentityErrorCode } from './errors.ts';
import {
  listFiles,
  makePrivateFolder,
  readPrivateFile,
  readTextFile,
  removeFile,
  writeFileAtomic,
} from './files.node.ts';
import { type Identity, identityLabel } from './identity.ts';
import { identityFromChain } from './issue.ts';
import { readPrivateKey, writePrivateKey } from './keys.ts';
import { formatPem, parsePem, parsePemAs } from './pem.ts';
import { type IdentityStore, notStored } from './store.ts';
import { type DomainAnchors, Trust } from './trust.ts';
import { parseCertificate } from './x509.ts';

/** A key and a chain of eight certificates take 10 KB; a domain with a thousand withdrawn keys 60 KB. */
const MAX_FILE = 1 << 20;

export class DirectoryIdentityStore implements IdentityStore {
  readonly folder: string;
  readonly #provider: CryptoProvider;

  private constructor(folder: string, provider: CryptoProvider) {
    this.folder = folder;
    this.#provider = provider;
  }

  /** Opens the store, making its folders if they are missing. */
  static async open(folder: string, provider: CryptoProvider): Promise<DirectoryIdentityStore> {
    for (const path of [folder, join(folder, 'identities'), join(folder, 'anchors')])
      await makePrivateFolder(path);
    return new DirectoryIdentityStore(folder, provider);
  }

  async list(): Promise<readonly string[]> {
    const folder = join(this.folder, 'identities');
    const labels: string[] = [];
    for (const file of await listFiles(folder)) {
      if (!file.endsWith('.pem')) continue;
      const identity = await this.#readIdentity(join(folder, file));
      if (identity !== undefined) labels.push(identityLabel(identity));
    }
    return labels.sort();
  }

  async get(label: string): Promise<Identity | undefined> {
    const path = this.#identityPath(label);
    const identity = await this.#readIdentity(path);
    if (identity !== undefined && identityLabel(identity) !== label)
      throw damaged(
        path,
        `it holds ${JSON.stringify(identityLabel(identity))}, wanted ${JSON.stringify(label)}`,
      );
    return identity;
  }

  async put(identity: Identity, key: PrivateKey): Promise<void> {
    // Read back what is about to be written: a pair that does not fit is never stored.
    const checked = identityFromChain(identity.chain, key);
    const label = identityLabel(checked);
    const blocks = checked.chain.map((certificate) => formatPem('CERTIFICATE', certificate));
    await writeFileAtomic(this.#identityPath(label), writePrivateKey(key) + blocks.join(''));
    if ((await this.defaultLabel()) === undefined) await this.#writeDefault(label);
  }

  async remove(label: string): Promise<void> {
    await removeFile(this.#identityPath(label));
    if ((await this.#readDefault()) === label) await removeFile(join(this.folder, 'default'));
  }

  /** Undefined too when the identity it names was removed by hand. */
  async defaultLabel(): Promise<string | undefined> {
    const label = await this.#readDefault();
    return label !== undefined && (await this.get(label)) !== undefined ? label : undefined;
  }

  async setDefault(label: string): Promise<void> {
    if ((await this.get(label)) === undefined) throw notStored(label);
    await this.#writeDefault(label);
  }

  async anchors(domain: string): Promise<DomainAnchors | undefined> {
    return this.#readAnchors(this.#anchorsPath(domain));
  }

  async putAnchors(anchors: DomainAnchors): Promise<void> {
    const domain = parseDomain(anchors.domain);
    const roots = anchors.roots.map((root) => formatPem('CERTIFICATE', root.der));
    const text = JSON.stringify({ domain, roots, deniedKeys: anchors.deniedKeys ?? [] }, undefined, 2);
    await writeFileAtomic(this.#anchorsPath(domain), `${text}\n`);
  }

  async removeAnchors(domain: string): Promise<void> {
    await removeFile(this.#anchorsPath(domain));
  }

  async trust(): Promise<Trust> {
    const folder = join(this.folder, 'anchors');
    const all: DomainAnchors[] = [];
    for (const file of await listFiles(folder)) {
      const anchors = file.endsWith('.json') ? await this.#readAnchors(join(folder, file)) : undefined;
      if (anchors !== undefined) all.push(anchors);
    }
    return Trust.of(all);
  }

  #identityPath(label: string): string {
    return join(this.folder, 'identities', `${fileName(label)}.pem`);
  }

  #anchorsPath(domain: string): string {
    return join(this.folder, 'anchors', `${fileName(parseDomain(domain))}.json`);
  }

  async #readDefault(): Promise<string | undefined> {
    return (await readTextFile(join(this.folder, 'default'), MAX_FILE))?.trim();
  }

  async #writeDefault(label: string): Promise<void> {
    await writeFileAtomic(join(this.folder, 'default'), `${label}\n`);
  }

  async #readIdentity(path: string): Promise<Identity | undefined> {
    const text = await readPrivateFile(path, MAX_FILE);
    if (text === undefined) return undefined;
    return located(path, () => {
      const signer = readPrivateKey(this.#provider, text);
      const chain = parsePem(text).filter(({ label }) => label === 'CERTIFICATE');
      return identityFromChain(
        chain.map(({ der }) => der),
        signer,
      );
    });
  }

  async #readAnchors(path: string): Promise<DomainAnchors | undefined> {
    const text = await readTextFile(path, MAX_FILE);
    return text === undefined ? undefined : located(path, () => parseAnchors(path, text));
  }
}

function parseAnchors(path: string, text: string): DomainAnchors {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, 'it is not JSON', cause);
  }
  const { domain, roots, deniedKeys } = (value ?? {}) as Record<string, unknown>;
  if (typeof domain !== 'string' || !isStrings(roots) || !isStrings(deniedKeys))
    throw damaged(path, 'it lacks domain, roots or deniedKeys');
  const certificates = roots.flatMap((pem) => parsePemAs('CERTIFICATE', pem)).map(parseCertificate);
  return Object.freeze({ domain: parseDomain(domain), roots: certificates, deniedKeys });
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** 128 bits of SHA-256: one file per name, and no name in the folder listing. */
function fileName(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

/** Errors of parsing, with the file they came from. */
function located<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof IdentityError) || error.code.startsWith('ERR_IDENTITY_STORE')) throw error;
    throw damaged(path, error.message, error, error.code);
  }
}

function damaged(
  path: string,
  reason: string,
  cause?: unknown,
  code: IdentityErrorCode = 'ERR_IDENTITY_STORE',
): IdentityError {
  return new IdentityError(code, `file "${path}" is damaged: ${reason}`, {
    cause,
    hint: 'remove the file and enrol again, or restore it from a copy',
  });
}
