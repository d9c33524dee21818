/** Root certificates from a file that the person got by a way they trust. */
import type { Readable } from 'node:stream';
import type { Certificate } from '../identity/index.ts';
import { readCertificates } from './certificates.ts';
import { CliError } from './errors.ts';

export async function readRoots(file: string, stdin: Readable): Promise<readonly Certificate[]> {
  const roots = await readCertificates(file, stdin);
  if (roots.every((root) => root.isCa)) return roots;
  throw new CliError('ERR_CLI_FILE', `certificate file ${file} holds no root certificate`);
}
