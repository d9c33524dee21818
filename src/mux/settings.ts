/** SETTINGS: the first frame each way, once, a declaration that needs no answer (as QUIC's transport parameters). */
import { isCount, printable } from './bodies.ts';
import { decodeBody, encodeBody } from './control.ts';
import { MuxError } from './errors.ts';
import { NONCE_LENGTH, Setting } from './frame.ts';
import { MAX_CHANNEL_ID, MAX_EXTENSIONS, MAX_SOFTWARE, MIN_FRAME, type MuxLimits } from './limits.ts';

export interface PeerSettings {
  readonly maxFrame: number;
  readonly initialCredit: number;
  /** Channels that we may open before the first MAXCH. */
  readonly maxChannels: number;
  readonly idleTimeout: number;
  /** 0: it takes no datagrams. */
  readonly maxDatagram: number;
  readonly maxMessage: number;
  /** Undefined: its sessions end with their links. */
  readonly resume: ResumeTerms | undefined;
  /** Extensions that it understands. */
  readonly extensions: readonly number[];
  readonly software: string | undefined;
  /** Message links have no preface, so the nonce comes here. */
  readonly nonce: Uint8Array | undefined;
}

export interface ResumeTerms {
  /** Bytes that it keeps until they are acknowledged. */
  readonly window: number;
  /** Milliseconds that it waits for a new link. */
  readonly ttl: number;
}

/** What we say of ourselves beside limits. */
export interface OwnSettings {
  /** For message links. */
  readonly nonce?: Uint8Array | undefined;
  readonly resume?: ResumeTerms | undefined;
  readonly extensions?: readonly number[] | undefined;
  readonly software?: string | undefined;
  /** Where the meaningless key comes from that peers must ignore (RFC 8701's way). */
  readonly grease?: Uint8Array | undefined;
}

/** What holds where the peer says nothing. */
const SILENT = {
  maxFrame: 16_384,
  initialCredit: 65_536,
  maxChannels: 0,
  idleTimeout: 0,
  maxDatagram: 0,
  maxMessage: 65_536,
} as const;

const GREASE_FROM = 64;

export function encodeSettings(limits: MuxLimits, own: OwnSettings = {}): Uint8Array {
  const { nonce, resume, extensions = [], software, grease } = own;
  const map = new Map<number, unknown>([
    [Setting.maxFrame, limits.maxFrame],
    [Setting.initialCredit, limits.initialCredit],
    [Setting.maxChannels, limits.maxChannels],
    [Setting.idleTimeout, limits.idleTimeout],
    [Setting.maxDatagram, limits.maxDatagram],
  ]);
  if (resume !== undefined) map.set(Setting.resume, [resume.window, resume.ttl]);
  if (extensions.length > 0) map.set(Setting.extensions, extensions);
  if (nonce !== undefined) map.set(Setting.nonce, nonce);
  if (software !== undefined) map.set(Setting.software, software.slice(0, MAX_SOFTWARE));
  map.set(Setting.maxMessage, Math.min(limits.maxMessage, limits.initialCredit));
  if (grease !== undefined) map.set(GREASE_FROM + grease[0]!, grease[2]!);
  return encodeBody(map);
}

/** Unknown keys are ignored (RFC 9000 §7.4.2). Throws MuxError for values that no honest end sends. */
export function decodeSettings(bytes: Uint8Array): PeerSettings {
  const map = decodeBody(bytes, 'typed');
  if (!(map instanceof Map)) throw malformed('is no map');
  const maxFrame = count(map, 'maxFrame');
  if (maxFrame < MIN_FRAME) throw malformed(`has a maxFrame of ${maxFrame}, wanted at least ${MIN_FRAME}`);
  const initialCredit = count(map, 'initialCredit');
  return {
    maxFrame,
    initialCredit,
    maxChannels: Math.min(count(map, 'maxChannels'), Math.floor(MAX_CHANNEL_ID / 2)),
    idleTimeout: count(map, 'idleTimeout'),
    maxDatagram: count(map, 'maxDatagram'),
    maxMessage: maxMessage(map, initialCredit),
    resume: resumeTerms(map),
    extensions: extensionList(map),
    software: softwareName(map),
    nonce: nonceOf(map),
  };
}

type SettingsMap = ReadonlyMap<unknown, unknown>;

function count(map: SettingsMap, key: keyof typeof SILENT): number {
  const value = map.get(Setting[key]);
  if (value === undefined) return SILENT[key];
  if (!isCount(value)) throw malformed(`has a malformed ${key}`);
  return value;
}

/** A message larger than the credit of a fresh channel could never be sent. */
function maxMessage(map: SettingsMap, initialCredit: number): number {
  const value = count(map, 'maxMessage');
  if (map.get(Setting.maxMessage) === undefined) return Math.min(value, initialCredit);
  if (value > initialCredit) throw malformed(`has a maxMessage of ${value}, wanted at most ${initialCredit}`);
  return value;
}

function resumeTerms(map: SettingsMap): ResumeTerms | undefined {
  const value = map.get(Setting.resume);
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !isCount(value[0]) || !isCount(value[1]))
    throw malformed('has malformed resume terms');
  return { window: value[0], ttl: value[1] };
}

function extensionList(map: SettingsMap): readonly number[] {
  const value = map.get(Setting.extensions);
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_EXTENSIONS || !value.every(isCount))
    throw malformed('has a malformed list of extensions');
  return value;
}

function softwareName(map: SettingsMap): string | undefined {
  const value = map.get(Setting.software);
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.length > MAX_SOFTWARE)
    throw malformed('has a malformed software name');
  return printable(value);
}

function nonceOf(map: SettingsMap): Uint8Array | undefined {
  const value = map.get(Setting.nonce);
  if (value === undefined) return undefined;
  if (!(value instanceof Uint8Array && value.length === NONCE_LENGTH))
    throw malformed('has a malformed nonce');
  return value.slice();
}

function malformed(how: string): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', `SETTINGS frame ${how}`);
}
