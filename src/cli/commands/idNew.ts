/** `q2q id new`: an identity that is a key alone. */
import type { Command } from 'commander';
import { identityLabel, selfSignedIdentity } from '../../identity/index.ts';
import { agentIdentity } from '../agentIdentity.ts';
import type { Context, Run } from '../context.ts';
import { addExamples } from '../help.ts';
import { openStore } from '../identities.ts';

interface NewOptions {
  readonly agent?: string | true;
}

export function addIdNew(id: Command, run: Run): void {
  const made = id
    .command('new')
    .description(
      'make an identity that is a key alone: no domain, no name, its address is the hash of the key',
    )
    .option(
      '--agent [key]',
      'the key stays in the ssh agent of $SSH_AUTH_SOCK: its comment or key id, or its only one',
    )
    .action((options: NewOptions, command: Command) => run(command, (context) => create(options, context)));
  addExamples(made, ['q2q id new', 'q2q id new --agent alice@laptop']);
}

async function create({ agent }: NewOptions, context: Context): Promise<undefined> {
  const identity =
    agent === undefined
      ? selfSignedIdentity(context.provider.generateKey('ed25519'), Date.now())
      : await agentIdentity(agent, context);
  await (await openStore(context)).put(identity);
  context.out.say('made a key identity; its address is');
  context.out.print(identityLabel(identity));
  return undefined;
}
