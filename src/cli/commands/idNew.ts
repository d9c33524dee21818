/** `q2q id new`: an identity that is a key alone. */
import type { Command } from 'commander';
import { identityLabel, selfSignedIdentity } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { addExamples } from '../help.ts';
import { openStore } from '../identities.ts';

export function addIdNew(id: Command, run: Run): void {
  const made = id
    .command('new')
    .description(
      'make an identity that is a key alone: no domain, no name, its address is the hash of the key',
    )
    .action((_options: object, command: Command) => run(command, create));
  addExamples(made, ['q2q id new']);
}

async function create(context: Context): Promise<undefined> {
  const key = context.provider.generateKey('ed25519');
  const identity = selfSignedIdentity(key, Date.now());
  await (await openStore(context)).put(identity, key);
  context.out.say('made a key identity; its address is');
  context.out.print(identityLabel(identity));
  return undefined;
}
