/** The shapes of control bodies: built by us, checked field by field when they come from the peer. */
import { utf8 } from '../base/bytes.ts';
import { MAX_VARINT, readVarint, varintLength, varintSize, writeVarint } from '../base/varint.ts';
import { type ControlValue, decodeBody, encodeBody } from './control.ts';
import { MuxError } from './errors.ts';
import { MAX_NAME, MAX_REASON } from './limits.ts';

/** What a channel carries: a plain stream of bytes, or messages that stay whole. By number on the wire. */
export type ChannelMode = 'bytes' | 'messages';
export const MODES: readonly ChannelMode[] = ['bytes', 'messages'];

export const LOWEST_URGENCY = 7;
/** RFC 9218 §4.1 has the same scale and default. */
export const DEFAULT_URGENCY = 3;

/** RFC 9218 §4. */
export interface Priority {
  /** 0 (first) to 7 (last). */
  readonly urgency: number;
  /** False: it is of no use in parts, so it takes its turn alone. */
  readonly sharing: boolean;
}

/** Added to the urgency of a channel that does not share its turn. */
const ALONE = 8;

export interface OpenBody extends Priority {
  /** An index of `MODES`; others are refused, they are no error. */
  readonly mode: number;
  /** What the opener lets the other side send. */
  readonly credit: number;
  readonly name: string;
  readonly meta: ControlValue;
}

export function encodeOpen(open: OpenBody): Uint8Array {
  if (!fitsName(open.name))
    throw new MuxError('ERR_MUX_ARGUMENT', `channel name of more than ${MAX_NAME} bytes`);
  const body: unknown[] = [open.mode, priorityNumber(open), open.credit, open.name];
  if (open.meta !== undefined) body.push(open.meta);
  return encodeBody(body);
}

export function equalOpens(a: OpenBody, b: OpenBody): boolean {
  return (
    a.name === b.name &&
    a.meta === b.meta &&
    a.mode === b.mode &&
    a.urgency === b.urgency &&
    a.sharing === b.sharing &&
    a.credit === b.credit
  );
}

export function decodeOpen(bytes: Uint8Array): OpenBody {
  const body = decodeBody(bytes);
  if (!Array.isArray(body) || body.length < 4) throw shape('OPEN');
  const [mode, priority, credit, name, meta] = body as unknown[];
  if (!isCount(mode) || !isPriority(priority) || !isCount(credit) || typeof name !== 'string')
    throw shape('OPEN');
  if (!fitsName(name)) throw shape('OPEN');
  return { mode, ...priorityOf(priority), credit, name, meta: meta as ControlValue };
}

/** Throws MuxError ERR_MUX_ARGUMENT when the urgency is out of bounds. */
export function encodePriority(priority: Priority): Uint8Array {
  return encodeVarints(priorityNumber(priority));
}

export function decodePriority(bytes: Uint8Array): Priority {
  const [number] = decodeVarints(bytes, 1, 'PRIORITY') as [number];
  if (!isPriority(number)) throw shape('PRIORITY');
  return priorityOf(number);
}

function priorityNumber({ urgency, sharing }: Priority): number {
  if (!isCount(urgency) || urgency > LOWEST_URGENCY)
    throw new MuxError('ERR_MUX_ARGUMENT', `urgency ${urgency}, wanted 0 to ${LOWEST_URGENCY}`);
  return sharing ? urgency : urgency + ALONE;
}

function priorityOf(number: number): Priority {
  return { urgency: number % ALONE, sharing: number < ALONE };
}

export interface AcceptBody {
  /** Absolute limit for the opener; below what it had, it changes nothing. */
  readonly credit: number;
  readonly meta: ControlValue;
}

export function encodeAccept(accept: AcceptBody): Uint8Array {
  return encodeBody(accept.meta === undefined ? [accept.credit] : [accept.credit, accept.meta]);
}

export function equalAccepts(a: AcceptBody, b: AcceptBody): boolean {
  return a.credit === b.credit && a.meta === b.meta;
}

export function decodeAccept(bytes: Uint8Array): AcceptBody {
  const body = decodeBody(bytes);
  if (!Array.isArray(body) || !isCount(body[0])) throw shape('ACCEPT');
  return { credit: body[0], meta: body[1] as ControlValue };
}

export interface GoawayBody {
  /** The highest channel of the receiver that the sender handles; everything above was never looked at. */
  readonly lastAccepted: number;
  readonly code: number;
  readonly reason: string;
}

export function encodeGoaway(goaway: GoawayBody): Uint8Array {
  return encodeBody([goaway.lastAccepted, goaway.code, goaway.reason.slice(0, MAX_REASON)]);
}

export function decodeGoaway(bytes: Uint8Array): GoawayBody {
  const body = decodeBody(bytes);
  if (!Array.isArray(body)) throw shape('GOAWAY');
  const [lastAccepted, code, reason = ''] = body as unknown[];
  if (!isCount(lastAccepted) || !isCount(code) || typeof reason !== 'string') throw shape('GOAWAY');
  return { lastAccepted, code, reason: printable(reason.slice(0, MAX_REASON)) };
}

/** CREDIT, STOP, PING … are one varint, RESET is two; reserved bytes behind them are ignored. */
export function encodeVarints(a: number, b?: number, c?: number): Uint8Array {
  const length = varintLength(a) + (b === undefined ? 0 : varintLength(b));
  const bytes = new Uint8Array(length + (c === undefined ? 0 : varintLength(c)));
  let at = writeVarint(a, bytes, 0);
  if (b !== undefined) at = writeVarint(b, bytes, at);
  if (c !== undefined) writeVarint(c, bytes, at);
  return bytes;
}

/** The first `count` varints of a body. Throws MuxError ERR_MUX_PROTOCOL when they are not there. */
export function decodeVarints(
  bytes: Uint8Array,
  count: 1 | 2,
  frame: string,
  most: number = count,
): readonly number[] {
  const values: number[] = [];
  let at = 0;
  while (values.length < count || (values.length < most && at < bytes.length)) {
    const size = at < bytes.length ? varintSize(bytes[at]!) : 1;
    if (at + size > bytes.length) throw shape(frame);
    const value = readVarintSafely(bytes, at);
    if (value === undefined) throw shape(frame);
    values.push(value);
    at += size;
  }
  return values;
}

function readVarintSafely(bytes: Uint8Array, at: number): number | undefined {
  try {
    return readVarint(bytes, at);
  } catch {
    return undefined; // above 2^53-1
  }
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_VARINT;
}

/** UTF-8 takes at most three bytes per UTF-16 unit: only long names need to be encoded to be measured. */
function fitsName(name: string): boolean {
  return name.length * 3 <= MAX_NAME || utf8(name).length <= MAX_NAME;
}

function isPriority(value: unknown): value is number {
  return isCount(value) && value <= LOWEST_URGENCY + ALONE;
}

/** The peer's words may end in a log or on a terminal: no control characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}

function shape(frame: string): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', `${frame} frame has a malformed body`);
}
