/** Enrolment by the password of an account, which leaves only for a domain whose root is known. */
import { createHash } from 'node:crypto';
import { parseName, Trust } from '../../identity/index.ts';
import { loginOver } from '../../peer/enrol.ts';
import { connectAny } from '../../transport/connectAny.node.ts';
import { parseRelayUrl } from '../arguments.ts';
import type { Context } from '../context.ts';
import { deviceLabel, finishEnrolment } from '../enrolment.ts';
import { CliError, usage } from '../errors.ts';
import { checkWritable, existingStore } from '../identities.ts';
import { readSecret } from '../passphrase.ts';
import { PendingKey } from '../pendingKey.ts';
import { relayOf } from '../relays.ts';
import { readRoots } from '../roots.ts';
import type { EnrollOptions } from './enrollInvite.ts';

export async function enrolByPassword(
  who: string | undefined,
  options: EnrollOptions,
  context: Context,
): Promise<undefined> {
  const { provider, signal } = context;
  if (who === undefined)
    throw usage('a password is somebody’s', 'say whose: q2q enroll bob@example.org --password');
  const { user, domain } = parseName(who);
  const name = `${user}@${domain}`;
  const device = deviceLabel(options.device);
  const trust = await trustIn(domain, options, context);
  const url = await relayUrl(domain, options, context);
  await checkWritable(context);
  const password = await readSecret(
    { file: options.passwordFile, message: `Password of ${name}`, what: 'password' },
    context,
  );
  if (password === undefined)
    throw usage(
      'no password was given, and there is no terminal to ask at',
      'name a file with it: --password-file FILE',
    );
  const pending = await PendingKey.of(context, createHash('sha256').update(name).digest('hex').slice(0, 16));
  const { key } = pending;
  const enrolled = await loginOver(
    { name, password, url, trust },
    { ...{ key, device, connect: connectAny, provider, signal }, beforeAsking: () => pending.keep() },
  ).catch(async (error) => {
    await pending.failed(error);
    throw error;
  });
  await finishEnrolment(enrolled, options, context);
  await pending.forget();
  return undefined;
}

/** The root named, or the one we hold: a password is for the right domain only. */
async function trustIn(domain: string, { root }: EnrollOptions, context: Context): Promise<Trust> {
  if (root !== undefined) return Trust.of([{ domain, roots: await readRoots(root, context.stdin) }]);
  const held = await (await existingStore(context))?.anchors(domain);
  if (held !== undefined) return Trust.of([held]);
  throw new CliError('ERR_CLI_CONFIG', `no root of ${domain} is known here`, {
    hint: 'name its file: --root FILE; get it by a way you trust',
  });
}

async function relayUrl(domain: string, { relay }: EnrollOptions, context: Context): Promise<string> {
  if (relay !== undefined) return parseRelayUrl(relay, '--relay');
  const known = await relayOf(context, domain);
  if (known !== undefined) return known;
  throw new CliError('ERR_CLI_CONFIG', `no relay of ${domain} is known here`, {
    hint: 'name it: --relay URL',
  });
}
