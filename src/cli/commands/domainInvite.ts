/** `q2q domain invite`: one line that enrols one device of one user, made where the domain's data is. */
import type { Command } from 'commander';
import { parseName } from '../../identity/index.ts';
import { formatInvite } from '../../peer/invite.ts';
import { parseDuration, parseRelayUrl } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { addDataOption, besideRelay, type DomainFolderOptions } from '../domainFolder.ts';
import { addExamples } from '../help.ts';

interface InviteOptions extends DomainFolderOptions {
  readonly relay?: string;
  readonly expires: string;
}

export function addDomainInvite(domain: Command, run: Run): void {
  const invite = domain
    .command('invite')
    .description('make an invite: whoever has the line enrols one device as that user, once')
    .argument('<user@domain>', 'who is invited');
  addDataOption(invite)
    .option(
      '--relay <url>',
      'the relay’s address as the invited person reaches it; default: as it was started',
    )
    .option('--expires <time>', 'how long it can be used', '24h')
    .action((who: string, options: InviteOptions, command: Command) =>
      run(command, (context) => makeInvite(who, options, context)),
    );
  addExamples(invite, [
    'q2q domain invite bob@example.org --data /var/lib/q2q',
    'q2q domain invite bob@example.org --data /var/lib/q2q --relay wss://relay.example.org --expires 1h > bob.invite',
  ]);
}

async function makeInvite(who: string, options: InviteOptions, context: Context): Promise<undefined> {
  const { out } = context;
  const { user, domain } = parseName(who);
  const lifetime = parseDuration(options.expires, '--expires');
  const url = options.relay === undefined ? undefined : parseRelayUrl(options.relay, '--relay');
  const invite = await besideRelay(options, context, domain, (service) =>
    service.invite(user, { lifetime, ...(url !== undefined && { url }) }),
  );
  out.print(formatInvite(invite));
  out.say(
    `invites ${who} until ${new Date(invite.expires).toISOString()}; pass it on where only they can read it`,
  );
  return undefined;
}
