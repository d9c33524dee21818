/**
 * Key ids: 56 base32 characters that name a public key.
 *
 *     SHA-256(SubjectPublicKeyInfo) 32 bytes | checksum 2 bytes | version 1 byte  = 35 bytes = 56 characters
 *
 * The arithmetic is that of Tor's onion addresses v3. The key is hashed, not the certificate: certificates
 * are renewed, keys stay.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, utf8 } from '../base/bytes.ts';
import { IdentityError } from './errors.ts';
import { rememberedKeyId } from './memo.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'; // RFC 4648 §6, lower case
const VERSION = 1;
const CHECKSUM_LABEL = utf8('q2q key id');
export const PEER_ID_LENGTH = 56;
const GROUP = 7;

/** The key id of a DER SubjectPublicKeyInfo. */
export function peerId(spki: Uint8Array): string {
  return rememberedKeyId(spki, idOf);
}

function idOf(spki: Uint8Array): string {
  return peerIdOfDigest(sha256(spki));
}

/** The id of the key whose SubjectPublicKeyInfo has this SHA-256. */
export function peerIdOfDigest(digest: Uint8Array): string {
  return base32(concat([digest, checksum(digest), Uint8Array.of(VERSION)]));
}

/** The 32 bytes that an id spells. Throws as `parsePeerId` does. */
export function digestOfPeerId(id: string): Bytes {
  return fromBase32(parsePeerId(id))!.slice(0, 32);
}

/**
 * Reads a key id as people hand it around: any case, and `-` or white space between groups. Returns the plain
 * form. Throws `ERR_IDENTITY_KEY_ID` when a character is wrong: any typing mistake fails the checksum with
 * odds 65535:65536.
 */
export function parsePeerId(text: string): string {
  if (text.length > 2 * PEER_ID_LENGTH) throw refused(`${text.length} characters`);
  const id = text.toLowerCase().replace(/[-\s]/g, '');
  if (id.length !== PEER_ID_LENGTH) throw refused(`${id.length} characters`);
  const bytes = fromBase32(id);
  if (bytes === undefined) throw refused('a character outside a-z and 2-7');
  if (bytes[34] !== VERSION) throw refused(`version ${bytes[34]}, known is ${VERSION}`);
  const [high, low] = checksum(bytes.subarray(0, 32));
  if (bytes[32] !== high || bytes[33] !== low) throw refused('a checksum that does not fit: it was mistyped');
  return id;
}

/** `abcdefg-hijklmn-…`: eight groups of seven, for people to read aloud and compare. */
export function groupPeerId(id: string): string {
  return id.replace(new RegExp(`.{${GROUP}}(?=.)`, 'g'), '$&-');
}

function checksum(digest: Uint8Array): Uint8Array {
  return sha256(concat([CHECKSUM_LABEL, digest, Uint8Array.of(VERSION)])).subarray(0, 2);
}

function refused(got: string): IdentityError {
  return new IdentityError(
    'ERR_IDENTITY_KEY_ID',
    `key id has ${got}; wanted ${PEER_ID_LENGTH} base32 characters`,
    {
      hint: 'copy the whole id that `q2q id` prints on the other side',
    },
  );
}

/** 35 bytes are 56 groups of five bits exactly: no padding, no stray bits. */
function base32(bytes: Uint8Array): string {
  const text: string[] = [];
  let word = 0;
  let bits = 0;
  for (const byte of bytes) {
    word = ((word << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text.push(ALPHABET[(word >> (bits - 5)) & 31]!);
  }
  return text.join(''); // flat: put together by `+=` it would hold 1.8 KB for as long as the peer is connected
}

function fromBase32(text: string): Bytes | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let word = 0;
  let bits = 0;
  let at = 0;
  for (const char of text) {
    const value = ALPHABET.indexOf(char);
    if (value < 0) return undefined;
    word = ((word << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (word >> bits) & 0xff;
    }
  }
  return bytes;
}
