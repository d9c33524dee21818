/** `q2q invite`: one line that enrols one device of one user, made where the domain's data is. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { silent } from '../../base/log.ts';
import { parseName } from '../../identity/index.ts';
import { formatInvite } from '../../peer/invite.ts';
import { DomainService } from '../../relay/domain.ts';
import { DirectoryDomainStore } from '../../relay/store.node.ts';
import { parseDuration } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { CliError, usage } from '../errors.ts';
import { addExamples } from '../help.ts';

interface InviteOptions {
  readonly data: string;
  readonly relay?: string;
  readonly expires: string;
}

export function addInvite(program: Command, run: Run): void {
  const invite = program
    .command('invite')
    .description('make an invite: whoever has the line enrols one device as that user, once')
    .argument('<user@domain>', 'who is invited')
    .requiredOption('--data <dir>', 'the data folder of the domain’s relay, which may be running')
    .option(
      '--relay <url>',
      'the relay’s address as the invited person reaches it; default: as it was started',
    )
    .option('--expires <time>', 'how long it can be used', '24h')
    .action((who: string, options: InviteOptions, command: Command) =>
      run(command, (context) => makeInvite(who, options, context)),
    );
  addExamples(invite, [
    'q2q invite bob@example.org --data /var/lib/q2q',
    'q2q invite bob@example.org --data /var/lib/q2q --relay wss://relay.example.org --expires 1h > bob.invite',
  ]);
}

async function makeInvite(
  who: string,
  options: InviteOptions,
  { out, provider }: Context,
): Promise<undefined> {
  const { user, domain } = parseName(who);
  const lifetime = parseDuration(options.expires, '--expires');
  if (options.relay !== undefined && !/^(wss?|tcp):\/\//.test(options.relay)) {
    throw usage(`--relay is "${options.relay}", wanted ws://, wss:// or tcp://`);
  }
  await checkDomainFolder(options.data);
  const store = await DirectoryDomainStore.open(options.data, { exclusive: false });
  try {
    const service = await DomainService.open({ store, provider, clock: systemClock, logger: silent, domain });
    const invite = await service.invite(user, { lifetime, ...(options.relay && { url: options.relay }) });
    out.print(formatInvite(invite));
    out.say(
      `invites ${who} until ${new Date(invite.expires).toISOString()}; pass it on where only they can read it`,
    );
  } finally {
    await store.close();
  }
  return undefined;
}

/** Opening the store of a folder that holds no domain would make one. */
async function checkDomainFolder(folder: string): Promise<void> {
  const found = await stat(join(folder, 'domain.json')).catch(() => undefined);
  if (found !== undefined) return;
  throw new CliError('ERR_CLI_FILE', `data folder ${folder} holds no domain`, {
    hint: 'start the relay once with that folder: it makes the domain',
  });
}
