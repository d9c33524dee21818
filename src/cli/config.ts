/**
 * Where a person's identities and settings live: `--home DIR`, else `$Q2Q_HOME`, else the platform's place for
 * configuration. Flags win over the environment, the environment over `config.json` in that folder.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import envPaths from 'env-paths';
import { CliError } from './errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export function homeFolder(flag: string | undefined, env: Environment): string {
  const chosen = flag ?? nonEmpty(env['Q2Q_HOME']);
  return chosen === undefined ? envPaths('q2q', { suffix: '' }).config : resolve(chosen);
}

export interface Settings {
  /** Which identity speaks when there are several: `alice@example.org` or `key:…`. */
  readonly identity?: string;
  /** The relay of key identities; enrolled ones have their domain's. */
  readonly relay?: string;
}

const KEYS: readonly (keyof Settings)[] = ['identity', 'relay'];

export function readSettings(home: string, env: Environment): Settings {
  const file = settingsFile(join(home, 'config.json'));
  const identity = nonEmpty(env['Q2Q_IDENTITY']) ?? file.identity;
  const relay = nonEmpty(env['Q2Q_RELAY']) ?? file.relay;
  return { ...(identity === undefined ? {} : { identity }), ...(relay === undefined ? {} : { relay }) };
}

function settingsFile(path: string): Settings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new CliError('ERR_CLI_CONFIG', `${path} cannot be read`, { cause });
  }
  return checkSettings(path, parseJson(path, text));
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError('ERR_CLI_CONFIG', `${path} is not JSON`, { cause });
  }
}

function checkSettings(path: string, value: unknown): Settings {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CliError('ERR_CLI_CONFIG', `${path} holds no JSON object`);
  }
  for (const [key, setting] of Object.entries(value)) {
    if (!(KEYS as readonly string[]).includes(key)) {
      throw new CliError('ERR_CLI_CONFIG', `${path} has the unknown setting "${key}"`, {
        hint: `known settings: ${KEYS.join(', ')}`,
      });
    }
    if (typeof setting !== 'string') {
      throw new CliError('ERR_CLI_CONFIG', `${path}: "${key}" is ${typeof setting}, wanted a string`);
    }
  }
  return value as Settings;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
