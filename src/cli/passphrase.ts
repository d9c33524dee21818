/** Passphrases and passwords: from a file or from a person at a terminal; never from the command line, which every user of the machine can read. */
import { password } from '@clack/prompts';
import { isQ2qError } from '../base/errors.ts';
import type { Context } from './context.ts';
import { CliError, usage } from './errors.ts';
import { readText } from './files.ts';

export interface SecretQuestion {
  /** `--passphrase-file`: its first line is the secret; "-" is stdin. */
  readonly file: string | undefined;
  /** What the terminal asks: `Passphrase of alice.pem`. */
  readonly message: string;
  readonly what: 'passphrase' | 'password';
}

/** The secret, or undefined when no file is named and nobody is there to be asked. */
export async function readSecret(
  { file, message, what }: SecretQuestion,
  context: Context,
): Promise<string | undefined> {
  if (file !== undefined) return fromFile(file, what, context);
  return context.stdin.isTTY === true ? ask(message, context) : undefined;
}

/** What `read` gives, with a passphrase only where it does not go without. */
export async function opened<T>(
  question: SecretQuestion,
  context: Context,
  read: (passphrase?: string) => T,
): Promise<T> {
  try {
    return read();
  } catch (error) {
    if (!isQ2qError(error) || error.code !== 'ERR_IDENTITY_PASSPHRASE_NEEDED') throw error;
    const secret = await readSecret(question, context);
    if (secret === undefined) throw error;
    return read(secret);
  }
}

/** A secret that is made now: typed twice at a terminal. `otherwise` says what else could be done. */
export async function newSecret(
  { file, message, what }: SecretQuestion,
  otherwise: string,
  context: Context,
): Promise<string> {
  if (file !== undefined) return fromFile(file, what, context);
  if (context.stdin.isTTY !== true)
    throw usage(`no ${what} was given, and there is no terminal to ask at`, otherwise);
  const first = await ask(message, context);
  if ((await ask('Once more', context)) !== first)
    throw new CliError('ERR_CLI_SECRET', 'the two are not the same');
  return first;
}

async function fromFile(file: string, what: string, { stdin }: Context): Promise<string> {
  const [line = ''] = (await readText(file, stdin, `${what} file`)).split(/\r?\n/, 1);
  if (line === '')
    throw new CliError(
      'ERR_CLI_FILE',
      `${what} file ${file === '-' ? '(stdin)' : file} begins with an empty line`,
    );
  return line;
}

async function ask(message: string, { out, signal }: Context): Promise<string> {
  const typed = await password({
    ...{ message, output: out.stderr, signal },
    validate: (text) => (text === undefined || text === '' ? 'type something' : undefined),
  });
  if (typeof typed !== 'string') throw new CliError('ERR_CLI_INTERRUPTED', 'nothing was typed');
  return typed;
}
