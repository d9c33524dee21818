/** `q2q domain invite`: one line that enrols one device of one user, made where the domain's data is. */
import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { parseCertificate, parseName } from '../../identity/index.ts';
import { formatInvite } from '../../peer/invite.ts';
import { createInvite } from '../../relay/invites.ts';
import { parseDuration, parseRelayUrl } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { addDataOption, type DomainFolderOptions, otherDomain, readDomain } from '../domainFolder.ts';
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
  const { out, provider } = context;
  const { user, domain } = parseName(who);
  const lifetime = parseDuration(options.expires, '--expires');
  const url = options.relay === undefined ? undefined : parseRelayUrl(options.relay, '--relay');
  const invite = await readDomain(options, async (held, store) => {
    if (held.domain !== domain) throw otherDomain(held.domain, domain);
    // An invite is not signed: it needs no root key.
    const authority = { domain, roots: held.roots.map(({ certificate }) => parseCertificate(certificate)) };
    const wishes = { lifetime, ...(url !== undefined && { url }) };
    return createInvite(authority, { store, provider, clock: systemClock }, user, wishes);
  });
  out.print(formatInvite(invite));
  out.say(
    `invites ${who} until ${new Date(invite.expires).toISOString()}; pass it on where only they can read it`,
  );
  return undefined;
}
