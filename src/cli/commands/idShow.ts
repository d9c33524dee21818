/** `q2q id show`: everything about one of our identities that another person may know. */
import type { Command } from 'commander';
import { renderUnicodeCompact } from 'uqr';
import { groupPeerId, identityLabel, type PublicIdentity, parseCertificate } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { addExamples } from '../help.ts';
import {
  comparedKey,
  existingStore,
  identityRecord,
  identityTitle,
  shownIdentity,
  userCaOf,
} from '../identities.ts';
import { wordsOf } from '../words.ts';

interface ShowOptions {
  readonly qr?: boolean;
  readonly json?: boolean;
}

export function addIdShow(id: Command, run: Run): void {
  const show = id
    .command('show')
    .description('show one identity: address, key id, words to compare, device, who vouches for it')
    .argument('[identity]', 'user@domain or key:…; default: the one that speaks')
    .option('--qr', 'draw the address and the key id as a QR code')
    .option('--json', 'one JSON object')
    .action((name: string | undefined, options: ShowOptions, command: Command) =>
      run(command, (context) => showIdentity(name, options, context)),
    );
  addExamples(show, ['q2q id show', 'q2q id show alice@example.org --qr']);
}

async function showIdentity(
  name: string | undefined,
  options: ShowOptions,
  context: Context,
): Promise<undefined> {
  const { out } = context;
  const store = await existingStore(context);
  const identity = await shownIdentity(context, store, name);
  const usual = (await store?.defaultLabel()) === identityLabel(identity);
  if (options.json === true)
    out.json({ ...identityRecord(identity, usual), words: wordsOf(comparedKey(identity)) });
  else for (const line of lines(identity, usual)) out.print(line);
  if (options.qr === true) for (const line of qrLines(identity)) out.print(line);
  return undefined;
}

function lines(identity: PublicIdentity, usual: boolean): readonly string[] {
  const { keyId, device, notAfter, chain } = identity;
  const { notBefore } = parseCertificate(chain[0]!);
  const userCa = userCaOf(identity);
  return [
    identityTitle(identity, usual),
    ...(device === undefined ? [] : [`  device     ${device}`]),
    `  key id     ${groupPeerId(keyId)}`,
    ...(userCa === undefined ? [] : [`  user CA    ${groupPeerId(userCa)}`]),
    `  words      ${wordsOf(comparedKey(identity))}`,
    `  valid      ${new Date(notBefore).toISOString()}`,
    `  to         ${new Date(notAfter).toISOString()}${notAfter < Date.now() ? '  EXPIRED' : ''}`,
  ];
}

/** What another device needs to know whom it meets: the address and, where it is a name, the key behind it. */
function qrLines({ name, keyId }: PublicIdentity): readonly string[] {
  const text = name === undefined ? `key:${keyId}` : `${name} key:${keyId}`;
  return renderUnicodeCompact(text, { ecc: 'M', border: 2 }).split('\n');
}
