/** `q2q domain revoke`: what the domain takes back; everybody who is connected hears of it at once. */
import type { Command } from 'commander';
import { groupPeerId, parseName, parsePeerId } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { addKeyOptions, askDomain, type DomainKeyOptions, userOf } from '../domainFolder.ts';
import { usage } from '../errors.ts';
import { addExamples } from '../help.ts';

interface RevokeOptions extends DomainKeyOptions {
  readonly issuer?: string;
  readonly serial?: string;
}

export function addDomainRevoke(domain: Command, run: Run): void {
  const revoke = domain
    .command('revoke')
    .description('withdraw a key, a person or one certificate; live channels are cut')
    .argument('[who]', 'key:… with all that it signed, or user@domain with every device');
  addKeyOptions(revoke)
    .option('--issuer <key>', 'with --serial: the key id of who issued the one certificate')
    .option('--serial <hex>', 'with --issuer: its serial number, as q2q cert show prints it')
    .action((who: string | undefined, options: RevokeOptions, command: Command) =>
      run(command, (context) => revokeIt(who, options, context)),
    );
  addExamples(revoke, [
    'q2q domain revoke key:abcdefg-… --data /var/lib/q2q',
    'q2q domain revoke bob@example.org --data /var/lib/q2q',
    'q2q domain revoke --issuer key:abcdefg-… --serial 5f:01:… --data /var/lib/q2q',
  ]);
}

async function revokeIt(
  who: string | undefined,
  options: RevokeOptions,
  context: Context,
): Promise<undefined> {
  const { out } = context;
  const { issuer, serial } = options;
  if ((issuer === undefined) !== (serial === undefined)) throw usage('--issuer and --serial go together');
  if ((who === undefined) === (issuer === undefined))
    throw usage('what to revoke is not said, or said twice', 'a key, a person, or --issuer with --serial');
  if (issuer !== undefined) {
    const number = serialOf(serial!);
    await askDomain(options, { do: 'revoke', issuer: keyOf(issuer), serial: number }, context);
    out.say(`the certificate ${number} proves nothing any more`);
  } else if (who!.includes('@')) {
    await askDomain(options, { do: 'revoke', user: await userOf(who!, options) }, context);
    const { user, domain } = parseName(who!);
    out.say(`${user}@${domain} is out, with every device; q2q domain accounts unblock lets them in again`);
  } else {
    const keyId = keyOf(who!);
    await askDomain(options, { do: 'revoke', keyId }, context);
    out.say(`the key ${groupPeerId(keyId)} proves nothing any more, nor does what it signed`);
  }
  return undefined;
}

function keyOf(text: string): string {
  return parsePeerId(text.replace(/^key:/i, ''));
}

/** As `cert show` prints it, as openssl does, or plain. */
function serialOf(text: string): string {
  const digits = text.toLowerCase().replace(/^0x|[:\s]/g, '');
  if (/^([0-9a-f]{2}){1,20}$/.test(digits)) return digits;
  throw usage(`--serial is "${text}", wanted a serial number in hex`);
}
