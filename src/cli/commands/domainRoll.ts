/** `q2q domain roll`: a new root key; the old one answers for it until it is let go. */
import type { Command } from 'commander';
import { groupPeerId, parseCertificate, peerId } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { addKeyOptions, askDomain, type DomainKeyOptions, readDomain } from '../domainFolder.ts';
import { addExamples } from '../help.ts';
import { wordsOf } from '../words.ts';

interface RollOptions extends DomainKeyOptions {
  readonly finish?: boolean;
}

export function addDomainRoll(domain: Command, run: Run): void {
  const roll = domain
    .command('roll')
    .description('change the root key: a new one that the old one answers for; later, let the old one go');
  addKeyOptions(roll)
    .option('--finish', 'let the old root go: what only it signed proves nothing any more')
    .action((options: RollOptions, command: Command) =>
      run(command, (context) => rollRoot(options, context)),
    );
  addExamples(roll, [
    'q2q domain roll --data /var/lib/q2q',
    'q2q domain roll --finish --data /var/lib/q2q     a week later, when every certificate was renewed',
  ]);
}

async function rollRoot(options: RollOptions, context: Context): Promise<undefined> {
  const { out } = context;
  await askDomain(options, { do: options.finish === true ? 'retire' : 'roll' }, context);
  const keys = await readDomain(options, async ({ roots }) =>
    roots.map(({ certificate }) => peerId(parseCertificate(certificate).spki)),
  );
  const [newest, older] = keys;
  out.say(`root key ${groupPeerId(newest!)}`);
  out.say(`its words: ${wordsOf(newest!)}`);
  if (older === undefined) out.say('it is the only one now');
  else
    out.say(
      `${groupPeerId(older)} is believed beside it: q2q domain roll --finish, when certificates are renewed`,
    );
  return undefined;
}
