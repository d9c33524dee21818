/** The data folder of a domain, which its relay may be serving at the same time. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { isQ2qError } from '../base/errors.ts';
import { silent } from '../base/log.ts';
import { parseName } from '../identity/index.ts';
import { type AdminRequest, performAdmin } from '../relay/admin.ts';
import { askAdmin } from '../relay/adminSocket.node.ts';
import { DomainService } from '../relay/domain.ts';
import { RelayError } from '../relay/errors.ts';
import { hashByOpenSsl } from '../relay/scrypt.node.ts';
import { DirectoryDomainStore } from '../relay/store.node.ts';
import type { DomainStore, StoredDomain } from '../relay/store.ts';
import type { Context } from './context.ts';
import { CliError, usage } from './errors.ts';
import { readSecret } from './passphrase.ts';

export interface DomainFolderOptions {
  readonly data: string;
}

/** Of verbs that need the root key where no relay runs that holds it. */
export interface DomainKeyOptions extends DomainFolderOptions {
  readonly passphraseFile?: string;
}

export function addKeyOptions(command: Command): Command {
  return addDataOption(command).option(
    '--passphrase-file <file>',
    'where no relay runs and the root key is encrypted: its first line opens it; default: ask',
  );
}

export function addDataOption(command: Command): Command {
  return command.requiredOption('--data <dir>', 'the data folder of the domain; its relay may be running');
}

/** For those who only look, and need no key for it. */
export async function readDomain<T>(
  { data }: DomainFolderOptions,
  work: (domain: StoredDomain, store: DomainStore) => Promise<T>,
): Promise<T> {
  await checkDomainFolder(data);
  const store = await DirectoryDomainStore.open(data, { exclusive: false });
  try {
    return await work((await store.domain())!, store);
  } finally {
    await store.close();
  }
}

/** Changes the domain: the relay does it, and tells its peers, if it runs; else we do. */
export async function askDomain(
  { data, passphraseFile }: DomainKeyOptions,
  request: AdminRequest,
  context: Context,
): Promise<object> {
  await checkDomainFolder(data);
  const answer = await askAdmin(data, request);
  if (answer !== undefined) return answer;
  const { provider } = context;
  const store = await DirectoryDomainStore.open(data, { exclusive: true });
  try {
    return await withPassphrase(passphraseFile, data, context, async (passphrase) => {
      const service = await DomainService.open({
        ...{ store, provider, clock: systemClock, logger: silent, hashPassword: hashByOpenSsl },
        ...(passphrase !== undefined && { passphrase }),
      });
      return performAdmin(service, request);
    });
  } finally {
    await store.close();
  }
}

/** Does `work` without a passphrase, or with it where the root key needs one. */
export async function withPassphrase<T>(
  file: string | undefined,
  data: string,
  context: Context,
  work: (passphrase?: string) => Promise<T>,
): Promise<T> {
  if (file === undefined) {
    try {
      return await work();
    } catch (error) {
      if (!isQ2qError(error) || error.code !== 'ERR_IDENTITY_PASSPHRASE_NEEDED') throw error;
      const message = `Passphrase of the root key in ${data}`;
      const typed = await readSecret({ file: undefined, message, what: 'passphrase' }, context);
      if (typed === undefined) throw error;
      return work(typed);
    }
  }
  return work(await readSecret({ file, message: '', what: 'passphrase' }, context));
}

export async function holdsDomain(folder: string): Promise<boolean> {
  return (await stat(join(folder, 'domain.json')).catch(() => undefined)) !== undefined;
}

/** Opening the store of a folder that holds no domain would make one. */
async function checkDomainFolder(folder: string): Promise<void> {
  if (await holdsDomain(folder)) return;
  throw new CliError('ERR_CLI_FILE', `data folder ${folder} holds no domain`, {
    hint: 'make one: q2q domain init, or start the relay with --domain',
  });
}

export function otherDomain(held: string, asked: string): RelayError {
  return new RelayError(
    'ERR_RELAY_OTHER_DOMAIN',
    `the data holds the domain ${held}, asked for was ${asked}`,
  );
}

/** The user, who must be one of this domain. */
export async function userOf(who: string, options: DomainFolderOptions): Promise<string> {
  const { user, domain } = parseName(who);
  return readDomain(options, async (held) => {
    if (held.domain !== domain) throw usage(`${who} is not of ${held.domain}, whose data this is`);
    return user;
  });
}
