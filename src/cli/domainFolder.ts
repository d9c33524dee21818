/** The data folder of a domain, which its relay may be serving at the same time. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { silent } from '../base/log.ts';
import { type AdminRequest, performAdmin } from '../relay/admin.ts';
import { askAdmin } from '../relay/adminSocket.node.ts';
import { DomainService } from '../relay/domain.ts';
import { hashByOpenSsl } from '../relay/scrypt.node.ts';
import { DirectoryDomainStore } from '../relay/store.node.ts';
import type { DomainStore, StoredDomain } from '../relay/store.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';

export interface DomainFolderOptions {
  readonly data: string;
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

/** Opens the domain for work that adds to it and changes nothing that the relay holds. */
export async function besideRelay<T>(
  { data }: DomainFolderOptions,
  context: Context,
  domain: string | undefined,
  work: (service: DomainService) => Promise<T>,
): Promise<T> {
  await checkDomainFolder(data);
  return withService(data, false, context, domain, work);
}

/** Changes the domain: the relay does it, and tells its peers, if it runs; else we do. */
export async function askDomain(
  { data }: DomainFolderOptions,
  request: AdminRequest,
  context: Context,
): Promise<object> {
  await checkDomainFolder(data);
  const answer = await askAdmin(data, request);
  return answer ?? withService(data, true, context, undefined, (service) => performAdmin(service, request));
}

async function withService<T>(
  data: string,
  exclusive: boolean,
  { provider }: Context,
  domain: string | undefined,
  work: (service: DomainService) => Promise<T>,
): Promise<T> {
  const store = await DirectoryDomainStore.open(data, { exclusive });
  try {
    return await work(
      await DomainService.open({
        ...{ store, provider, clock: systemClock, logger: silent, hashPassword: hashByOpenSsl },
        ...(domain !== undefined && { domain }),
      }),
    );
  } finally {
    await store.close();
  }
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
