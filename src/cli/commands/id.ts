/** `q2q id`: who we are, and new key identities. */
import type { Command } from 'commander';
import { groupPeerId, type Identity, identityLabel, selfSignedIdentity } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { addExamples } from '../help.ts';
import { existingStore, labelOf, openStore } from '../identities.ts';

export function addId(program: Command, run: Run): void {
  const id = program
    .command('id')
    .description('show our identities, their key ids and when they end')
    .option('--json', 'one JSON object an identity')
    .action((options: { json?: boolean }, command: Command) =>
      run(command, (context) => list(options, context)),
    );
  addExamples(id, ['q2q id', 'q2q id new', 'q2q id use alice@example.org']);

  id.command('new')
    .description(
      'make an identity that is a key alone: no domain, no name, its address is the hash of the key',
    )
    .action((_options: object, command: Command) => run(command, create));

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
    const identity = await store?.get(label);
    if (identity === undefined) continue; // removed a moment ago
    if (options.json === true) out.json(identityRecord(identity, label === usual));
    else for (const line of identityLines(identity, label === usual)) out.print(line);
  }
  if (usual === undefined)
    out.say('no identity yet: enroll with an invite (q2q enroll), or make a key (q2q id new)');
  return undefined;
}

async function create(context: Context): Promise<undefined> {
  const key = context.provider.generateKey('ed25519');
  const identity = selfSignedIdentity(key, Date.now());
  await (await openStore(context)).put(identity, key);
  context.out.say('made a key identity; its address is');
  context.out.print(identityLabel(identity));
  return undefined;
}

function identityLines(identity: Identity, usual: boolean): string[] {
  const { name, keyId, device, notAfter } = identity;
  return [
    `${name ?? `key:${keyId}`}${usual ? '  (speaks when none is named)' : ''}`,
    ...(device === undefined ? [] : [`  device     ${device}`]),
    `  key id     ${groupPeerId(keyId)}`,
    `  valid to   ${new Date(notAfter).toISOString()}${notAfter < Date.now() ? '  EXPIRED' : ''}`,
  ];
}

function identityRecord(identity: Identity, usual: boolean): object {
  const { name, keyId, device, notAfter } = identity;
  return {
    name: name ?? null,
    address: identityLabel(identity),
    keyId,
    device: device ?? null,
    expiresAt: new Date(notAfter).toISOString(),
    default: usual,
  };
}
