/**
 * `q2q trust verify`: people compared the key of somebody, or of a domain, over another way: by voice, on paper, by QR
 * code. What is compared is what we hold; nothing that is compared is ever taken from the network.
 */
import { confirm } from '@clack/prompts';
import type { Command } from 'commander';
import {
  groupPeerId,
  parseDomain,
  parsePeerId,
  pinFingerprint,
  Refusal,
  verifiedPin,
} from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { CliError, usage } from '../errors.ts';
import { addExamples } from '../help.ts';
import { existingStore, labelOf } from '../identities.ts';
import { isDomain, rootKeys, unknown } from '../known.ts';
import { areWordsOf, wordsOf } from '../words.ts';

interface VerifyOptions {
  readonly key?: string;
}

export function addTrustVerify(trust: Command, run: Run): void {
  const verify = trust
    .command('verify')
    .description('say that people compared the key of somebody we have met, or of a domain')
    .argument('<who>', 'user@domain, key:… or a domain')
    .argument('[words...]', 'the twelve words that the other side reads from q2q id words; default: ask')
    .option('--key <key id>', 'compare the key id instead, as from a QR code')
    .action((who: string, words: readonly string[], options: VerifyOptions, command: Command) =>
      run(command, (context) => verifyWho(who, words, options, context)),
    );
  addExamples(verify, [
    'q2q trust verify bob@example.org',
    'q2q trust verify bob@example.org abandon ability able …',
    'q2q trust verify example.org --key abcdefg-…',
  ]);
}

async function verifyWho(
  who: string,
  words: readonly string[],
  options: VerifyOptions,
  context: Context,
): Promise<undefined> {
  if (words.length > 0 && options.key !== undefined) throw usage('words and --key are two ways to compare');
  const said = options.key === undefined ? words.join(' ') : undefined;
  const compare = (keys: readonly string[], name: string): Promise<string> =>
    options.key === undefined ? byWords(keys, said!, name, context) : byKey(keys, options.key, name);
  if (isDomain(who)) await verifyDomain(parseDomain(who), compare, context);
  else await verifyPerson(labelOf(who), compare, context);
  return undefined;
}

/** Returns the key that is the same; throws when none is. */
type Compare = (keys: readonly string[], name: string) => Promise<string>;

async function verifyPerson(label: string, compare: Compare, context: Context): Promise<void> {
  const store = await existingStore(context);
  const pin = await store?.pin(label);
  if (store === undefined || pin === undefined) throw unknown(label);
  const key = await compare([pinFingerprint(pin)], label);
  await store.updatePin(label, (held) => {
    // Another process may have met them with another key meanwhile: that one nobody compared.
    if (held === undefined || pinFingerprint(held) !== key) throw changedMeanwhile(label);
    return verifiedPin(held);
  });
  context.out.say(`${label} is verified: the key ${groupPeerId(key)} is theirs`);
}

async function verifyDomain(domain: string, compare: Compare, context: Context): Promise<void> {
  const store = await existingStore(context);
  const anchors = await store?.anchors(domain);
  if (store === undefined || anchors === undefined) throw unknown(domain);
  const key = await compare(rootKeys(anchors), domain);
  await store.putAnchors({ ...anchors, source: 'pinned' });
  context.out.say(`${domain} is verified: the root key ${groupPeerId(key)} is its own`);
}

async function byKey(keys: readonly string[], text: string, name: string): Promise<string> {
  const key = parsePeerId(text.trim().replace(/^.*key:/i, ''));
  if (keys.includes(key)) return key;
  throw different(name, `here it is ${keys.map(groupPeerId).join(' or ')}`);
}

async function byWords(
  keys: readonly string[],
  words: string,
  name: string,
  context: Context,
): Promise<string> {
  if (words === '') return byPerson(keys, name, context);
  const same = keys.find((key) => areWordsOf(key, words));
  if (same !== undefined) return same;
  throw different(name, `here they are "${keys.map(wordsOf).join('" or "')}"`);
}

/** The person at the terminal hears the words and sees ours. */
async function byPerson(keys: readonly string[], name: string, context: Context): Promise<string> {
  const { out, signal, stdin } = context;
  if (stdin.isTTY !== true) throw usage('nothing to compare with', 'give the twelve words, or --key');
  const [key] = keys;
  out.tell(`Have ${name} read the words of q2q id words. Here they are`);
  out.tell(`  ${wordsOf(key!)}`);
  const answer = await confirm({
    ...{ message: 'Are all twelve the same?', initialValue: false, output: out.stderr, signal },
  });
  if (answer === true) return key!;
  if (answer === false) throw different(name, 'as you say');
  throw new CliError('ERR_CLI_INTERRUPTED', 'nothing was answered');
}

function different(name: string, detail: string): Refusal {
  return new Refusal(
    'ERR_IDENTITY_PIN_CHANGED',
    `that is not the key that ${name} is known by: ${detail}`,
    0,
    {
      hint: `send ${name} nothing; somebody may be between you, or answer in their place`,
    },
  );
}

function changedMeanwhile(label: string): CliError {
  return new CliError('ERR_CLI_CONFIG', `what is known of ${label} changed meanwhile`, {
    hint: 'compare again',
  });
}
