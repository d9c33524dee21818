import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.ts';
import { SessionTicket } from '../../../src/tls/tickets/sessionTicket.ts';
import { TicketCache } from '../../../src/tls/tickets/ticketCache.ts';
import { VirtualClock } from '../../support/clock.ts';

function ticketOf(lifetime: number, length = 100, expiresAt = Number.MAX_SAFE_INTEGER): SessionTicket {
  return new SessionTicket({
    suite: 'TLS_AES_128_GCM_SHA256',
    psk: new Secret(new Uint8Array(32).fill(0xa7)),
    ticket: new Uint8Array(length),
    ageAdd: 1,
    lifetime,
    maxEarlyData: 0,
    chain: [],
    expiresAt,
  });
}

const isDestroyed = ({ psk }: SessionTicket): boolean => {
  try {
    return psk.expose() === undefined;
  } catch {
    return true;
  }
};

interface Kept {
  readonly key: string;
  readonly ticket: SessionTicket;
  readonly at: number;
}

const cost = ({ ticket }: Kept): number => ticket.size + 512;
const total = (list: readonly Kept[]): number => list.reduce((sum, kept) => sum + cost(kept), 0);

describe('a ticket cache', () => {
  it('hands out each ticket once, newest first, never an expired one, within its bounds (lesson 25)', () => {
    const op = fc.oneof(
      fc.record({ op: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 400_000 }) }),
      fc.record({
        op: fc.constant('put' as const),
        key: fc.constantFrom('a', 'b', 'c'),
        lifetime: fc.integer({ min: 0, max: 900 }),
        length: fc.integer({ min: 1, max: 2000 }),
        expiresAt: fc.oneof(fc.constant(Number.MAX_SAFE_INTEGER), fc.integer({ min: 0, max: 2_000_000 })),
      }),
      fc.record({ op: fc.constant('take' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    );
    const bounds = fc.record({
      maxEntries: fc.integer({ min: 1, max: 6 }),
      maxPerKey: fc.integer({ min: 1, max: 4 }),
      maxBytes: fc.integer({ min: 4000, max: 12_000 }),
    });
    fc.assert(
      fc.property(bounds, fc.array(op, { maxLength: 80 }), (limits, ops) => {
        const clock = new VirtualClock();
        const cache = new TicketCache({ clock, ...limits });
        const put = new Set<SessionTicket>();
        const taken = new Set<SessionTicket>();
        let model: Kept[] = [];
        const isLive = ({ ticket, at }: Kept): boolean =>
          clock.now() - at < ticket.lifetime * 1000 && clock.now() <= ticket.expiresAt;
        for (const step of ops) {
          if (step.op === 'wait') clock.advance(step.ms);
          if (step.op === 'put') {
            const ticket = ticketOf(step.lifetime, step.length, step.expiresAt);
            const kept = { key: step.key, ticket, at: clock.now() };
            cache.put(kept.key, kept.ticket);
            put.add(kept.ticket);
            if (step.lifetime > 0 && cost(kept) <= limits.maxBytes / 4) {
              const mine = model.filter(({ key }) => key === kept.key);
              if (mine.length >= limits.maxPerKey) model = model.filter((one) => one !== mine[0]);
              while (
                model.length > 0 &&
                (model.length >= limits.maxEntries ||
                  total(model) + cost(kept) > limits.maxBytes ||
                  !isLive(model[0]!))
              )
                model.shift();
              model.push(kept);
            }
          }
          if (step.op === 'take') {
            const live = model.filter((kept) => kept.key === step.key && isLive(kept));
            const wanted = live.at(-1);
            const got = cache.take(step.key);
            expect(got?.ticket).toBe(wanted?.ticket);
            if (wanted !== undefined && got !== undefined) {
              expect(got.age).toBe(clock.now() - wanted.at);
              expect(isDestroyed(got.ticket)).toBe(false);
              expect(taken.has(got.ticket)).toBe(false);
              taken.add(got.ticket);
            }
            // Expired ones that were in the way are gone; those behind the one taken may stay.
            const at = wanted === undefined ? -1 : model.indexOf(wanted);
            model = model.filter((kept, i) => kept.key !== step.key || i < at);
          }
          expect(cache.size).toBe(model.length);
          expect(cache.bytes).toBe(total(model));
          expect(cache.size).toBeLessThanOrEqual(limits.maxEntries);
          expect(cache.bytes).toBeLessThanOrEqual(limits.maxBytes);
          const held = new Set(model.map(({ ticket }) => ticket));
          for (const ticket of put) expect(isDestroyed(ticket)).toBe(!held.has(ticket) && !taken.has(ticket));
        }
      }),
    );
  });

  it('takes no lifetime beyond a week for true (RFC 9846 §4.7.1)', () => {
    const clock = new VirtualClock();
    const cache = new TicketCache({ clock });
    for (const key of ['early', 'late']) cache.put(key, ticketOf(2 ** 32 - 1));
    clock.advance(604_800_000 - 1);
    expect(cache.take('early')?.age).toBe(604_799_999);
    clock.advance(1);
    expect(cache.take('late')).toBeUndefined();
  });

  it('lets a ticket end with the certificates it was made with (lesson 23)', () => {
    const clock = new VirtualClock();
    const cache = new TicketCache({ clock });
    for (const key of ['before', 'after']) cache.put(key, ticketOf(600, 100, 5000));
    clock.advance(5000);
    expect(cache.take('before')).toBeDefined();
    clock.advance(1);
    expect(cache.take('after')).toBeUndefined();
  });

  it('forgets one server, or all', () => {
    const cache = new TicketCache();
    const tickets = ['a', 'a', 'b'].map((key) => {
      const ticket = ticketOf(60);
      cache.put(key, ticket);
      return ticket;
    });
    cache.clear('a');
    expect(tickets.map(isDestroyed)).toEqual([true, true, false]);
    cache.clear('a');
    cache.clear();
    expect(tickets.map(isDestroyed)).toEqual([true, true, true]);
    expect([cache.size, cache.bytes]).toEqual([0, 0]);
  });

  it('refuses bounds that bound nothing', () => {
    expect(() => new TicketCache({ maxPerKey: 0 })).toThrow(/^maxPerKey: 0 is not/);
    expect(() => new TicketCache({ maxEntries: -1 })).toThrow(/^maxEntries: /);
    expect(() => new TicketCache({ maxBytes: Number.NaN })).toThrow(/^maxBytes: /);
  });

  it('and its tickets print nothing', () => {
    const cache = new TicketCache();
    const ticket = ticketOf(60);
    cache.put('a', ticket);
    const texts = [cache, ticket].map((value) =>
      [inspect(value, { depth: 9, showHidden: true }), String(value), JSON.stringify(value)].join(),
    );
    for (const text of texts) expect(text).not.toMatch(/167|a7a7/);
    expect(String(ticket)).toBe('[session ticket]');
    expect(Object.isFrozen(ticket)).toBe(true);
  });
});
