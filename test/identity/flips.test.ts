/** One flipped bit in what the roll, the user CA and the domain sign; every bit of it is tried in `test/slow`. */
import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { flippables, unnoticed } from '../support/flips.ts';

describe('one flipped bit is refused in', () => {
  for (const one of flippables('ed25519'))
    test(one.name, () => {
      expect(one.accepts(one.bytes, provider)).toBe(true);
      expect(unnoticed(one, provider, 7)).toEqual([]);
    });
});
