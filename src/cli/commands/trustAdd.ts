/** `q2q trust add`: a domain's root, from a file that came by a way the person trusts. */
import type { Command } from 'commander';
import { groupPeerId, parseDomain } from '../../identity/index.ts';
import { parseRelayUrl } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { addExamples } from '../help.ts';
import { openStore } from '../identities.ts';
import { rootKeys } from '../known.ts';
import { rememberRelay } from '../relays.ts';
import { readRoots } from '../roots.ts';
import { wordsOf } from '../words.ts';

interface AddOptions {
  readonly root: string;
  readonly relay?: string;
}

export function addTrustAdd(trust: Command, run: Run): void {
  const add = trust
    .command('add')
    .description('believe a root certificate about a domain; get the file by a way you trust')
    .argument('<domain>', 'the domain')
    .requiredOption('--root <file>', 'its root certificate, PEM or DER, "-" for stdin')
    .option('--relay <url>', 'its relay, ws://, wss:// or tcp://')
    .action((domain: string, options: AddOptions, command: Command) =>
      run(command, (context) => addAnchors(domain, options, context)),
    );
  addExamples(add, ['q2q trust add example.org --root root.pem --relay wss://relay.example.org/']);
}

async function addAnchors(text: string, options: AddOptions, context: Context): Promise<undefined> {
  const { out } = context;
  const domain = parseDomain(text);
  if (options.relay !== undefined) parseRelayUrl(options.relay, '--relay');
  const anchors = { domain, roots: await readRoots(options.root, context.stdin) };
  await (await openStore(context)).putAnchors(anchors, { replace: true });
  if (options.relay !== undefined) await rememberRelay(context, domain, options.relay);
  for (const key of rootKeys(anchors)) {
    out.say(`${domain} is vouched for by the key ${groupPeerId(key)}`);
    out.say(`its words: ${wordsOf(key)}`);
  }
  return undefined;
}
