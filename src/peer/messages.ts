/**
 * Control messages between a peer and a relay, as types, and as the one table that says how they go over the wire
 * (docs/protocol.md §4). On the wire: 2-byte length, then a MessagePack array `[code, ...fields in table order]`.
 */
import { type Bytes, concat } from '../base/bytes.ts';
import { ChunkQueue } from '../base/chunks.ts';
import { MAX_BUNDLE } from '../identity/limits.ts';
import { PeerError } from './errors.ts';
import { bytes, type Field, flag, integer, list, text } from './fields.ts';
import {
  MAX_CHAIN_BYTES,
  MAX_CHAIN_CERTIFICATES,
  MAX_DEPTH,
  MAX_DESCRIPTION,
  MAX_DEVICES,
  MAX_MESSAGE,
  MAX_MESSAGE_TO_PEER,
  MAX_OFFERS,
  MAX_PASSWORD,
  MAX_PROTOCOLS_PER_LISTEN,
  MAX_VALUES,
} from './limits.ts';
import { type Packed, pack, unpack } from './msgpack.ts';

/** What a request may be answered with besides its result. */
export type FailureCode =
  | 'not_found'
  | 'busy'
  | 'refused'
  | 'invalid'
  | 'invite_expired'
  | 'invite_used'
  | 'invite_refused'
  | 'login_refused'
  | 'too_many_devices'
  | 'revoked'
  | 'user_ca';

export type ToRelay =
  /** First on a control channel. `instance` stays the same while the process lives. */
  | { readonly type: 'hello'; readonly instance: Uint8Array; readonly software: string }
  | {
      readonly type: 'listen';
      readonly id: number;
      readonly protocols: readonly string[];
      readonly description: string;
    }
  | { readonly type: 'unlisten'; readonly id: number; readonly listener: number }
  /** `first`: answer as soon as one listener allows; else wait for all, up to the deadline. */
  | {
      readonly type: 'dial';
      readonly id: number;
      readonly to: string;
      readonly protocol: string;
      readonly first: boolean;
    }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'connect'; readonly id: number; readonly offer: number }
  | { readonly type: 'answer'; readonly id: number; readonly allow: boolean }
  /** A new certificate for the key that this channel proved. */
  | { readonly type: 'renew'; readonly id: number }
  /** First and only one on an enrolment channel. `csr` is for the key that this channel proved. */
  | {
      readonly type: 'enrol';
      readonly id: number;
      readonly invite: Uint8Array;
      readonly secret: Uint8Array;
      readonly csr: Uint8Array;
      readonly device: string;
    }
  /** The other way to enrol, of an account that has a password. */
  | {
      readonly type: 'login';
      readonly id: number;
      readonly user: string;
      readonly password: string;
      readonly csr: Uint8Array;
      readonly device: string;
    }
  /** The account's devices and user CAs. */
  | { readonly type: 'devices'; readonly id: number }
  /** Withdraws one of them. */
  | { readonly type: 'revoke'; readonly id: number; readonly keyId: string }
  /** A CA for the account's own devices; `csr` is for its key. */
  | { readonly type: 'user_ca'; readonly id: number; readonly csr: Uint8Array }
  /** A device that the account's user CA has signed. */
  | { readonly type: 'adopt'; readonly id: number; readonly chain: readonly Uint8Array[] };

export type ToPeer =
  | { readonly type: 'welcome'; readonly domain: string; readonly address: string; readonly observed: string }
  | { readonly type: 'listening'; readonly id: number; readonly listener: number }
  | { readonly type: 'done'; readonly id: number }
  | { readonly type: 'offers'; readonly id: number; readonly offers: readonly OfferRow[] }
  | { readonly type: 'token'; readonly id: number; readonly token: Uint8Array }
  | { readonly type: 'certificate'; readonly id: number; readonly chain: readonly Uint8Array[] }
  | { readonly type: 'failed'; readonly id: number; readonly code: FailureCode }
  /** Somebody asks for `protocol`: answer with `answer`. */
  | {
      readonly type: 'incoming';
      readonly id: number;
      readonly from: string;
      readonly protocol: string;
      readonly chain: readonly Uint8Array[];
    }
  /** The caller whose `incoming` had this id comes: open a path with the token. */
  | { readonly type: 'path'; readonly id: number; readonly token: Uint8Array }
  | { readonly type: 'device_list'; readonly id: number; readonly devices: readonly DeviceRow[] }
  /** The domain's newest word on its roots and on what it has withdrawn: after `welcome`, and whenever it changes. */
  | { readonly type: 'bundle'; readonly bundle: Uint8Array };

/** `node` is the same for all offers of one control channel: it tells whether a live session already leads there. */
export interface OfferRow {
  readonly offer: number;
  readonly description: string;
  readonly keyId: string;
  readonly node: number;
}

export type DeviceOrigin = (typeof ORIGINS)[number];
/** How a device came in; `authority` is no device but a user CA. */
const ORIGINS = ['invite', 'password', 'user_ca', 'renewal', 'authority'] as const;

/** Times are milliseconds since the epoch, 0 where unknown. */
export interface DeviceRow {
  readonly keyId: string;
  readonly label: string;
  readonly by: DeviceOrigin;
  readonly since: number;
  readonly lastSeen: number;
  readonly revoked: boolean;
}

export type ControlMessage = ToRelay | ToPeer;
type MessageType = ControlMessage['type'];
type MessageOf<T extends MessageType> = Extract<ControlMessage, { type: T }>;

/** Fields in wire order; the compiler checks each against its message. */
type Layout = {
  readonly [T in MessageType]: readonly [
    code: number,
    fields: { readonly [K in Exclude<keyof MessageOf<T>, 'type'>]-?: Field<MessageOf<T>[K]> },
  ];
};

export const TOKEN_LENGTH = 16;
export const INSTANCE_LENGTH = 16;
const KEY_ID_LENGTH = 56;
const id = integer();
const chain = list(bytes(1, MAX_CHAIN_BYTES), 0, MAX_CHAIN_CERTIFICATES);
const protocol = text(1, 255);
const address = text(1, 330);
const FAILURES: readonly FailureCode[] = [
  'not_found',
  'busy',
  'refused',
  'invalid',
  'invite_expired',
  'invite_used',
  'invite_refused',
  'login_refused',
  'too_many_devices',
  'revoked',
  'user_ca',
];
const failure: Field<FailureCode> = {
  wanted: 'a failure code',
  write: (value) => value,
  read: (value) => FAILURES.find((known) => known === value),
};
const offer: Field<OfferRow> = {
  wanted: 'an offer',
  write: (row) => [row.offer, row.description, row.keyId, row.node],
  read(value) {
    if (!Array.isArray(value) || value.length !== 4) return undefined;
    const [number, description, keyId, node] = value as readonly Packed[];
    if (id.read(number!) === undefined || id.read(node!) === undefined) return undefined;
    if (text(0, MAX_DESCRIPTION).read(description!) === undefined) return undefined;
    if (text(KEY_ID_LENGTH, KEY_ID_LENGTH).read(keyId!) === undefined) return undefined;
    return { offer: number, description, keyId, node } as OfferRow;
  },
};

const keyId = text(KEY_ID_LENGTH, KEY_ID_LENGTH);
const origin: Field<DeviceOrigin> = {
  wanted: 'how a device came in',
  write: (value) => value,
  read: (value) => ORIGINS.find((known) => known === value),
};
const DEVICE_FIELDS = [keyId, text(0, 64), origin, integer(), integer(), flag] as const;
const device: Field<DeviceRow> = {
  wanted: 'a device',
  write: (row) => [row.keyId, row.label, row.by, row.since, row.lastSeen, row.revoked],
  read(value) {
    if (!Array.isArray(value) || value.length !== DEVICE_FIELDS.length) return undefined;
    const fields = value as readonly Packed[];
    if (DEVICE_FIELDS.some((field, index) => field.read(fields[index]!) === undefined)) return undefined;
    const [keyId, label, by, since, lastSeen, revoked] = fields;
    return { keyId, label, by, since, lastSeen, revoked } as DeviceRow;
  },
};

const LAYOUT: Layout = {
  hello: [1, { instance: bytes(INSTANCE_LENGTH, INSTANCE_LENGTH), software: text(0, 64) }],
  listen: [
    2,
    { id, protocols: list(protocol, 1, MAX_PROTOCOLS_PER_LISTEN), description: text(0, MAX_DESCRIPTION) },
  ],
  unlisten: [3, { id, listener: id }],
  dial: [4, { id, to: address, protocol, first: flag }],
  cancel: [5, { id }],
  connect: [6, { id, offer: id }],
  answer: [7, { id, allow: flag }],
  renew: [8, { id }],
  enrol: [9, { id, invite: bytes(8, 8), secret: bytes(16, 16), csr: bytes(1, 4_096), device: text(0, 64) }],
  login: [
    10,
    { id, user: text(1, 64), password: text(1, MAX_PASSWORD), csr: bytes(1, 4_096), device: text(0, 64) },
  ],
  devices: [11, { id }],
  revoke: [12, { id, keyId }],
  user_ca: [13, { id, csr: bytes(1, 4_096) }],
  adopt: [14, { id, chain }],
  welcome: [64, { domain: text(1, 253), address, observed: text(0, 64) }],
  listening: [65, { id, listener: id }],
  done: [66, { id }],
  offers: [67, { id, offers: list(offer, 0, MAX_OFFERS) }],
  token: [68, { id, token: bytes(TOKEN_LENGTH, TOKEN_LENGTH) }],
  certificate: [69, { id, chain }],
  failed: [70, { id, code: failure }],
  incoming: [71, { id, from: address, protocol, chain }],
  path: [72, { id, token: bytes(TOKEN_LENGTH, TOKEN_LENGTH) }],
  device_list: [73, { id, devices: list(device, 0, MAX_DEVICES) }],
  bundle: [74, { bundle: bytes(1, MAX_BUNDLE) }],
};
/** Messages with a code from here on go from the relay to the peer. */
const FIRST_TO_PEER = 64;

interface Row {
  readonly type: MessageType;
  readonly fields: readonly (readonly [name: string, field: Field<never>])[];
}

const BY_CODE = new Map<number, Row>(
  Object.entries(LAYOUT).map(([type, [code, fields]]) => [
    code,
    { type: type as MessageType, fields: Object.entries(fields) as unknown as Row['fields'] },
  ]),
);

export function encodeMessage(message: ControlMessage): Bytes {
  const [code, fields] = LAYOUT[message.type];
  const values: Packed[] = [code];
  for (const [name, field] of Object.entries(fields) as [string, Field<unknown>][])
    values.push(field.write((message as unknown as Record<string, unknown>)[name]));
  const body = pack(values);
  const limit = isToPeer(message) ? MAX_MESSAGE_TO_PEER : MAX_MESSAGE;
  if (body.length > limit) throw new RangeError(`control message of ${body.length} bytes, limit ${limit}`);
  return concat([Uint8Array.of(body.length >> 8, body.length), body]);
}

/** Reads one message without its length. Throws `ERR_PEER_PROTOCOL` for anything that is not exactly a known message. */
export function decodeMessage(body: Uint8Array): ControlMessage {
  let values: Packed;
  try {
    values = unpack(body, { depth: MAX_DEPTH, values: MAX_VALUES });
  } catch (cause) {
    throw violation('control message is not the MessagePack we speak', cause);
  }
  if (!Array.isArray(values)) throw violation('control message is not an array');
  const [code, ...rest] = values as readonly Packed[];
  const row = typeof code === 'number' ? BY_CODE.get(code) : undefined;
  if (row === undefined)
    throw violation(`control message of unknown type ${JSON.stringify(code)?.slice(0, 20)}`);
  if (rest.length !== row.fields.length)
    throw violation(`"${row.type}" has ${rest.length} fields, wanted ${row.fields.length}`);
  const message: Record<string, unknown> = { type: row.type };
  for (const [index, [name, field]] of row.fields.entries()) {
    const value = field.read(rest[index]!);
    if (value === undefined) throw violation(`"${row.type}" has a wrong ${name}, wanted ${field.wanted}`);
    message[name] = value;
  }
  return message as unknown as ControlMessage;
}

export function isToPeer(message: ControlMessage): message is ToPeer {
  return LAYOUT[message.type][0] >= FIRST_TO_PEER;
}

/** Cuts a byte stream into messages. After an error it must not be used any more. */
export class MessageReader {
  readonly #queue = new ChunkQueue();
  readonly #limit: number;

  /** `limit`: bytes of one message. */
  constructor(limit: number = MAX_MESSAGE) {
    this.#limit = limit;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /** The next whole message, or undefined until more bytes come. Throws `ERR_PEER_PROTOCOL`. */
  next(): ControlMessage | undefined {
    if (this.#queue.length < 2) return undefined;
    const length = (this.#queue.at(0)! << 8) | this.#queue.at(1)!;
    if (length === 0 || length > this.#limit)
      throw violation(`control message of ${length} bytes, wanted 1 to ${this.#limit}`);
    if (this.#queue.length < 2 + length) return undefined;
    this.#queue.take(2);
    return decodeMessage(this.#queue.take(length));
  }

  /** True when a message was begun and not ended. */
  get partial(): boolean {
    return this.#queue.length > 0;
  }
}

function violation(message: string, cause?: unknown): PeerError {
  return new PeerError('ERR_PEER_PROTOCOL', message, { cause });
}
