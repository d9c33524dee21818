/** Bodies of control frames: msgpack, at most 4 KiB and four levels deep, only plain data. */
import { pack, unpack } from '../base/msgpack.ts';
import { MuxError } from './errors.ts';
import { MAX_CONTROL_BODY, MAX_CONTROL_DEPTH } from './limits.ts';

/** Plain data: what meta of OPEN and ACCEPT may hold, at most four levels deep. Byte arrays arrive as copies. */
export type ControlValue =
  | undefined
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly ControlValue[]
  | { readonly [key: string]: ControlValue };

/** A body holds fewer values than bytes. 64-bit integers are refused: we send doubles above 2^32. */
const LIMITS = { depth: MAX_CONTROL_DEPTH, values: MAX_CONTROL_BODY, wideIntegers: false };

/** Throws MuxError ERR_MUX_ARGUMENT when the value is not plain, too deep or too large. */
export function encodeBody(value: unknown): Uint8Array {
  const bytes = coded('ERR_MUX_ARGUMENT', () => pack(value, MAX_CONTROL_DEPTH));
  if (bytes.length > MAX_CONTROL_BODY)
    throw new MuxError(
      'ERR_MUX_ARGUMENT',
      `control data of ${bytes.length} bytes, at most ${MAX_CONTROL_BODY} fit`,
    );
  return bytes;
}

/**
 * Throws MuxError ERR_MUX_PROTOCOL on anything but one plain value that fills the body. `typed`: maps become `Map`s, for those
 * whose keys are ours: in an object the text '1' would be the integer 1.
 */
export function decodeBody(body: Uint8Array, maps: true | 'typed' = true): unknown {
  return coded('ERR_MUX_PROTOCOL', () => unpack(body, { ...LIMITS, maps }));
}

function coded<T>(code: 'ERR_MUX_ARGUMENT' | 'ERR_MUX_PROTOCOL', run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new MuxError(code, `control data: ${(error as Error).message}`);
  }
}
