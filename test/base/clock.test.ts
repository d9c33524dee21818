import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { deferred } from '../../src/base/deferred.ts';
import { silent } from '../../src/base/log.ts';

describe('the system clock', () => {
  it('tells the time, and counts milliseconds that never go back', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
    let last = systemClock.monotonic();
    for (let i = 0; i < 1000; i++) {
      const next = systemClock.monotonic();
      expect(next).toBeGreaterThanOrEqual(last);
      last = next;
    }
  });

  it('runs once after a delay, and not at all when cancelled', async () => {
    const done = deferred<string>();
    const cancel = systemClock.after(1, () => done.reject(new Error('was cancelled')));
    cancel();
    const keepAlive = setTimeout(() => {}, 5000);
    systemClock.after(5, () => done.resolve('ran'));
    await expect(done.promise).resolves.toBe('ran');
    clearTimeout(keepAlive);
  });
});

it('a deferred promise is settled from outside', async () => {
  const { promise, reject } = deferred<void>();
  reject(new Error('from outside'));
  await expect(promise).rejects.toThrow('from outside');
});

it('the silent logger takes everything and says nothing', () => {
  expect(silent.log('error', 'text', { field: 1 })).toBeUndefined();
});
