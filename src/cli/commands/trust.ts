/** `q2q trust`: whom we believe about which domain. Enrolling does this by itself; key peers do it by hand. */
import type { Command } from 'commander';
import { groupPeerId, parseDomain, peerId } from '../../identity/index.ts';
import { parseRelayUrl } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { addExamples } from '../help.ts';
import { existingStore, openStore } from '../identities.ts';
import { allRelays, rememberRelay } from '../relays.ts';
import { readRoots } from '../roots.ts';

interface AddOptions {
  readonly root: string;
  readonly relay?: string;
}

export function addTrust(program: Command, run: Run): void {
  const trust = program.command('trust').description('whom we believe about which domain');
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
  trust
    .command('list')
    .description('show the domains we know, their roots and relays')
    .option('--json', 'one JSON object a domain')
    .action((options: { json?: boolean }, command: Command) =>
      run(command, (context) => listAnchors(options, context)),
    );
  trust
    .command('remove')
    .description('believe nobody about a domain any more')
    .argument('<domain>', 'the domain')
    .action((domain: string, _options: object, command: Command) =>
      run(command, async (context) => {
        await (await existingStore(context))?.removeAnchors(parseDomain(domain));
        return undefined;
      }),
    );
}

async function addAnchors(text: string, options: AddOptions, context: Context): Promise<undefined> {
  const domain = parseDomain(text);
  if (options.relay !== undefined) parseRelayUrl(options.relay, '--relay');
  const roots = await readRoots(options.root, context.stdin);
  await (await openStore(context)).putAnchors({ domain, roots }, { replace: true });
  if (options.relay !== undefined) await rememberRelay(context, domain, options.relay);
  context.out.say(
    `${domain} is vouched for by the key ${roots.map(({ spki }) => groupPeerId(peerId(spki))).join(' or ')}`,
  );
  return undefined;
}

async function listAnchors(options: { json?: boolean }, context: Context): Promise<undefined> {
  const store = await existingStore(context);
  const relays = new Map(store === undefined ? [] : await allRelays(context));
  for (const domain of (await store?.trust())?.domains ?? []) {
    const keys = ((await store?.anchors(domain))?.roots ?? []).map(({ spki }) => peerId(spki));
    const relay = relays.get(domain);
    if (options.json === true) context.out.json({ domain, roots: keys, relay: relay ?? null });
    else
      context.out.print(
        `${domain}\n  root key   ${keys.map(groupPeerId).join(' or ')}\n  relay      ${relay ?? 'none'}`,
      );
  }
  return undefined;
}
