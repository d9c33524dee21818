/** `q2q enroll`: this device becomes a person's: by an invite, by the account's password, or by the grant of a device they have. */
import type { Command } from 'commander';
import type { Context, Run } from '../context.ts';
import { usage } from '../errors.ts';
import { addExamples } from '../help.ts';
import { type EnrollOptions, enrolByInvite } from './enrollInvite.ts';
import { enrolByPassword } from './enrollPassword.ts';

export function addEnroll(program: Command, run: Run): void {
  const enroll = program
    .command('enroll')
    .description('make a key on this device and have it certified: by an invite, or by a password')
    .argument('[user@domain]', 'whose device this becomes; an invite says so itself')
    .option('--invite-file <file>', 'where the invite is, "-" for stdin; default: $Q2Q_INVITE, else stdin')
    .option('--password', 'log in with the password of the account, asked for at the terminal')
    .option('--password-file <file>', 'the same, the password being the first line of this file')
    .option('--root <file>', 'with a password: the domain’s root certificate, where it is not known yet')
    .option('--relay <url>', 'with a password: the domain’s relay, where it is not known yet')
    .option('--device <label>', 'a name for this device; default: its host name')
    .option('--json', 'report as JSON on stdout')
    .action((who: string | undefined, options: EnrollOptions, command: Command) =>
      run(command, (context) => enrol(who, options, context)),
    );
  addExamples(enroll, [
    'q2q enroll < bob.invite',
    'q2q enroll --invite-file bob.invite --device laptop',
    'q2q enroll bob@example.org --password --root root.pem --relay wss://relay.example.org/',
  ]);
}

function enrol(who: string | undefined, options: EnrollOptions, context: Context): Promise<undefined> {
  const ways = {
    '--invite-file': options.inviteFile,
    '--password': options.password ?? options.passwordFile,
  };
  const named = Object.entries(ways).filter(([, value]) => value !== undefined);
  if (named.length > 1)
    throw usage(`${named.map(([name]) => name).join(' and ')} are two ways to enrol`, 'choose one');
  if (named[0]?.[0] === '--password') return enrolByPassword(who, options, context);
  if (options.root !== undefined || options.relay !== undefined)
    throw usage('--root and --relay go with --password', 'an invite brings both');
  return enrolByInvite(who, options, context);
}
