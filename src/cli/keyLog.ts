/** `--keylog FILE`: NSS key log lines, appended. Whoever reads them reads the connection, so the file is its owner's. */
import { appendLine, checkAppendable } from './files.ts';

/** Fails at once, not at the first handshake, when the file cannot be written. */
export function keyLogTo(path: string): (line: string) => void {
  checkAppendable('key log', path);
  return (line) => appendLine('key log', path, line);
}
