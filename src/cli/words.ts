/** Keys as words of BIP 39's English list, which everybody who shows words must share. */
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { keyWords, matchesWords } from '../identity/words.ts';

export function wordsOf(keyId: string): string {
  return keyWords(keyId, wordlist).join(' ');
}

/** Throws `ERR_IDENTITY_KEY_WORDS` for words that no key has. */
export function areWordsOf(keyId: string, words: string): boolean {
  return matchesWords(keyId, words, wordlist);
}
