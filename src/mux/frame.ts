/**
 * Frames as data.
 *
 *     preface (byte links only):  51 32 51 4D 'Q2QM' | version u8 | nonce 8 bytes
 *     frame:                      type u8 | channel varint | [length varint, unless NOLEN] | payload
 *
 * `type` is the kind in bits 0–4, FIN in bit 5, EOM in bit 6 and NOLEN in bit 7. Channel 0 is the link itself. Channel
 * and length use the 1-, 2- and 4-byte forms of the variable-length integer (RFC 9000 §16); limits inside bodies go up
 * to 2^53-1. NOLEN (the payload is the rest of the message) exists on message links only, on a message's last frame.
 */

export const MAGIC: readonly number[] = [0x51, 0x32, 0x51, 0x4d];
export const VERSION = 1;
export const NONCE_LENGTH = 8;

/** What opens a byte link. */
export function encodePreface(nonce: Uint8Array): Uint8Array {
  return Uint8Array.from([...MAGIC, VERSION, ...nonce]);
}

export const Kind = {
  data: 0,
  open: 1,
  accept: 2,
  reset: 3,
  stop: 4,
  credit: 5,
  blocked: 6,
  maxChannels: 7,
  ping: 8,
  pong: 9,
  ack: 10,
  settings: 11,
  goaway: 12,
  priority: 13,
  datagram: 14,
  resume: 15,
  resumed: 16,
  extension: 31,
} as const;

export type KindName = keyof typeof Kind;

/** Frames that owe no ACK of their own: PING and PONG answer each other, and ACKs for ACKs would never end. */
export function isQuiet(kind: number): boolean {
  return kind === Kind.ack || kind === Kind.ping || kind === Kind.pong;
}

export const KIND_MASK = 0x1f;
export const FIN = 0x20;
export const EOM = 0x40;
export const NOLEN = 0x80;

interface KindRule {
  readonly name: KindName;
  /** Where it may appear: on a channel, or on channel 0. */
  readonly on: 'channel' | 'link' | 'either';
}

/** What may come, by kind number; holes are unknown kinds. */
export const KINDS: readonly (KindRule | undefined)[] = table([
  { name: 'data', on: 'channel' },
  { name: 'open', on: 'channel' },
  { name: 'accept', on: 'channel' },
  { name: 'reset', on: 'channel' },
  { name: 'stop', on: 'channel' },
  { name: 'credit', on: 'channel' },
  { name: 'blocked', on: 'channel' },
  { name: 'maxChannels', on: 'link' },
  { name: 'ping', on: 'link' },
  { name: 'pong', on: 'link' },
  { name: 'ack', on: 'link' },
  { name: 'settings', on: 'link' },
  { name: 'goaway', on: 'link' },
  { name: 'priority', on: 'channel' },
  { name: 'datagram', on: 'either' },
  { name: 'resume', on: 'link' },
  { name: 'resumed', on: 'link' },
  { name: 'extension', on: 'either' },
]);

function table(rules: readonly KindRule[]): readonly (KindRule | undefined)[] {
  const byNumber: (KindRule | undefined)[] = new Array(32).fill(undefined);
  for (const rule of rules) byNumber[Kind[rule.name]] = rule;
  return Object.freeze(byNumber);
}

/** Integer keys of the SETTINGS map; 3 has no meaning. Unknown keys are ignored (RFC 9000 §7.4.2). */
export const Setting = {
  maxFrame: 1,
  initialCredit: 2,
  maxChannels: 4,
  idleTimeout: 5,
  maxDatagram: 6,
  resume: 7,
  extensions: 8,
  nonce: 9,
  software: 10,
  maxMessage: 11,
} as const;
