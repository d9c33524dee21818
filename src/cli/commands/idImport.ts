/** `q2q id import`: an identity from a file, ours or of another tool's making. */
import type { Command } from 'commander';
import { equalBytes } from '../../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../../crypto/provider.ts';
import {
  type Certificate,
  type CredentialBundle,
  groupPeerId,
  type Identity,
  IdentityError,
  identityFromChain,
  identityLabel,
  readCredentialBundle,
  readPkcs12,
  readPrivateKey,
  selfSignedIdentity,
} from '../../identity/index.ts';
import { DER_SEQUENCE, explained } from '../certificates.ts';
import type { Context, Run } from '../context.ts';
import { CliError } from '../errors.ts';
import { readBytes } from '../files.ts';
import { addExamples } from '../help.ts';
import { openStore } from '../identities.ts';
import { opened } from '../passphrase.ts';

interface ImportOptions {
  readonly passphraseFile?: string;
  readonly replace?: boolean;
}

export function addIdImport(id: Command, run: Run): void {
  const made = id
    .command('import')
    .description('take over an identity: a key with its certificates, or a key alone as a key identity')
    .argument('<file>', 'PEM with one key and its chain, or PKCS#12, "-" for stdin')
    .option('--passphrase-file <file>', 'the first line of this file opens it; default: ask')
    .option('--replace', 'also when we are that name already, with another key: that one is lost')
    .action((file: string, options: ImportOptions, command: Command) =>
      run(command, (context) => importIdentity(file, options, context)),
    );
  addExamples(made, ['q2q id import alice.pem', 'q2q id import - --passphrase-file secret < alice.p12']);
}

async function importIdentity(file: string, options: ImportOptions, context: Context): Promise<undefined> {
  const { key, chain } = await readCredentials(file, options, context);
  const identity = chain.length === 0 ? selfSignedIdentity(key, Date.now()) : fromChain(file, chain, key);
  const label = identityLabel(identity);
  const store = await openStore(context);
  const held = await store.find(label);
  if (held !== undefined && held.keyId !== identity.keyId && options.replace !== true) {
    throw new CliError('ERR_CLI_FILE', `${label} is here already, with the key ${groupPeerId(held.keyId)}`, {
      hint: 'say --replace to lose that key',
    });
  }
  await store.put(identity, key);
  context.out.say(`imported ${label}`);
  if (identity.name !== undefined) context.out.say(`key id ${groupPeerId(identity.keyId)}`);
  await tellWhatIsMissing(identity, context);
  return undefined;
}

interface Credentials {
  readonly key: PrivateKey;
  /** Leaf first; empty when the file has a key alone. */
  readonly chain: readonly Uint8Array[];
}

async function readCredentials(file: string, options: ImportOptions, context: Context): Promise<Credentials> {
  const bytes = await readBytes(file, context.stdin, 'identity file');
  const question = {
    ...{ file: options.passphraseFile, message: `Passphrase of ${file}` },
    what: 'passphrase',
  } as const;
  return opened(question, context, (passphrase) =>
    explained('identity file', file, () => readAny(bytes, passphrase, context.provider)),
  );
}

/** PKCS#12 as DER; as PEM a key with its chain, or a key alone. */
function readAny(bytes: Uint8Array, passphrase: string | undefined, provider: CryptoProvider): Credentials {
  if (bytes[0] === DER_SEQUENCE) {
    if (passphrase === undefined)
      throw new IdentityError('ERR_IDENTITY_PASSPHRASE_NEEDED', 'a PKCS#12 file is opened by its password', {
        hint: 'name a file with it: --passphrase-file FILE',
      });
    return withoutRoot(readPkcs12(bytes, passphrase, provider));
  }
  const text = new TextDecoder().decode(bytes);
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    return { key: readPrivateKey(provider, text, passphrase), chain: [] };
  return withoutRoot(readCredentialBundle(provider, text, passphrase));
}

/** A root says nothing to those who believe it, and nothing to those who do not. */
function withoutRoot({ key, chain }: CredentialBundle): Credentials {
  const isRoot = ({ isCa, subject, issuer }: Certificate): boolean => isCa && equalBytes(subject, issuer);
  const rest = chain.filter((certificate, i) => i === 0 || !isRoot(certificate));
  return { key, chain: rest.map(({ der }) => der) };
}

function fromChain(file: string, chain: readonly Uint8Array[], key: PrivateKey): Identity {
  return explained('identity file', file, () => identityFromChain(chain, key));
}

/** A name is of use to those who know its domain's root and its relay. */
async function tellWhatIsMissing({ name }: Identity, context: Context): Promise<void> {
  const domain = name?.split('@')[1];
  if (domain === undefined) return;
  const store = await openStore(context);
  if ((await store.anchors(domain)) === undefined)
    context.out.say(`nothing is known of ${domain} here yet: q2q trust add ${domain}`);
}
