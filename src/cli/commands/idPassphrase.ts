/** `q2q id passphrase`: what the keys on this device are under. */
import type { Command } from 'commander';
import type { Context, Run } from '../context.ts';
import { CliError } from '../errors.ts';
import { addExamples } from '../help.ts';
import { existingStore } from '../identities.ts';
import { newSecret } from '../passphrase.ts';

interface PassphraseOptions {
  readonly newFile?: string;
  /** True with --remove. */
  readonly remove?: boolean;
}

export function addIdPassphrase(id: Command, run: Run): void {
  const made = id
    .command('passphrase')
    .description('put the keys of this device under a passphrase, change it, or take it away; all at once')
    .option('--new-file <file>', 'the new one is the first line of this file, "-" for stdin; default: ask')
    .option('--remove', 'from now on the files alone protect the keys')
    .action((options: PassphraseOptions, command: Command) =>
      run(command, (context) => change(options, context)),
    );
  addExamples(made, ['q2q id passphrase', 'Q2Q_PASSPHRASE_FILE=old q2q id passphrase --new-file new']);
}

async function change(options: PassphraseOptions, context: Context): Promise<undefined> {
  const store = await existingStore(context);
  if (store === undefined || (await store.list()).length === 0) {
    throw new CliError('ERR_CLI_NO_IDENTITY', `no identity in ${context.home}`, {
      hint: 'make one first (q2q enroll, q2q id new): the passphrase is that of its key',
    });
  }
  const question = {
    file: options.newFile,
    message: 'New passphrase of our keys',
    what: 'passphrase',
  } as const;
  const otherwise = 'name a file with it: --new-file FILE, or say --remove';
  const next = options.remove === true ? undefined : await newSecret(question, otherwise, context);
  await store.changePassphrase(next);
  context.out.say(next === undefined ? 'our keys are in the clear' : 'our keys are under the passphrase');
  return undefined;
}
