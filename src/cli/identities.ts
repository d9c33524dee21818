/** The person's identities: which one speaks, and that commands which only look never make a folder. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PrivateKey } from '../crypto/provider.ts';
import { agentSigners } from '../identity/agent.node.ts';
import {
  type Identity,
  identityLabel,
  type PublicIdentity,
  parseAddress,
  parseCertificate,
  peerId,
} from '../identity/index.ts';
import { DirectoryIdentityStore } from '../identity/store.node.ts';
import type { StoredKeyOptions } from '../identity/storeKeys.ts';
import type { Context } from './context.ts';
import { CliError, usage } from './errors.ts';
import { fileError } from './files.ts';
import { readSecret } from './passphrase.ts';

/** The store, if the home folder is there. */
export async function existingStore(context: Context): Promise<DirectoryIdentityStore | undefined> {
  const found = await stat(context.home).catch(() => undefined);
  return found === undefined ? undefined : openStore(context);
}

/** The store, made if it is missing. */
export function openStore(context: Context): Promise<DirectoryIdentityStore> {
  return DirectoryIdentityStore.open(context.home, context.provider, keysOf(context));
}

/** The passphrase is asked for when a key is under one; whoever wants that says so by `q2q id passphrase`. */
function keysOf(context: Context): StoredKeyOptions {
  const { Q2Q_PASSPHRASE_FILE: file = '', SSH_AUTH_SOCK: agent = '' } = context.env;
  return {
    passphrase: (use) =>
      use === 'new'
        ? undefined
        : readSecret(
            { file: file === '' ? undefined : file, message: 'Passphrase of our keys', what: 'passphrase' },
            context,
          ),
    ...(agent === '' ? {} : { signers: agentSigners(agent) }),
  };
}

/** Fails before anything irrevocable is done elsewhere (an invite works once) if the home folder cannot take its result. */
export async function checkWritable({ home }: Context): Promise<void> {
  for (let path = home; ; path = dirname(path)) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined && dirname(path) !== path) continue;
    await access(path, constants.W_OK | constants.X_OK).catch((cause) => {
      throw fileError('home folder', home, cause);
    });
    return;
  }
}

/** The identity to speak for: as named on the command line, in the settings, or the store's default. */
export function chosenIdentity(
  context: Context,
  store: DirectoryIdentityStore | undefined,
  flag: string | undefined,
): Promise<Identity> {
  return chosen(context, store, flag, async (label) => store?.get(label));
}

/** The same, for those who only look: its key stays where it is, and no passphrase is asked for. */
export function shownIdentity(
  context: Context,
  store: DirectoryIdentityStore | undefined,
  flag: string | undefined,
): Promise<PublicIdentity> {
  return chosen(context, store, flag, async (label) => store?.find(label));
}

async function chosen<T>(
  context: Context,
  store: DirectoryIdentityStore | undefined,
  flag: string | undefined,
  read: (label: string) => Promise<T | undefined>,
): Promise<T> {
  const wanted = flag ?? context.settings().identity;
  const label = wanted === undefined ? await store?.defaultLabel() : labelOf(wanted);
  if (label === undefined) {
    throw new CliError('ERR_CLI_NO_IDENTITY', `no identity in ${context.home}`, {
      hint: 'enroll with an invite (q2q enroll), or make a key identity (q2q id new)',
    });
  }
  const identity = await read(label);
  if (identity !== undefined) return identity;
  throw new CliError('ERR_CLI_NO_IDENTITY', `no identity ${label} in ${context.home}`, {
    hint: 'list them: q2q id',
  });
}

/** `Alice@Example.org` → `alice@example.org`; `key:…` checked. */
export function labelOf(text: string): string {
  const address = parseAddress(text);
  if (address.protocol !== undefined) throw usage(`identity "${text}" has a protocol behind it`);
  return address.kind === 'key' ? `key:${address.id}` : `${address.user}@${address.domain}`;
}

/** The key itself, for what an agent or a device that keeps it does not do. */
export function ownKey(identity: Identity): PrivateKey {
  const { signer } = identity;
  if ('dangerousExport' in signer) return signer as PrivateKey;
  throw new CliError('ERR_CLI_NO_KEY', `the key of ${identityLabel(identity)} is not in a file of ours`, {
    hint: 'it stays where it is: in the agent, or in the device that holds it',
  });
}

/** The key of the user CA that signed the device, if one did. */
export function userCaOf({ chain }: PublicIdentity): string | undefined {
  const issuer = chain[1] === undefined ? undefined : parseCertificate(chain[1]);
  const mailbox = issuer?.nameConstraints?.permitted.email[0];
  return issuer?.isCa === true && mailbox?.includes('@') === true ? peerId(issuer.spki) : undefined;
}

/** What others remember us by, and compare: the user CA's key where there is one, for devices come and go. */
export function comparedKey(identity: PublicIdentity): string {
  return userCaOf(identity) ?? identity.keyId;
}

/** The first line about an identity. */
export function identityTitle(identity: PublicIdentity, usual: boolean): string {
  return `${identityLabel(identity)}${usual ? '  (speaks when none is named)' : ''}`;
}

/** For `--json` (docs/cli.md). */
export function identityRecord(identity: PublicIdentity, usual: boolean): object {
  const { name, keyId, device, notAfter } = identity;
  return {
    name: name ?? null,
    address: identityLabel(identity),
    keyId,
    device: device ?? null,
    userCa: userCaOf(identity) ?? null,
    expiresAt: new Date(notAfter).toISOString(),
    default: usual,
  };
}
