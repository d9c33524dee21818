/** Text for people. Whatever came over the network enters the page through `textContent`, never as HTML. */
import { isQ2qError, provider } from '../../src/index.ts';

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** SHA-256 of a public key, in groups that an eye can keep. */
export function fingerprint(spki: Uint8Array): string {
  return hex(provider.hash('sha256').update(spki).digest()).replace(/.{4}(?=.)/g, '$& ');
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

export function problem(error: unknown): string {
  if (isQ2qError(error)) return error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
  return error instanceof Error ? error.message : String(error);
}
