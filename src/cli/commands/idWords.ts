/** `q2q id words`: a key as twelve words, to be read to somebody who knows the voice. */
import type { Command } from 'commander';
import { parsePeerId, pinFingerprint } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { CliError } from '../errors.ts';
import { addExamples } from '../help.ts';
import { comparedKey, existingStore, labelOf, shownIdentity } from '../identities.ts';
import { wordsOf } from '../words.ts';

export function addIdWords(id: Command, run: Run): void {
  const words = id
    .command('words')
    .description('print the twelve words of a key, for comparing by voice')
    .argument('[who]', 'one of our identities, somebody we have met, or a key id; default: who speaks')
    .action((who: string | undefined, _options: object, command: Command) =>
      run(command, async (context) => {
        context.out.print(wordsOf(await keyOf(who, context)));
        return undefined;
      }),
    );
  addExamples(words, ['q2q id words', 'q2q id words bob@example.org', 'q2q id words key:abcdefg-…']);
}

async function keyOf(who: string | undefined, context: Context): Promise<string> {
  const bare = who?.replace(/^key:/i, '');
  if (bare !== undefined && !bare.includes('@')) return parsePeerId(bare);
  const store = await existingStore(context);
  if (who === undefined) return comparedKey(await shownIdentity(context, store, who));
  const label = labelOf(who);
  const own = await store?.find(label);
  if (own !== undefined) return comparedKey(own);
  const pin = await store?.pin(label);
  if (pin !== undefined) return pinFingerprint(pin);
  throw new CliError('ERR_CLI_NO_IDENTITY', `${label} is neither one of us nor somebody we have met`, {
    hint: 'q2q id and q2q trust list show who is known here',
  });
}
