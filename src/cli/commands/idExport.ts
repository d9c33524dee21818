/** `q2q id export`: an identity in one file, to move it or to keep it: key and chain, under a passphrase unless told. */
import type { Command } from 'commander';
import {
  formatPem,
  type Identity,
  identityLabel,
  writeEncryptedPrivateKey,
  writePrivateKey,
} from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { usage } from '../errors.ts';
import { checkNew, writeNew } from '../files.ts';
import { addExamples } from '../help.ts';
import { chosenIdentity, existingStore, ownKey } from '../identities.ts';
import { newSecret } from '../passphrase.ts';

interface ExportOptions {
  readonly out?: string;
  readonly passphraseFile?: string;
  /** False with --no-passphrase. */
  readonly passphrase: boolean;
}

export function addIdExport(id: Command, run: Run): void {
  const made = id
    .command('export')
    .description(
      'write an identity, key and certificates, as PEM; the key is encrypted unless you say otherwise',
    )
    .argument('[identity]', 'user@domain or key:…; default: the one that speaks')
    .option('--out <file>', 'a new file, mode 0600, or "-" for stdout; default: stdout, but never a terminal')
    .option('--passphrase-file <file>', 'encrypt with the first line of this file; default: ask')
    .option('--no-passphrase', 'do not encrypt: whoever has the file is you')
    .action((name: string | undefined, options: ExportOptions, command: Command) =>
      run(command, (context) => exportIdentity(name, options, context)),
    );
  addExamples(made, [
    'q2q id export --out alice.pem',
    'q2q id export alice@example.org --passphrase-file secret --out alice.pem',
    'q2q id export --no-passphrase | ssh phone q2q id import -',
  ]);
}

async function exportIdentity(
  name: string | undefined,
  options: ExportOptions,
  context: Context,
): Promise<undefined> {
  const { out } = context;
  if (options.out === undefined && (out.stdout as { isTTY?: boolean }).isTTY === true) {
    throw usage('a key would be printed on the terminal', 'name a file: --out FILE, or say --out -');
  }
  const toFile = options.out !== undefined && options.out !== '-' ? options.out : undefined;
  if (toFile !== undefined) checkNew('file', toFile);
  const identity = await chosenIdentity(context, await existingStore(context), name);
  const text = (await keyBlock(identity, options, context)) + chainBlocks(identity);
  if (toFile === undefined) out.stdout.write(text);
  else {
    writeNew('file', toFile, text);
    out.say(`wrote ${identityLabel(identity)} to ${toFile}`);
  }
  return undefined;
}

async function keyBlock(identity: Identity, options: ExportOptions, context: Context): Promise<string> {
  const key = ownKey(identity);
  if (!options.passphrase) return writePrivateKey(key);
  const message = `New passphrase for the key of ${identityLabel(identity)}`;
  const otherwise = 'name a file with it: --passphrase-file FILE, or say --no-passphrase';
  const secret = await newSecret(
    { file: options.passphraseFile, message, what: 'passphrase' },
    otherwise,
    context,
  );
  return writeEncryptedPrivateKey(key, secret, context.provider);
}

function chainBlocks({ chain }: Identity): string {
  return chain.map((certificate) => formatPem('CERTIFICATE', certificate)).join('');
}
