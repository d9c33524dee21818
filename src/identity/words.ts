/**
 * A key id as twelve words, for people who compare over the telephone.
 *
 * Twelve words of a list of 2,048 say 132 bits: the first 128 of the key's SHA-256, and four of its checksum, which catch a
 * word misheard 15 times in 16. 128 bits are far out of reach of somebody who looks for another key with the same words. The
 * list is an argument: whoever shows words brings it, and both ends must use the same one.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, utf8 } from '../base/bytes.ts';
import { IdentityError } from './errors.ts';
import { digestOfPeerId } from './peerId.ts';
import { quoted } from './quoted.ts';

const LIST = 2048;
const WORDS = 12;
const BITS_PER_WORD = 11;
const ENTROPY_BYTES = 16;
const CHECK_LABEL = utf8('q2q key words');

/** Throws `ERR_IDENTITY_KEY_ID` for an id that is none, RangeError for a list of another length or with a word twice. */
export function keyWords(id: string, list: readonly string[]): readonly string[] {
  checkList(list);
  return Object.freeze(indices(id).map((index) => list[index]!));
}

/**
 * Whether the words are those of the key: any case, any white space. Throws `ERR_IDENTITY_KEY_WORDS` for words that are not
 * twelve of the list, or that no key at all has: those were misheard.
 */
export function matchesWords(id: string, words: string, list: readonly string[]): boolean {
  checkList(list);
  const heard = words.trim().toLowerCase().split(/\s+/);
  if (heard.length !== WORDS) throw refused(`${heard.length} words, wanted ${WORDS}`);
  const found = heard.map((word) => {
    const index = list.findIndex((known) => known.toLowerCase() === word);
    if (index < 0) throw refused(`${quoted(word, 40)} is not a word of the list`);
    return index;
  });
  if (checkBits(entropyOf(found)) !== (found.at(-1)! & 0x0f))
    throw refused('the words do not fit together: one was misheard or mistyped');
  return indices(id).every((index, i) => index === found[i]);
}

/** Twelve numbers of eleven bits. */
function indices(id: string): number[] {
  const entropy = digestOfPeerId(id).subarray(0, ENTROPY_BYTES);
  const bytes = Uint8Array.of(...entropy, checkBits(entropy) << 4);
  return Array.from({ length: WORDS }, (_, word) => bitsAt(bytes, word * BITS_PER_WORD));
}

function bitsAt(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let bit = from; bit < from + BITS_PER_WORD; bit++)
    value = (value << 1) | ((bytes[bit >> 3]! >> (7 - (bit & 7))) & 1);
  return value;
}

function entropyOf(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ENTROPY_BYTES);
  for (let bit = 0; bit < ENTROPY_BYTES * 8; bit++) {
    const word = words[Math.floor(bit / BITS_PER_WORD)]!;
    const value = (word >> (BITS_PER_WORD - 1 - (bit % BITS_PER_WORD))) & 1;
    bytes[bit >> 3]! |= value << (7 - (bit & 7));
  }
  return bytes;
}

function checkBits(entropy: Uint8Array): number {
  return sha256(concat([CHECK_LABEL, entropy]))[0]! >> 4;
}

function checkList(list: readonly string[]): void {
  if (list.length !== LIST) throw new RangeError(`word list of ${list.length}, wanted ${LIST}`);
  if (new Set(list.map((word) => word.toLowerCase())).size !== LIST)
    throw new RangeError('word list has a word twice');
}

function refused(message: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_KEY_WORDS', message, {
    hint: 'have the other side read the words again, from `q2q id words`',
  });
}
