/** `q2q trust`: whom we believe about which domain, and whom we have met. Enrolling fills it; people check it. */
import type { Command } from 'commander';
import { parseDomain } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { addExamples } from '../help.ts';
import { existingStore, labelOf } from '../identities.ts';
import { isDomain, unknown } from '../known.ts';
import { forgetRelay } from '../relays.ts';
import { addTrustAdd } from './trustAdd.ts';
import { addTrustList } from './trustList.ts';
import { addTrustVerify } from './trustVerify.ts';

export function addTrust(program: Command, run: Run): void {
  const trust = program
    .command('trust')
    .description('whom we believe about which domain, and whom we have met');
  for (const add of [addTrustList, addTrustAdd, addTrustVerify, addTrustRemove]) add(trust, run);
  addExamples(trust, [
    'q2q trust add example.org --root root.pem --relay wss://relay.example.org/',
    'q2q trust list',
    'q2q trust verify bob@example.org',
  ]);
}

function addTrustRemove(trust: Command, run: Run): void {
  trust
    .command('remove')
    .description('believe nobody about a domain any more, or forget the keys of somebody we have met')
    .argument('<who>', 'a domain, user@domain or key:…')
    .action((who: string, _options: object, command: Command) =>
      run(command, (context) => (isDomain(who) ? removeDomain(who, context) : forgetPerson(who, context))),
    );
}

async function removeDomain(text: string, context: Context): Promise<undefined> {
  const domain = parseDomain(text);
  const store = await existingStore(context);
  if (store === undefined || (await store.anchors(domain)) === undefined) throw unknown(domain);
  await store.removeAnchors(domain);
  await forgetRelay(context, domain);
  return undefined;
}

async function forgetPerson(who: string, context: Context): Promise<undefined> {
  const label = labelOf(who);
  const store = await existingStore(context);
  if (store === undefined || (await store.pin(label)) === undefined) throw unknown(label);
  await store.removePin(label);
  context.out.say(`forgot ${label}: whoever shows that name next is taken for them`);
  return undefined;
}
