/**
 * Invites: one line of text that a person passes on, by which a device enrols once.
 *
 *     q2q-invite:<base64url( MessagePack [version, domain, url, user, pin, id, secret, expires] | CRC-32 )>
 *
 * The pin is SHA-256 of the domain root's SubjectPublicKeyInfo: the device believes no other server. The checksum is
 * for copying mistakes only; what makes an invite genuine is its secret.
 */
import { base64url, fromBase64url } from '../base/base64.ts';
import { concat } from '../base/bytes.ts';
import { parseDomain, parseName } from '../identity/index.ts';
import { PeerError } from './errors.ts';
import { bytes, integer, text } from './fields.ts';
import { type Packed, pack, unpack } from './msgpack.ts';

export interface Invite {
  readonly domain: string;
  /** Where the domain's server is reached. */
  readonly url: string;
  readonly user: string;
  readonly rootPin: Uint8Array;
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

export const INVITE_PREFIX = 'q2q-invite:';
export const INVITE_ID_LENGTH = 8;
export const INVITE_SECRET_LENGTH = 16;
const VERSION = 1;
const MAX_INVITE = 1_024;

export function formatInvite(invite: Invite): string {
  const { domain, url, user, rootPin, id, secret, expires } = invite;
  const body = pack([VERSION, domain, url, user, rootPin, id, secret, expires]);
  return INVITE_PREFIX + base64url(concat([body, crc32(body)]));
}

/** Reads an invite, white space around and line breaks inside forgiven. Throws `ERR_PEER_INVITE_MALFORMED`. */
export function parseInvite(line: string): Invite {
  const compact = line.replace(/\s+/g, '');
  if (compact.length === 0) throw malformed('the invite is empty');
  if (!compact.startsWith(INVITE_PREFIX))
    throw malformed(`the invite does not begin with "${INVITE_PREFIX}"`);
  if (compact.length > MAX_INVITE)
    throw malformed(`the invite has ${compact.length} characters, at most ${MAX_INVITE} are possible`);
  let raw: Uint8Array;
  try {
    raw = fromBase64url(compact.slice(INVITE_PREFIX.length));
  } catch (cause) {
    throw malformed('the invite is cut short or has a character that does not belong', cause);
  }
  const body = raw.subarray(0, Math.max(0, raw.length - 4));
  const sum = raw.subarray(body.length);
  if (raw.length < 5 || crc32(body).some((byte, i) => byte !== sum[i]))
    throw malformed('the invite is cut short or was changed: its checksum does not fit');
  return readBody(body);
}

function readBody(body: Uint8Array): Invite {
  let values: Packed;
  try {
    values = unpack(body, { depth: 1, values: 9 });
  } catch (cause) {
    throw malformed('the invite is not in the form we know', cause);
  }
  const fields = Array.isArray(values) ? (values as readonly Packed[]) : [];
  if (typeof fields[0] === 'number' && fields[0] !== VERSION)
    throw malformed(`the invite is of version ${fields[0]}, this q2q knows version ${VERSION}`, undefined, {
      hint: 'update q2q',
    });
  const domain = text(1, 253).read(fields[1] ?? null);
  const url = text(1, 300).read(fields[2] ?? null);
  const user = text(1, 64).read(fields[3] ?? null);
  const rootPin = bytes(32, 32).read(fields[4] ?? null);
  const id = bytes(INVITE_ID_LENGTH, INVITE_ID_LENGTH).read(fields[5] ?? null);
  const secret = bytes(INVITE_SECRET_LENGTH, INVITE_SECRET_LENGTH).read(fields[6] ?? null);
  const expires = integer().read(fields[7] ?? null);
  if (!domain || !url || !user || !rootPin || !id || !secret || expires === undefined || fields.length !== 8)
    throw malformed('the invite lacks something');
  try {
    if (parseDomain(domain) !== domain) throw new RangeError('the domain is not in canonical form');
    parseName(`${user}@${domain}`);
    new URL(url);
  } catch (cause) {
    throw malformed('the invite names a domain, user or address that cannot be', cause);
  }
  return Object.freeze({ domain, url, user, rootPin, id, secret, expires });
}

/** ISO 3309, bit by bit: invites are short and read once. */
function crc32(body: Uint8Array): Uint8Array {
  let crc = 0xffffffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  crc = ~crc;
  return Uint8Array.of(crc >>> 24, crc >>> 16, crc >>> 8, crc);
}

function malformed(message: string, cause?: unknown, details: { hint?: string } = {}): PeerError {
  return new PeerError('ERR_PEER_INVITE_MALFORMED', message, { ...details, cause });
}
