import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../src/mux/bucket.ts';
import { ReceiveBudget } from '../../src/mux/budget.ts';
import { RECEIVE_STEPS, type ReceiveState, SEND_STEPS, type SendState } from '../../src/mux/halves.ts';
import { Keepalive } from '../../src/mux/keepalive.ts';
import { resolveLimits } from '../../src/mux/limits.ts';
import { ReceiveCredit, SendCredit } from '../../src/mux/window.ts';

describe('the halves of a channel', () => {
  it('are over exactly in the states without a way out', () => {
    const sendOver = (Object.keys(SEND_STEPS) as SendState[]).filter(
      (state) => Object.keys(SEND_STEPS[state]).length === 0,
    );
    const receiveOver = (Object.keys(RECEIVE_STEPS) as ReceiveState[]).filter(
      (state) => Object.keys(RECEIVE_STEPS[state]).length === 0,
    );
    expect(sendOver).toEqual(['finished', 'reset']);
    expect(receiveOver).toEqual(['ended', 'reset', 'stopped']);
  });

  it('reach every state', () => {
    const reached = new Set<string>(['open']);
    for (const steps of Object.values(SEND_STEPS)) for (const next of Object.values(steps)) reached.add(next);
    expect([...reached].sort()).toEqual(Object.keys(SEND_STEPS).sort());
  });
});

describe('credit', () => {
  it('W4: is an absolute limit that never falls and ignores repeats', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (limits) => {
        const credit = new SendCredit(100);
        for (const limit of limits) {
          const before = credit.limit;
          credit.raise(limit);
          expect(credit.limit).toBe(Math.max(before, limit));
          expect(credit.raise(limit)).toBe(0);
        }
      }),
    );
  });

  it('W9: is worth a grant at most four times per window', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), (step) => {
        const grant = new ReceiveCredit(16_384, 16_384, new ReceiveBudget(0, 0), true);
        let grants = 0;
        for (let moved = 0; moved < 16_384 * 10; ) {
          const size = Math.min(step, grant.left);
          grant.received += size;
          grant.consume(size);
          moved += size;
          if (!grant.worthGranting) continue;
          grants++;
          grant.grant();
        }
        expect(grants).toBeLessThanOrEqual(41);
      }),
    );
  });

  it('refuses an account of more bytes than came', () => {
    const grant = new ReceiveCredit(10, 10, new ReceiveBudget(0, 0), true);
    grant.received = 5;
    expect(() => grant.consume(6)).toThrow(RangeError);
  });
});

describe('keepalive', () => {
  /** Ticks every `step` ms until death or the end; returns the time of death. */
  const run = (keepalive: Keepalive, step: number, end: number, heard: (now: number) => boolean): number => {
    for (let now = 0; now <= end; now += step) {
      if (heard(now)) keepalive.heard(now);
      if (keepalive.tick(now) === 'dead') return now;
    }
    return Number.POSITIVE_INFINITY;
  };

  it('K2: a silent link is dead within two idle periods', () => {
    expect(run(new Keepalive(60_000, 0), 100, 200_000, () => false)).toBe(60_000);
  });

  it('K3: any byte counts as life, and a stall of 39 s is survived', () => {
    expect(run(new Keepalive(60_000, 0), 100, 600_000, (now) => now % 39_000 === 0)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  it('K4: timers throttled to one a minute kill neither a live link nor spare a dead one', () => {
    const step = 61_000;
    expect(run(new Keepalive(60_000, 0), step, 3_600_000, () => true)).toBe(Number.POSITIVE_INFINITY);
    expect(run(new Keepalive(60_000, 0), step, 3_600_000, () => false)).toBeLessThanOrEqual(3 * step);
  });

  it('K4: after an hour of sleep it asks before it kills', () => {
    const keepalive = new Keepalive(60_000, 0);
    expect(keepalive.tick(20_000)).toBe('ping');
    expect(keepalive.tick(3_600_000)).toBe('ping');
    keepalive.heard(3_600_050);
    expect(keepalive.tick(3_600_060)).toBeUndefined();
  });

  it('can be switched off', () => {
    expect(new Keepalive(0, 0).deadline()).toBeUndefined();
  });
});

describe('limits', () => {
  it('token buckets refill with time and with useful work', () => {
    const bucket = new TokenBucket(2, 10, 0);
    expect([bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([true, true, false]);
    expect([bucket.take(100), bucket.take(100)]).toEqual([true, false]);
    bucket.give();
    expect(bucket.take(100)).toBe(true);
    bucket.take(10_000);
    expect([bucket.take(10_000), bucket.take(10_000)]).toEqual([true, false]);
  });

  it('must be whole numbers and leave room for a frame', () => {
    expect(() => resolveLimits({ maxChannels: Number.NaN })).toThrow(RangeError);
    expect(() => resolveLimits({ maxFrame: 10 })).toThrow(RangeError);
  });
});
