import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { keyWords, matchesWords, peerId } from '../../src/identity/index.ts';

/** 2,048 words of our own making. */
const LIST = Array.from({ length: 2048 }, (_, i) =>
  [...i.toString(8).padStart(4, '0')]
    .map((digit) => ['ba', 'de', 'fi', 'go', 'hu', 'ka', 'le', 'mi'][Number(digit)]!)
    .join(''),
);
const id = peerId(utf8('a key'));
const ids = fc.uint8Array({ minLength: 1, maxLength: 8 }).map(peerId);

describe('words of a key', () => {
  test('are twelve, always the same, and part of the protocol', () => {
    expect(keyWords(id, LIST)).toEqual(keyWords(id, LIST));
    expect(keyWords(id, LIST).map((word) => LIST.indexOf(word))).toEqual(GOLDEN);
  });

  test('are compared as people type them', () => {
    const words = keyWords(id, LIST);
    expect(matchesWords(id, words.join(' '), LIST)).toBe(true);
    expect(matchesWords(id, `  ${words.join('\n ').toUpperCase()} `, LIST)).toBe(true);
    expect(matchesWords(peerId(utf8('another')), words.join(' '), LIST)).toBe(false);
  });

  test('that are none say so', () => {
    const words = keyWords(id, LIST);
    expect(() => matchesWords(id, '', LIST)).toThrow(/1 words, wanted 12/);
    expect(() => matchesWords(id, words.slice(1).join(' '), LIST)).toThrow(/11 words/);
    expect(() => matchesWords(id, ['zebra', ...words.slice(1)].join(' '), LIST)).toThrow(/"zebra"/);
    expect(() => keyWords('abc', LIST)).toThrow(expect.objectContaining({ code: 'ERR_IDENTITY_KEY_ID' }));
    expect(() => keyWords(id, LIST.slice(1))).toThrow(RangeError);
    expect(() => keyWords(id, [...LIST.slice(1), LIST[1]!])).toThrow(/twice/);
  });

  test('match their key and no other', () => {
    fc.assert(
      fc.property(ids, ids, (a, b) => {
        const words = keyWords(a, LIST).join(' ');
        expect(matchesWords(a, words, LIST)).toBe(true);
        expect(matchesWords(b, words, LIST)).toBe(a === b);
      }),
      { numRuns: 50 },
    );
  });

  test('one of which is wrong are refused or do not match, mostly the former', () => {
    let noticed = 0;
    const runs = 320;
    for (let i = 0; i < runs; i++) {
      const words = [...keyWords(id, LIST)];
      const at = i % 12;
      words[at] = LIST[(LIST.indexOf(words[at]!) + 1 + i) % 2048]!;
      try {
        expect(matchesWords(id, words.join(' '), LIST)).toBe(false);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_IDENTITY_KEY_WORDS' });
        noticed++;
      }
    }
    expect(noticed / runs).toBeGreaterThan(0.85);
  });
});

/** Worked out by another program, from SHA-256 alone. */
const GOLDEN: readonly number[] = [1149, 234, 1381, 1962, 1243, 1656, 320, 920, 1746, 1750, 1402, 112];
