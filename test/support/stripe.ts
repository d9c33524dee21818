/**
 * A pattern that costs nothing: views of one table. The byte at `index` of pattern `seed` is known without storing what was
 * sent, and comparing is one call into the host.
 */
import { SeededRandom } from './random.ts';

/** A prime, so that patterns of different seeds are never in step with frames or windows. */
const PERIOD = 65_521;
const LONGEST = 262_144;
const TABLE: Uint8Array = table();

function table(): Uint8Array {
  const once = new SeededRandom(1).bytes(PERIOD);
  const bytes = new Uint8Array(PERIOD + LONGEST);
  for (let at = 0; at < bytes.length; at += PERIOD) bytes.set(once.subarray(0, bytes.length - at), at);
  return bytes;
}

/** `length` bytes of pattern `seed` from position `from` on; longer than 256 KiB they are a copy. Not to be written to. */
export function stripe(seed: number, from: number, length: number): Uint8Array {
  const at = start(seed, from);
  if (length <= LONGEST) return TABLE.subarray(at, at + length);
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; done += LONGEST)
    bytes.set(stripe(seed, from + done, Math.min(LONGEST, length - done)), done);
  return bytes;
}

/** Index of the first byte that differs from the pattern, or -1. */
export function stripeMismatch(seed: number, from: number, bytes: Uint8Array): number {
  const wanted = stripe(seed, from, bytes.length);
  if (Buffer.compare(wanted, bytes) === 0) return -1;
  return from + bytes.findIndex((byte, i) => byte !== wanted[i]);
}

function start(seed: number, from: number): number {
  return (from + Math.imul(seed & 0xffff, 7_919)) % PERIOD;
}
