/**
 * Enrolment by a device that the person has already: this one shows a code, that one answers with a grant, which a person
 * carries back. The domain is not asked. The key is kept between the two steps, however long that takes.
 */
import { text } from '@clack/prompts';
import { createCsr, formatDeviceRequest, parseDeviceGrant } from '../../identity/index.ts';
import type { Context } from '../context.ts';
import { deviceLabel, finishEnrolment, grantedIdentity } from '../enrolment.ts';
import { CliError } from '../errors.ts';
import { readText } from '../files.ts';
import { checkWritable } from '../identities.ts';
import { PendingKey } from '../pendingKey.ts';
import type { EnrollOptions } from './enrollInvite.ts';

/** One device waits for one grant at a time. */
const PENDING = 'by-code';

export async function enrolByCode(
  who: string | undefined,
  options: EnrollOptions,
  context: Context,
): Promise<undefined> {
  const { out, stdin } = context;
  const device = deviceLabel(options.device);
  await checkWritable(context);
  const pending = await PendingKey.of(context, PENDING);
  await pending.keep();
  out.print(formatDeviceRequest({ device, csr: createCsr(pending.key) }));
  out.say('give this code to q2q id devices add on a device that you have');
  if (stdin.isTTY !== true) {
    out.say('then bring its grant here: q2q enroll --grant-file FILE');
    return undefined;
  }
  const typed = await text({ message: 'Grant', output: out.stderr, signal: context.signal });
  if (typeof typed !== 'string')
    throw new CliError('ERR_CLI_INTERRUPTED', 'no grant was given', {
      hint: 'the code stays good: q2q enroll --grant-file FILE',
    });
  return finish(who, typed, pending, options, context);
}

export async function enrolByGrant(
  who: string | undefined,
  file: string,
  options: EnrollOptions,
  context: Context,
): Promise<undefined> {
  const line = await readText(file, context.stdin, 'grant file');
  const pending = await PendingKey.of(context, PENDING);
  if (!pending.isKept) {
    throw new CliError('ERR_CLI_CONFIG', 'this device waits for no grant', {
      hint: 'begin with q2q enroll --code: a grant is for the key that it made',
    });
  }
  return finish(who, line, pending, options, context);
}

async function finish(
  who: string | undefined,
  line: string,
  pending: PendingKey,
  options: EnrollOptions,
  context: Context,
): Promise<undefined> {
  const enrolled = grantedIdentity(who, parseDeviceGrant(line), pending.key, context);
  await finishEnrolment(enrolled, options, context);
  await pending.forget();
  return undefined;
}
