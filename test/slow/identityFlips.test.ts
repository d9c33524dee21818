/**
 * Every single bit of what `test/identity/flips.test.ts` samples, for both kinds of keys; every fifth on the portable
 * provider, which takes ten times as long.
 */
import { describe, expect, it } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { flippables, unnoticed } from '../support/flips.ts';

describe.each([
  { name: 'node', provider: node, step: 1 },
  { name: 'noble', provider: noble, step: 5 },
])('one flipped bit is refused ($name)', ({ provider, step }) => {
  describe.each(['ed25519', 'p256'] as const)('with %s keys in', (kind) => {
    for (const one of flippables(kind))
      it(one.name, () => {
        expect(one.accepts(one.bytes, provider)).toBe(true);
        expect(unnoticed(one, provider, step)).toEqual([]);
      });
  });
});
