/** Every single bit of what `test/identity/flips.test.ts` samples, for both kinds of keys, on both providers. */
import { describe, expect, it } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { flippables, unnoticed } from '../support/flips.ts';

describe.each([node, noble])('one flipped bit is refused ($name)', (provider) => {
  describe.each(['ed25519', 'p256'] as const)('with %s keys in', (kind) => {
    it.each(flippables(kind))('$name', (one) => {
      expect(one.accepts(one.bytes, provider)).toBe(true);
      expect(unnoticed(one, provider)).toEqual([]);
    });
  });
});
