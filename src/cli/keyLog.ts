/** `--keylog FILE`: NSS key log lines, appended. Whoever reads them reads the connection, so the file is the owner's. */
import { appendFileSync } from 'node:fs';
import { fileError } from './files.ts';

/** Fails at once, not at the first handshake, when the file cannot be written. */
export function keyLogTo(path: string): (line: string) => void {
  const append = (text: string): void => {
    try {
      appendFileSync(path, text, { mode: 0o600 });
    } catch (cause) {
      throw fileError('key log', path, cause);
    }
  };
  append('');
  return (line) => append(line.endsWith('\n') ? line : `${line}\n`);
}
