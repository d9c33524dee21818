/** Cuts of a session's link at every byte, for every kind of link that it may be on and move to. */
import { expect, test } from 'vitest';
import { cutOnce, cutTwice } from '../support/resumePair.ts';

test.each([
  [false, false],
  [true, true],
  [true, false],
  [false, true],
])('every byte of a conversation, and of the link after it (messages: %s, then %s)', (first, second) => {
  let cuts = 0;
  for (let at = 0; at < 700; at++) cuts += cutOnce(at, first, second) + cutTwice(at, first, second);
  expect(cuts).toBeGreaterThan(600);
});
