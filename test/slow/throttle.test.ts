/** The corner of the sweep in test/transport/throttle.test.ts that takes millions of writes. */
import { expect, test } from 'vitest';
import { passed } from '../support/throttled.ts';

test.each(['read', 'write'] as const)(
  'S5: %s at 100 MB/s, byte by byte, is within 5 %% of it',
  async (direction) => {
    const rate = 100e6;
    const bytes = await passed(direction, 80, { rate, size: 1, burst: rate * 0.004 });
    expect(Math.abs(bytes / (rate * 0.08) - 1)).toBeLessThanOrEqual(0.05);
  },
);
