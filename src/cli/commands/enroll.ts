/** `q2q enroll`: this device becomes a person's: by an invite, by the account's password, or by the grant of a device they have. */
import type { Command } from 'commander';
import type { Context, Run } from '../context.ts';
import { usage } from '../errors.ts';
import { addExamples } from '../help.ts';
import { enrolByCode, enrolByGrant } from './enrollCode.ts';
import { type EnrollOptions, enrolByInvite } from './enrollInvite.ts';
import { enrolByPassword } from './enrollPassword.ts';

export function addEnroll(program: Command, run: Run): void {
  const enroll = program
    .command('enroll')
    .description(
      'make a key on this device and have it certified: by an invite, a password or a device you have',
    )
    .argument('[user@domain]', 'whose device this becomes; an invite says so itself')
    .option('--invite-file <file>', 'where the invite is, "-" for stdin; default: $Q2Q_INVITE, else stdin')
    .option('--password', 'log in with the password of the account, asked for at the terminal')
    .option('--password-file <file>', 'the same, the password being the first line of this file')
    .option('--code', 'print a code for q2q id devices add, on a device you have, and take its grant')
    .option('--grant-file <file>', 'where the grant is that answers an earlier --code, "-" for stdin')
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
    'q2q enroll --code --device phone',
    'q2q enroll bob@example.org --password --root root.pem --relay wss://relay.example.org/',
  ]);
}

function enrol(who: string | undefined, options: EnrollOptions, context: Context): Promise<undefined> {
  const { inviteFile, password, passwordFile, code, grantFile } = options;
  const ways = Object.entries({
    '--invite-file': inviteFile,
    '--password': password ?? passwordFile,
    '--code': code,
    '--grant-file': grantFile,
  }).filter(([, value]) => value !== undefined);
  const names = ways.map(([name]) => name);
  if (names.length > 1) throw usage(`${names.join(' and ')} are two ways to enrol`, 'choose one');
  if (names[0] === '--password') return enrolByPassword(who, options, context);
  if (options.root !== undefined || options.relay !== undefined)
    throw usage('--root and --relay go with --password', 'invites and grants bring both');
  if (code === true) return enrolByCode(who, options, context);
  if (grantFile !== undefined) return enrolByGrant(who, grantFile, options, context);
  return enrolByInvite(who, options, context);
}
