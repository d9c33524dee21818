/** SETTINGS: the first frame each way, once, a declaration that needs no answer (as QUIC's transport parameters). */
import { isCount } from './bodies.ts';
import { decodeBody, encodeBody } from './control.ts';
import { MuxError } from './errors.ts';
import { NONCE_LENGTH, Setting } from './frame.ts';
import { MAX_CHANNEL_ID, MIN_FRAME, type MuxLimits } from './limits.ts';

export interface PeerSettings {
  readonly maxFrame: number;
  readonly initialCredit: number;
  /** Channels that we may open before the first MAXCH. */
  readonly maxChannels: number;
  readonly idleTimeout: number;
  /** Message links have no preface, so the nonce comes here. */
  readonly nonce: Uint8Array | undefined;
}

/** What holds where the peer says nothing. */
const SILENT = { maxFrame: 16_384, initialCredit: 65_536, maxChannels: 0, idleTimeout: 0 } as const;

export function encodeSettings(limits: MuxLimits, nonce: Uint8Array | undefined): Uint8Array {
  const map = new Map<number, number | Uint8Array>([
    [Setting.maxFrame, limits.maxFrame],
    [Setting.initialCredit, limits.initialCredit],
    [Setting.maxChannels, limits.maxChannels],
    [Setting.idleTimeout, limits.idleTimeout],
  ]);
  if (nonce !== undefined) map.set(Setting.nonce, nonce);
  return encodeBody(map);
}

export function decodeSettings(bytes: Uint8Array): PeerSettings {
  const body = decodeBody(bytes);
  if (typeof body !== 'object' || body === null || Array.isArray(body) || body instanceof Uint8Array)
    throw malformed('is no map');
  const map = body as Readonly<Record<number, unknown>>;
  const nonce = map[Setting.nonce];
  if (nonce !== undefined && !(nonce instanceof Uint8Array && nonce.length === NONCE_LENGTH))
    throw malformed('has a malformed nonce');
  const maxFrame = count(map, 'maxFrame');
  if (maxFrame < MIN_FRAME)
    throw malformed(`limits frames to ${maxFrame} bytes, at least ${MIN_FRAME} are needed`);
  return {
    maxFrame,
    initialCredit: count(map, 'initialCredit'),
    maxChannels: Math.min(count(map, 'maxChannels'), Math.floor(MAX_CHANNEL_ID / 2)),
    idleTimeout: count(map, 'idleTimeout'),
    nonce: nonce === undefined ? undefined : nonce.slice(),
  };
}

function count(map: Readonly<Record<number, unknown>>, key: keyof typeof SILENT): number {
  const value = map[Setting[key]];
  if (value === undefined) return SILENT[key];
  if (!isCount(value)) throw malformed(`has a malformed ${key}`);
  return value;
}

function malformed(how: string): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', `SETTINGS frame ${how}`);
}
