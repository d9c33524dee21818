/** Enrolment by an invite: it says who, where, and which root to believe. */
import { password } from '@clack/prompts';
import { hex } from '../../base/bytes.ts';
import { parseName } from '../../identity/index.ts';
import { enrolOver } from '../../peer/enrol.ts';
import { type Invite, parseInvite } from '../../peer/invite.ts';
import { connectAny } from '../../transport/connectAny.node.ts';
import type { Context } from '../context.ts';
import { deviceLabel, finishEnrolment } from '../enrolment.ts';
import { CliError, usage } from '../errors.ts';
import { readText } from '../files.ts';
import { checkWritable } from '../identities.ts';
import { PendingKey } from '../pendingKey.ts';

export interface EnrollOptions {
  readonly inviteFile?: string;
  readonly password?: boolean;
  readonly passwordFile?: string;
  readonly code?: boolean;
  readonly grantFile?: string;
  readonly root?: string;
  readonly relay?: string;
  readonly device?: string;
  readonly json?: boolean;
}

export async function enrolByInvite(
  who: string | undefined,
  options: EnrollOptions,
  context: Context,
): Promise<undefined> {
  const { provider, signal } = context;
  const text = await readInvite(options, context);
  const invite = parseInvite(text); // a bad one is told before a key is made
  if (who !== undefined) checkInvited(who, invite);
  const device = deviceLabel(options.device);
  await checkWritable(context);
  const pending = await PendingKey.of(context, hex(invite.id));
  const { key } = pending;
  const enrolled = await enrolOver(text, {
    ...{ key, device, connect: connectAny, provider, signal },
    beforeAsking: () => pending.keep(),
  }).catch(async (error) => {
    await pending.failed(error);
    throw error;
  });
  await finishEnrolment(enrolled, options, context);
  await pending.forget();
  return undefined;
}

function checkInvited(who: string, { user, domain }: Invite): void {
  const wanted = parseName(who);
  if (wanted.user === user && wanted.domain === domain) return;
  throw usage(
    `the invite is for ${user}@${domain}, not for ${who}`,
    'ask for another invite, or leave the name out',
  );
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
