/** `q2q domain accounts`: who is in a domain, and by which devices. */
import type { Command } from 'commander';
import { groupPeerId } from '../../identity/index.ts';
import type { Account } from '../../relay/store.ts';
import type { Context, Run } from '../context.ts';
import { addDataOption, besideRelay, type DomainFolderOptions } from '../domainFolder.ts';
import { addExamples } from '../help.ts';

interface ListOptions extends DomainFolderOptions {
  readonly json?: boolean;
}

export function addDomainAccounts(domain: Command, run: Run): void {
  const accounts = domain.command('accounts').description('the people of the domain');
  const list = accounts
    .command('list', { isDefault: true })
    .description('show the people of the domain and their devices');
  addDataOption(list)
    .option('--json', 'one JSON object an account')
    .action((options: ListOptions, command: Command) =>
      run(command, (context) => listAccounts(options, context)),
    );
  addExamples(accounts, ['q2q domain accounts --data /var/lib/q2q']);
}

async function listAccounts(options: ListOptions, context: Context): Promise<undefined> {
  const { out } = context;
  const [domain, accounts] = await besideRelay(options, context, undefined, async (service) => [
    service.domain,
    await service.accounts(),
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
      ({ label, keyId, since }) =>
        `  ${(label === '' ? 'device' : label).padEnd(9)}  ${groupPeerId(keyId)}  since ${day(since)}`,
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
    devices: devices.map(({ keyId, label, since }) => ({
      keyId,
      label,
      since: new Date(since).toISOString(),
    })),
  };
}
