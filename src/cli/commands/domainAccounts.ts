/** `q2q domain accounts`: who is in a domain, by which devices, and their passwords. */
import type { Command } from 'commander';
import { groupPeerId } from '../../identity/index.ts';
import type { Account } from '../../relay/store.ts';
import type { Context, Run } from '../context.ts';
import {
  addDataOption,
  addKeyOptions,
  askDomain,
  type DomainFolderOptions,
  type DomainKeyOptions,
  readDomain,
  userOf,
} from '../domainFolder.ts';
import { addExamples } from '../help.ts';
import { newSecret } from '../passphrase.ts';

interface ListOptions extends DomainFolderOptions {
  readonly json?: boolean;
}

interface PasswordOptions extends DomainKeyOptions {
  readonly passwordFile?: string;
}

export function addDomainAccounts(domain: Command, run: Run): void {
  const accounts = domain
    .command('accounts')
    .description('the people of the domain: list them, let them in, put them out');
  for (const add of [addList, addPassword, addBlock, addUnblock]) add(accounts, run);
  addExamples(accounts, [
    'q2q domain accounts --data /var/lib/q2q',
    'q2q domain accounts password bob@example.org --data /var/lib/q2q',
  ]);
}

/** What `q2q domain accounts` alone does. */
function addList(accounts: Command, run: Run): void {
  const list = accounts
    .command('list', { isDefault: true })
    .description('show the people of the domain and their devices');
  addDataOption(list)
    .option('--json', 'one JSON object an account')
    .action((options: ListOptions, command: Command) =>
      run(command, (context) => listAccounts(options, context)),
    );
}

function addPassword(accounts: Command, run: Run): void {
  const password = accounts
    .command('password')
    .description('set a password by which the person enrols devices: q2q enroll --password')
    .argument('<user@domain>', 'whose password; the account is made if there is none');
  addKeyOptions(password)
    .option('--password-file <file>', 'its first line is the password, "-" for stdin; default: ask')
    .action((who: string, options: PasswordOptions, command: Command) =>
      run(command, (context) => setPassword(who, options, context)),
    );
}

function addBlock(accounts: Command, run: Run): void {
  const block = accounts
    .command('block')
    .description('put somebody out, with every device: the same as q2q domain revoke user@domain')
    .argument('<user@domain>', 'who');
  addKeyOptions(block).action((who: string, options: DomainKeyOptions, command: Command) =>
    run(command, async (context) => {
      await askDomain(options, { do: 'revoke', user: await userOf(who, options) }, context);
      context.out.say(`${who} is out`);
      return undefined;
    }),
  );
}

function addUnblock(accounts: Command, run: Run): void {
  const unblock = accounts
    .command('unblock')
    .description('let somebody in again, with the devices that were not revoked one by one')
    .argument('<user@domain>', 'who');
  addKeyOptions(unblock).action((who: string, options: DomainKeyOptions, command: Command) =>
    run(command, async (context) => {
      await askDomain(options, { do: 'unblock', user: await userOf(who, options) }, context);
      context.out.say(`${who} is in again`);
      return undefined;
    }),
  );
}

async function listAccounts(options: ListOptions, { out }: Context): Promise<undefined> {
  const [domain, accounts] = await readDomain(options, async ({ domain }, store) => [
    domain,
    await store.accounts(),
  ]);
  for (const account of accounts) {
    if (options.json === true) out.json(accountRecord(account, domain));
    else for (const line of accountLines(account, domain)) out.print(line);
  }
  if (accounts.length === 0) out.say(`nobody is in ${domain} yet: q2q domain invite`);
  return undefined;
}

function accountLines({ user, blocked, devices }: Account, domain: string): readonly string[] {
  return [
    `${user}@${domain}${blocked ? '  BLOCKED' : ''}`,
    ...devices.map(
      ({ label, keyId, since, revoked }) =>
        `  ${(label === '' ? 'device' : label).padEnd(9)}  ${groupPeerId(keyId)}  since ${day(since)}${revoked === undefined ? '' : '  REVOKED'}`,
    ),
  ];
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function accountRecord({ user, created, blocked, devices }: Account, domain: string): object {
  return {
    name: `${user}@${domain}`,
    created: new Date(created).toISOString(),
    blocked,
    devices: devices.map(({ keyId, label, since, revoked }) => ({
      keyId,
      label,
      since: new Date(since).toISOString(),
      revoked: revoked !== undefined,
    })),
  };
}

async function setPassword(who: string, options: PasswordOptions, context: Context): Promise<undefined> {
  const user = await userOf(who, options);
  const password = await newSecret(
    { file: options.passwordFile, message: `New password of ${who}`, what: 'password' },
    'name a file with it: --password-file FILE',
    context,
  );
  await askDomain(options, { do: 'password', user, password }, context);
  context.out.say(`${who} can enrol devices with that password: q2q enroll --password ${who}`);
  return undefined;
}
