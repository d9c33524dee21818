import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, equalBytes } from '../../../src/base/bytes.ts';
import type { Clock } from '../../../src/base/clock.ts';
import { provider as node } from '../../../src/crypto/node.node.ts';
import { MAX_TICKET_STATE } from '../../../src/tls/limits.ts';
import { SessionCache } from '../../../src/tls/tickets/sessionCache.ts';
import { VirtualClock } from '../../support/clock.ts';

const LIFETIME = 600;
const state = (fill = 7, length = 100): Bytes => new Uint8Array(length).fill(fill);
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

interface Kept {
  readonly ticket: Bytes;
  readonly content: Uint8Array;
  readonly at: number;
}

/** What the cache should do, plainly: a list, oldest first. */
class Model {
  list: Kept[] = [];
  readonly entries: number;
  readonly bytes: number;

  constructor(entries: number, bytes: number) {
    this.entries = entries;
    this.bytes = bytes;
  }

  get cost(): number {
    return this.list.reduce((sum, { content }) => sum + content.length + 512, 0);
  }

  issue(kept: Kept): void {
    this.list = this.list.filter(({ at }) => kept.at - at < LIFETIME * 1000);
    this.list.push(kept);
    while (this.list.length > this.entries || this.cost > this.bytes) this.list.shift();
  }

  redeem(ticket: Bytes, now: number): Kept | undefined {
    const found = this.list.find((kept) => equalBytes(kept.ticket, ticket));
    this.list = this.list.filter((kept) => kept !== found);
    return found !== undefined && now - found.at < LIFETIME * 1000 ? found : undefined;
  }
}

describe('a session cache', () => {
  it('does what a plain list does, bounded by count and by bytes', () => {
    const op = fc.oneof(
      fc.record({ op: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: LIFETIME * 600 }) }),
      fc.record({ op: fc.constant('issue' as const), length: fc.integer({ min: 1, max: 900 }) }),
      fc.record({
        op: fc.constant('redeem' as const),
        which: fc.nat(),
        times: fc.integer({ min: 1, max: 2 }),
      }),
    );
    const bounds = fc.record({
      maxEntries: fc.integer({ min: 1, max: 6 }),
      maxBytes: fc.integer({ min: 1500, max: 5000 }),
    });
    fc.assert(
      fc.property(bounds, fc.array(op, { maxLength: 60 }), (limits, ops) => {
        const clock = new VirtualClock();
        const cache = new SessionCache(node, { lifetime: LIFETIME, clock, ...limits });
        const model = new Model(limits.maxEntries, limits.maxBytes);
        const given: { kept: Kept; array: Bytes }[] = [];
        let fill = 0;
        for (const step of ops) {
          if (step.op === 'wait') clock.advance(step.ms);
          if (step.op === 'issue') {
            fill = (fill % 255) + 1;
            const array = state(fill, step.length);
            const { ticket, lifetime } = cache.issue(array)!;
            expect(lifetime).toBe(LIFETIME);
            const kept = { ticket, content: new Uint8Array(array), at: clock.now() };
            model.issue(kept);
            given.push({ kept, array });
          }
          if (step.op === 'redeem' && given.length > 0) {
            const { kept } = given[step.which % given.length]!;
            for (let i = 0; i < step.times; i++) {
              const wanted = model.redeem(kept.ticket, clock.now());
              const age = clock.now() - kept.at;
              expect(cache.redeem(kept.ticket)).toEqual(wanted && { state: kept.content, age });
            }
          }
          expect(cache.size).toBe(model.list.length);
          expect(cache.bytes).toBe(model.cost);
          expect(cache.size).toBeLessThanOrEqual(limits.maxEntries);
          expect(cache.bytes).toBeLessThanOrEqual(limits.maxBytes);
        }
        cache.clear();
        for (const { kept, array } of given) {
          expect(cache.redeem(kept.ticket)).toBeUndefined();
          // What was dropped was zeroed; what was redeemed belongs to who redeemed it.
          if (model.list.includes(kept)) expect(isZero(array)).toBe(true);
        }
      }),
    );
  });

  it('redeems each ticket once, even twice in a row (lesson 25)', () => {
    const cache = new SessionCache(node);
    const { ticket } = cache.issue(state())!;
    expect([cache.redeem(ticket), cache.redeem(ticket)]).toEqual([
      { state: state(), age: expect.any(Number) },
      undefined,
    ]);
    expect(cache.onceOnly).toBe(true);
    expect(cache.bytes).toBe(0);
  });

  it('zeroes what it drops', () => {
    const clock = new VirtualClock();
    const cache = new SessionCache(node, { clock, maxEntries: 1, lifetime: LIFETIME });
    const states = [state(1), state(2), state(3), state(4, MAX_TICKET_STATE + 1)];
    const [, , last] = states.map((one) => cache.issue(one));
    expect(states.map(isZero)).toEqual([true, true, false, true]);
    clock.advance(LIFETIME * 1000);
    expect(cache.redeem(last!.ticket)).toBeUndefined();
    expect(states.map(isZero)).toEqual([true, true, true, true]);
  });

  it('keeps no more than the state, of whatever it is a view', () => {
    const cache = new SessionCache(node);
    const large = state(9, 1000);
    const { ticket } = cache.issue(large.subarray(10, 20))!;
    expect(isZero(large.subarray(10, 20))).toBe(true);
    const redeemed = cache.redeem(ticket)!;
    expect(redeemed.state).toEqual(state(9, 10));
    expect(redeemed.state.buffer.byteLength).toBe(10);
  });

  it('knows no ticket of any other shape', () => {
    const cache = new SessionCache(node);
    const { ticket } = cache.issue(state())!;
    for (let i = 0; i < ticket.length; i++) {
      const forged = new Uint8Array(ticket);
      forged[i]! ^= 1;
      expect(cache.redeem(forged)).toBeUndefined();
      expect(cache.redeem(ticket.subarray(0, i))).toBeUndefined();
    }
    expect(cache.redeem(ticket)).toBeDefined();
  });

  it('counts the hours a machine slept, and those a clock was set back', () => {
    for (const slept of [true, false]) {
      const times = { now: 1e12, monotonic: 0 };
      const clock: Clock = { now: () => times.now, monotonic: () => times.monotonic, after: () => () => {} };
      const cache = new SessionCache(node, { clock, lifetime: LIFETIME });
      const [one, two] = [cache.issue(state())!, cache.issue(state())!];
      if (slept) times.now += LIFETIME * 1000 - 1;
      else [times.now, times.monotonic] = [5e11, LIFETIME * 1000 - 1];
      expect(cache.redeem(one.ticket)?.age).toBe(LIFETIME * 1000 - 1);
      times[slept ? 'now' : 'monotonic'] += 1;
      expect(cache.redeem(two.ticket)).toBeUndefined();
    }
  });

  it('drops what expired as it issues, in linear time altogether', () => {
    const clock = new VirtualClock();
    const cache = new SessionCache(node, { clock, lifetime: LIFETIME });
    for (let i = 0; i < 1000; i++) cache.issue(state(1, 20));
    expect(cache.size).toBe(1000);
    clock.advance(LIFETIME * 1000);
    cache.issue(state());
    expect(cache.size).toBe(1);
  });

  it('refuses bounds that bound nothing', () => {
    expect(() => new SessionCache(node, { maxEntries: 0 })).toThrow(/^maxEntries: 0 is not/);
    expect(() => new SessionCache(node, { maxBytes: Number.POSITIVE_INFINITY })).toThrow(/^maxBytes: /);
    expect(() => new SessionCache(node, { lifetime: 604_801 })).toThrow(/^lifetime: /);
  });
});
