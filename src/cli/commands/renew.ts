/** `q2q renew`: a new certificate now, rather than at two thirds of this one's life. */
import type { Command } from 'commander';
import {
  createCsr,
  formatDeviceRequest,
  type Identity,
  identityLabel,
  parseDeviceGrant,
} from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { type Endpoint, openEndpoint } from '../endpoint.ts';
import { grantedIdentity } from '../enrolment.ts';
import { usage } from '../errors.ts';
import { readText } from '../files.ts';
import { addExamples } from '../help.ts';
import { chosenIdentity, existingStore, openStore, ownKey } from '../identities.ts';
import { certifiedAuthority, heldAuthority, isSignedBy, nameOf, signOurselves } from '../ownDevices.ts';

interface RenewOptions {
  readonly code?: boolean;
  readonly grantFile?: string;
  readonly relay?: string;
  readonly json?: boolean;
}

export function addRenew(program: Command, run: Run): void {
  const renew = program
    .command('renew')
    .description('get a new certificate now; it happens by itself while you listen or dial')
    .argument('[identity]', 'user@domain; default: who speaks')
    .option('--code', 'print a code for q2q id devices add, where another device of ours signed this one')
    .option('--grant-file <file>', 'where its grant is, "-" for stdin')
    .option('--relay <url>', 'the relay to use; default: the domain’s')
    .option('--json', 'report as JSON on stdout')
    .action((name: string | undefined, options: RenewOptions, command: Command) =>
      run(command, (context) => renewNow(name, options, context)),
    );
  addExamples(renew, ['q2q renew', 'q2q renew --code > laptop.code', 'q2q renew --grant-file laptop.grant']);
}

async function renewNow(
  name: string | undefined,
  options: RenewOptions,
  context: Context,
): Promise<undefined> {
  if (options.code === true && options.grantFile !== undefined)
    throw usage('--code and --grant-file are two steps', 'the code first, then the grant that answers it');
  if (options.code === true) return printCode(name, context);
  const renewed =
    options.grantFile === undefined
      ? await byNetwork(name, options, context)
      : await byGrant(name, options.grantFile, context);
  const expiresAt = new Date(renewed.notAfter).toISOString();
  const address = identityLabel(renewed);
  if (options.json === true) context.out.json({ event: 'renewed', address, keyId: renewed.keyId, expiresAt });
  else context.out.say(`${address} has a certificate until ${expiresAt}`);
  return undefined;
}

async function byNetwork(
  name: string | undefined,
  { relay }: RenewOptions,
  context: Context,
): Promise<Identity> {
  const wishes = { ...(name !== undefined && { as: name }), ...(relay !== undefined && { relay }) };
  const endpoint = await openEndpoint(wishes, context);
  try {
    nameOf(endpoint.identity);
    return await next(endpoint, context);
  } finally {
    await endpoint.peer.close();
  }
}

/** By our own CA, where it signed us and is here; else by the domain. */
async function next(endpoint: Endpoint, context: Context): Promise<Identity> {
  const { peer, identity, store } = endpoint;
  const own = await heldAuthority(endpoint, context);
  if (own !== undefined && isSignedBy(identity, own))
    return signOurselves(await certifiedAuthority(own, endpoint, context), endpoint, context);
  const renewed = await peer.renew({ signal: context.signal });
  await store.put(renewed);
  return renewed;
}

async function printCode(name: string | undefined, context: Context): Promise<undefined> {
  const identity = await chosenIdentity(context, await existingStore(context), name);
  const { device = 'device' } = identity;
  nameOf(identity);
  context.out.print(formatDeviceRequest({ device, csr: createCsr(ownKey(identity)) }));
  context.out.say('give this code to q2q id devices add where the user CA is, and bring its grant here:');
  context.out.say('q2q renew --grant-file FILE');
  return undefined;
}

async function byGrant(name: string | undefined, file: string, context: Context): Promise<Identity> {
  const grant = parseDeviceGrant(await readText(file, context.stdin, 'grant file'));
  const held = await chosenIdentity(context, await existingStore(context), name ?? grant.name);
  const { identity } = grantedIdentity(nameOf(held), grant, held.signer, context);
  await (await openStore(context)).put(identity);
  return identity;
}
