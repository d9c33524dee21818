/** `q2q id`: who we are; the verbs below it make, move and show identities. */
import type { Command } from 'commander';
import { groupPeerId, type PublicIdentity } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { addExamples } from '../help.ts';
import { existingStore, identityRecord, identityTitle, labelOf, openStore } from '../identities.ts';
import { addIdDevices } from './idDevices.ts';
import { addIdExport } from './idExport.ts';
import { addIdImport } from './idImport.ts';
import { addIdNew } from './idNew.ts';
import { addIdPassphrase } from './idPassphrase.ts';
import { addIdShow } from './idShow.ts';
import { addIdWords } from './idWords.ts';

export function addId(program: Command, run: Run): void {
  const id = program.command('id').description('our identities: show them, make them, move them');
  for (const add of [
    addIdList,
    addIdNew,
    addIdShow,
    addIdUse,
    addIdDevices,
    addIdWords,
    addIdExport,
    addIdImport,
    addIdPassphrase,
  ])
    add(id, run);
  addExamples(id, ['q2q id', 'q2q id new', 'q2q id show --qr', 'q2q id use alice@example.org']);
}

/** What `q2q id` alone does. */
function addIdList(id: Command, run: Run): void {
  id.command('list', { isDefault: true })
    .description('show our identities, their key ids and when they end')
    .option('--json', 'one JSON object an identity')
    .action((options: { json?: boolean }, command: Command) =>
      run(command, (context) => list(options, context)),
    );
}

function addIdUse(id: Command, run: Run): void {
  id.command('use')
    .description('make an identity the one that speaks when none is named')
    .argument('<identity>', 'user@domain or key:…')
    .action((name: string, _options: object, command: Command) =>
      run(command, async (context) => {
        const label = labelOf(name);
        await (await openStore(context)).setDefault(label);
        context.out.say(`${label} speaks now`);
        return undefined;
      }),
    );
}

async function list(options: { json?: boolean }, context: Context): Promise<undefined> {
  const { out } = context;
  const store = await existingStore(context);
  const usual = await store?.defaultLabel();
  for (const label of (await store?.list()) ?? []) {
    const identity = await store?.find(label);
    if (identity === undefined) continue; // removed a moment ago
    if (options.json === true) out.json(identityRecord(identity, label === usual));
    else for (const line of identityLines(identity, label === usual)) out.print(line);
  }
  if (usual === undefined)
    out.say('no identity yet: enroll with an invite (q2q enroll), or make a key (q2q id new)');
  return undefined;
}

function identityLines(identity: PublicIdentity, usual: boolean): readonly string[] {
  const { keyId, device, notAfter } = identity;
  return [
    identityTitle(identity, usual),
    ...(device === undefined ? [] : [`  device     ${device}`]),
    `  key id     ${groupPeerId(keyId)}`,
    `  valid to   ${new Date(notAfter).toISOString()}${notAfter < Date.now() ? '  EXPIRED' : ''}`,
  ];
}
