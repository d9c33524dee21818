/** `q2q enroll`: an invite becomes an identity on this device. */
import { hostname } from 'node:os';
import { password } from '@clack/prompts';
import type { Command } from 'commander';
import {
  type DomainAnchors,
  groupPeerId,
  type IdentityStore,
  identityLabel,
  peerId,
} from '../../identity/index.ts';
import { enrolOver } from '../../peer/enrol.ts';
import { parseInvite } from '../../peer/invite.ts';
import { connectAny } from '../../transport/connectAny.node.ts';
import type { Context, Run } from '../context.ts';
import { CliError, usage } from '../errors.ts';
import { readText } from '../files.ts';
import { addExamples } from '../help.ts';
import { checkWritable, openStore } from '../identities.ts';
import { PendingKey } from '../pendingKey.ts';
import { rememberRelay } from '../relays.ts';

interface EnrollOptions {
  readonly inviteFile?: string;
  readonly device?: string;
  readonly json?: boolean;
}

export function addEnroll(program: Command, run: Run): void {
  const enroll = program
    .command('enroll')
    .description('make a key on this device and have the domain certify it, by an invite')
    .option('--invite-file <file>', 'where the invite is, "-" for stdin; default: $Q2Q_INVITE, else stdin')
    .option('--device <label>', 'a name for this device; default: its host name')
    .option('--json', 'report as JSON on stdout')
    .action((options: EnrollOptions, command: Command) => run(command, (context) => enrol(options, context)));
  addExamples(enroll, ['q2q enroll < bob.invite', 'q2q enroll --invite-file bob.invite --device laptop']);
}

async function enrol(options: EnrollOptions, context: Context): Promise<undefined> {
  const { out, provider, signal } = context;
  const text = await readInvite(options, context);
  const invite = parseInvite(text); // a bad one is told before a key is made
  const device = deviceLabel(options.device);
  await checkWritable(context);
  const pending = await PendingKey.of(context, invite);
  const { key } = pending;
  const { identity, anchors, relay } = await enrolOver(text, {
    key,
    device,
    beforeAsking: () => pending.keep(),
    connect: connectAny,
    provider,
    signal,
  }).catch(async (error) => {
    await pending.failed(error);
    throw error;
  });
  const store = await openStore(context);
  await believe(store, anchors);
  await rememberRelay(context, relay.domain, relay.url);
  await store.put(identity, key); // last: an identity that is there is whole
  await pending.forget();
  const { keyId, notAfter } = identity;
  const expiresAt = new Date(notAfter).toISOString();
  if (options.json === true) {
    out.json({
      event: 'enrolled',
      address: identityLabel(identity),
      keyId,
      device,
      expiresAt,
      relay: relay.url,
    });
    return undefined;
  }
  out.say(`this device is ${identityLabel(identity)} now, by relay ${relay.url}`);
  out.say(`key id ${groupPeerId(keyId)}, certificate until ${expiresAt}, renewed while you listen or dial`);
  return undefined;
}

/**
 * The invite's pin proves the root. Where we hold it already we may know more of the domain, such as what it has
 * withdrawn; another root means that the domain began anew, and the person who took the invite wants that.
 */
async function believe(store: IdentityStore, anchors: DomainAnchors): Promise<void> {
  const held = (await store.anchors(anchors.domain))?.roots.map(({ spki }) => peerId(spki)) ?? [];
  if (anchors.roots.some(({ spki }) => held.includes(peerId(spki)))) return;
  await store.putAnchors(anchors, { replace: true });
}

/** From a file, stdin or the environment; never from the command line, where every user of the machine can read it. */
async function readInvite(options: EnrollOptions, { env, stdin, out }: Context): Promise<string> {
  if (options.inviteFile !== undefined) return readText(options.inviteFile, stdin, 'invite file');
  const given = env['Q2Q_INVITE'];
  if (given !== undefined && given !== '') return given;
  if (stdin.isTTY !== true) return readText('-', stdin, 'invite');
  const typed = await password({ message: 'Invite', output: out.stderr });
  if (typeof typed !== 'string') throw new CliError('ERR_CLI_INTERRUPTED', 'no invite was given');
  return typed;
}

function deviceLabel(flag: string | undefined): string {
  const label =
    flag ??
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64);
  if (flag !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(flag)) {
    throw usage(
      `--device is "${flag}"`,
      'a label has 1 to 64 letters, digits and "._-", and begins with a letter or digit',
    );
  }
  return label;
}
