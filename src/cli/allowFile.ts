/** `--allow-file`: who may come in, from a file that is read again for everybody who knocks, as sshd does. */
import { type AllowList, type PeerIdentity, parseAllowList } from '../identity/index.ts';
import { explained } from './certificates.ts';
import type { Context } from './context.ts';
import { usage } from './errors.ts';
import { readText } from './files.ts';
import { describe } from './output.ts';

/** Throws now when the file cannot be used; one that breaks later lets nobody in, and is told of. */
export async function allowFile(
  path: string,
  { stdin, out }: Pick<Context, 'stdin' | 'out'>,
): Promise<(who: PeerIdentity) => Promise<boolean>> {
  if (path === '-') throw usage('--allow-file is "-"', 'it is read again and again: name a file');
  const read = async (): Promise<AllowList> => {
    const text = await readText(path, stdin, 'allow file');
    return explained('allow file', path, () => parseAllowList(text));
  };
  await read();
  return async (who) => {
    try {
      return (await read()).allows(who);
    } catch (error) {
      out.warn(`nobody is let in by the list: ${describe(error).message}`);
      return false;
    }
  };
}
