import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveBudget } from '../../src/mux/budget.ts';
import { resolveLimits } from '../../src/mux/limits.ts';
import { ReceiveCredit } from '../../src/mux/window.ts';

const TOTAL = 1_000_000;
const FIRST = 10_000;
const CHANNELS = 20;

describe('the receive budget', () => {
  it('W8, W4: is never exceeded, whatever is granted, sent, read and closed in any order', () => {
    const step = fc.record({
      channel: fc.nat(CHANNELS - 1),
      sent: fc.double({ min: 0, max: 1, noNaN: true }),
      read: fc.double({ min: 0, max: 1, noNaN: true }),
      wait: fc.nat(30),
      end: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (script) => {
        const budget = new ReceiveBudget(TOTAL, CHANNELS * FIRST);
        const fresh = (): ReceiveCredit => new ReceiveCredit(FIRST, TOTAL, budget, true);
        const channels = Array.from({ length: CHANNELS }, fresh);
        const closed = new Set<ReceiveCredit>();
        let now = 0;
        for (const { channel, sent, read, wait, end } of script) {
          now += wait;
          const credit = channels[channel]!;
          credit.received += Math.floor(credit.left * sent);
          credit.consume(Math.floor((credit.received - credit.consumed) * read));
          credit.tune(now, 5);
          const before = credit.limit;
          if (credit.worthGranting) expect(credit.grant()).toBeGreaterThanOrEqual(before);
          if (end && read > 0.9) {
            closed.add(credit);
            credit.end(0);
            channels[channel] = fresh();
          }
          const held = channels.map(({ limit, consumed }) => limit - consumed);
          expect(held.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(TOTAL);
          for (const { window } of channels) expect(window).toBeGreaterThanOrEqual(FIRST);
          expect(budget.free).toBeGreaterThanOrEqual(0);
        }
        for (const credit of channels) credit.end(0);
        expect(budget.free).toBe(TOTAL - CHANNELS * FIRST);
      }),
      { numRuns: 200 },
    );
  });

  it('lends the next channel something too, and the loan comes back', () => {
    const budget = new ReceiveBudget(1_000, 0);
    expect([budget.lend(0, 0, 5_000), budget.free]).toEqual([750, 250]);
    expect([budget.lend(0, 0, 5_000), budget.free]).toEqual([187, 63]);
    expect([budget.lend(750, 0, 5_000), budget.free]).toEqual([609, 204]); // less than it had: others have come
    expect([budget.lend(609, 500, 0), budget.free]).toEqual([500, 313]); // what is granted cannot be taken back
  });

  it('must hold the first credit of every channel that the peer may open', () => {
    expect(() =>
      resolveLimits({ receiveBudget: 1_000_000, initialCredit: 10_000, maxChannels: 101 }),
    ).toThrow('101 channels of 10000 bytes need 1010000');
    expect(resolveLimits({ initialCredit: 1_000_000 }).receiveBudget).toBe(2 * 1_024 * 1_000_000);
    expect(resolveLimits().receiveBudget).toBe(134_217_728);
  });
});
