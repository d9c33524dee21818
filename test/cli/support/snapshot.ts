/** What a folder holds, to see that a failed command changed nothing. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Rights and content of everything in the folder, by path; what a domain was asked for and refused is in its log. */
export function snapshot(folder: string): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (basename(name) === 'audit.log') continue;
    const path = join(folder, name);
    const stat = lstatSync(path);
    const content = stat.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
    entries[name] = `${stat.mode.toString(8)} ${content}`;
  }
  return entries;
}
