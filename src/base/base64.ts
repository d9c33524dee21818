/** Strict base64 and base64url (RFC 4648): no white space, no stray bits, padding as the alphabet demands. */
import type { Bytes } from './bytes.ts';

const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function encode(bytes: Uint8Array, alphabet: string, pad: boolean): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i]!, bytes[i + 1], bytes[i + 2]];
    const word = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += alphabet[word >> 18]! + alphabet[(word >> 12) & 63]!;
    if (b !== undefined) text += alphabet[(word >> 6) & 63]!;
    else if (pad) text += '=';
    if (c !== undefined) text += alphabet[word & 63]!;
    else if (pad) text += '=';
  }
  return text;
}

function decode(text: string, alphabet: string): Bytes {
  const rest = text.length % 4;
  if (rest === 1) throw new RangeError('base64 text has an impossible length');
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let word = 0;
  let bits = 0;
  let at = 0;
  for (const char of text) {
    const value = alphabet.indexOf(char);
    if (value < 0) throw new RangeError('character outside the base64 alphabet');
    word = ((word << 6) | value) & 0xfff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (word >> bits) & 0xff;
    }
  }
  if ((word & ((1 << bits) - 1)) !== 0) throw new RangeError('base64 text has stray bits at its end');
  return bytes;
}

export function base64(bytes: Uint8Array): string {
  return encode(bytes, STANDARD, true);
}

/** Throws RangeError unless the text is canonical, padded base64. */
export function fromBase64(text: string): Bytes {
  if (text.length % 4 !== 0) throw new RangeError('base64 text is not padded to four characters');
  const body = text.replace(/={1,2}$/, '');
  return decode(body, STANDARD);
}

export function base64url(bytes: Uint8Array): string {
  return encode(bytes, URL_SAFE, false);
}

/** Throws RangeError unless the text is canonical, unpadded base64url. */
export function fromBase64url(text: string): Bytes {
  return decode(text, URL_SAFE);
}
