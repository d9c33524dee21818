/** `q2q domain init`: a new domain in a folder, before any relay serves it. */
import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { silent } from '../../base/log.ts';
import { groupPeerId, parseDomain, peerId } from '../../identity/index.ts';
import { DomainService } from '../../relay/domain.ts';
import { DirectoryDomainStore } from '../../relay/store.node.ts';
import type { Context, Run } from '../context.ts';
import { type DomainFolderOptions, holdsDomain } from '../domainFolder.ts';
import { CliError } from '../errors.ts';
import { addExamples } from '../help.ts';
import { readSecret } from '../passphrase.ts';
import { wordsOf } from '../words.ts';

interface InitOptions extends DomainFolderOptions {
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

export function addDomainInit(domain: Command, run: Run): void {
  const init = domain
    .command('init')
    .description('make a domain: its root key, which signs everybody in it')
    .argument('<name>', 'the domain, such as example.org')
    .requiredOption('--data <dir>', 'folder of everything the domain must remember; made if it is missing')
    .option('--passphrase-file <file>', 'encrypt the root key with the first line of this file')
    .option('--json', 'report as JSON on stdout')
    .action((name: string, options: InitOptions, command: Command) =>
      run(command, (context) => makeDomain(name, options, context)),
    );
  addExamples(init, [
    'q2q domain init example.org --data /var/lib/q2q',
    'q2q domain init example.org --data /var/lib/q2q --passphrase-file secret',
  ]);
}

async function makeDomain(
  name: string,
  { data, passphraseFile, json }: InitOptions,
  context: Context,
): Promise<undefined> {
  const { out, provider } = context;
  const domain = parseDomain(name);
  if (await holdsDomain(data)) {
    throw new CliError('ERR_CLI_FILE', `data folder ${data} holds a domain already`, {
      hint: 'a domain is made once; name another folder',
    });
  }
  const passphrase =
    passphraseFile === undefined
      ? undefined
      : await readSecret({ file: passphraseFile, message: '', what: 'passphrase' }, context);
  const store = await DirectoryDomainStore.open(data, { exclusive: true });
  try {
    const service = await DomainService.open({
      ...{ store, provider, clock: systemClock, logger: silent, domain },
      ...(passphrase !== undefined && { passphrase }),
    });
    const rootKey = peerId(service.authority.root.spki);
    const words = wordsOf(rootKey);
    if (json === true) out.json({ event: 'made', domain, rootKey, words });
    else {
      out.say(`made ${domain} in ${data}: keep that folder, and keep it from others`);
      out.say(`root key ${groupPeerId(rootKey)}`);
      out.say(`its words: ${words}`);
    }
  } finally {
    await store.close();
  }
  return undefined;
}
