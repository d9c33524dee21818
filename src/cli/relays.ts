/** Which relay serves which domain: `relays.json` in the home folder, written when enrolling. */
import { join } from 'node:path';
import { readTextFile, writeFileAtomic } from '../identity/files.node.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';

type Relays = Readonly<Record<string, string>>;

const MAX_FILE = 1_048_576;

export async function relayOf(context: Context, domain: string): Promise<string | undefined> {
  return (await readRelays(context))[domain];
}

/** Every domain we know a relay of, and its relay. */
export async function allRelays(
  context: Context,
): Promise<readonly (readonly [domain: string, url: string])[]> {
  return Object.entries(await readRelays(context));
}

export async function rememberRelay(context: Context, domain: string, url: string): Promise<void> {
  const relays = { ...(await readRelays(context)), [domain]: url };
  await writeFileAtomic(pathOf(context), `${JSON.stringify(relays, undefined, 2)}\n`);
}

export async function forgetRelay(context: Context, domain: string): Promise<void> {
  const { [domain]: known, ...others } = await readRelays(context);
  if (known !== undefined)
    await writeFileAtomic(pathOf(context), `${JSON.stringify(others, undefined, 2)}\n`);
}

async function readRelays(context: Context): Promise<Relays> {
  const path = pathOf(context);
  const text = await readTextFile(path, MAX_FILE);
  if (text === undefined) return {};
  try {
    const value = JSON.parse(text) as unknown;
    if (isRelays(value)) return value;
  } catch {
    // not JSON: told below
  }
  throw new CliError('ERR_CLI_CONFIG', `${path} holds no relay addresses by domain`, {
    hint: 'remove it and enroll again',
  });
}

function isRelays(value: unknown): value is Relays {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((url) => typeof url === 'string')
  );
}

function pathOf({ home }: Context): string {
  return join(home, 'relays.json');
}
