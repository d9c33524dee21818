import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, hex } from '../../../src/base/bytes.ts';
import type { Clock } from '../../../src/base/clock.ts';
import { provider as node } from '../../../src/crypto/node.node.ts';
import { MAX_CLOCK_SKEW, MAX_TICKET_STATE } from '../../../src/tls/limits.ts';
import type { IssuedTicket } from '../../../src/tls/tickets/issuer.ts';
import { TicketKeys } from '../../../src/tls/tickets/ticketKeys.ts';
import { providers } from '../../crypto/providers.ts';
import { VirtualClock } from '../../support/clock.ts';
import { override } from '../../support/scriptedProvider.ts';

const LIFETIME = 600;
const state = (fill = 7, length = 100): Bytes => new Uint8Array(length).fill(fill);
const key = (fill: number): Bytes => Uint8Array.from({ length: 32 }, (_, i) => fill + i);

/** A clock whose two hands are set apart. */
class SetBack implements Clock {
  wall = 1_000_000_000_000;
  steady = 0;
  now = (): number => this.wall;
  monotonic = (): number => this.steady;
  after = (): (() => void) => {
    throw new Error('no timers here');
  };
}

describe.each(providers)('ticket keys on $name', (provider) => {
  const clock = new VirtualClock();
  const keys = new TicketKeys(provider, { lifetime: LIFETIME, clock });

  it('give the state back with its age', () => {
    const { ticket, lifetime } = keys.issue(state())!;
    clock.advance(2_500);
    expect(lifetime).toBe(LIFETIME);
    expect(keys.redeem(ticket)).toEqual({ state: state(), age: 2_500 });
  });

  it('open nothing that differs in one byte, or in length', () => {
    const { ticket } = keys.issue(state(7, 40))!;
    for (let i = 0; i < ticket.length; i++) {
      for (const flip of [1, 0x80, 0xff]) {
        const forged = new Uint8Array(ticket);
        forged[i]! ^= flip;
        expect(keys.redeem(forged)).toBeUndefined();
      }
      expect(keys.redeem(ticket.subarray(0, i))).toBeUndefined();
      expect(keys.redeem(ticket.subarray(i + 1))).toBeUndefined();
    }
    expect(keys.redeem(new Uint8Array([...ticket, 0]))).toBeUndefined();
    expect(keys.redeem(ticket)).toBeDefined();
  });
});

describe('ticket keys', () => {
  it('keep every promised lifetime, exactly, and nothing beyond it', () => {
    const op = fc.oneof(
      fc.record({ op: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: LIFETIME * 700 }) }),
      fc.record({ op: fc.constant('wait' as const), ms: fc.constant(LIFETIME * 500) }),
      fc.record({ op: fc.constant('issue' as const), bytes: fc.uint8Array({ maxLength: 60 }) }),
      fc.record({ op: fc.constant('redeem' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const clock = new VirtualClock();
        const keys = new TicketKeys(node, { lifetime: LIFETIME, clock });
        const issued: { bytes: Uint8Array; at: number; given: IssuedTicket }[] = [];
        for (const step of ops) {
          if (step.op === 'wait') clock.advance(step.ms);
          if (step.op === 'issue') {
            const given = keys.issue(new Uint8Array(step.bytes))!;
            expect(given.lifetime).toBeGreaterThanOrEqual(LIFETIME / 2);
            expect(given.lifetime).toBeLessThanOrEqual(LIFETIME);
            issued.push({ bytes: step.bytes, at: clock.now(), given });
          }
          if (step.op === 'redeem' && issued.length > 0) {
            const { bytes, at, given } = issued[step.which % issued.length]!;
            const age = clock.now() - at;
            const redeemed = keys.redeem(given.ticket);
            if (age < given.lifetime * 1000) expect(redeemed).toEqual({ state: bytes, age });
            // Lifetimes are whole seconds; the key itself dies within the next one.
            else if (age >= (given.lifetime + 1) * 1000) expect(redeemed).toBeUndefined();
          }
        }
      }),
    );
  });

  it('throw at no bytes', () => {
    const keys = new TicketKeys(node);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(keys.redeem(bytes)).toBeUndefined();
      }),
    );
  });

  it('never carry 0-RTT: what they seal can be shown again', () => {
    const keys = new TicketKeys(node);
    const { ticket } = keys.issue(state())!;
    expect(keys.redeem(ticket)).toBeDefined();
    expect(keys.redeem(ticket)).toBeDefined();
    expect(keys.onceOnly).toBe(false);
  });

  it('seal one state twice into tickets that share nothing but the name of the key', () => {
    const keys = new TicketKeys(node);
    const [one, two] = [keys.issue(state())!.ticket, keys.issue(state())!.ticket];
    expect(one.subarray(0, 16)).toEqual(two.subarray(0, 16));
    expect(one.filter((byte, i) => i >= 16 && byte === two[i]).length).toBeLessThan(20);
  });

  it('zero the state they were given', () => {
    const given = state();
    new TicketKeys(node).issue(given);
    expect(given).toEqual(state(0));
  });

  it('give no ticket for a state that is too large', () => {
    const keys = new TicketKeys(node);
    expect(keys.issue(state(1, MAX_TICKET_STATE))).toBeDefined();
    expect(keys.issue(state(1, MAX_TICKET_STATE + 1))).toBeUndefined();
  });

  it('rotate at half of the lifetime and forget at the end of it (lesson 24)', () => {
    const clock = new VirtualClock();
    const keys = new TicketKeys(node, { lifetime: LIFETIME, clock });
    const name = (): string => hex(keys.issue(state())!.ticket.subarray(0, 16));
    const [first, { ticket }] = [name(), keys.issue(state())!];
    clock.advance(LIFETIME * 500 - 1);
    expect(name()).toBe(first);
    expect(keys.issue(state())!.lifetime).toBe(LIFETIME / 2);
    clock.advance(1);
    expect(name()).not.toBe(first);
    expect(keys.redeem(ticket)).toBeDefined();
    clock.advance(LIFETIME * 500);
    expect(keys.redeem(ticket)).toBeUndefined();
  });

  it('of one process are worth nothing to the next (lesson 24)', () => {
    const { ticket } = new TicketKeys(node).issue(state())!;
    expect(new TicketKeys(node).redeem(ticket)).toBeUndefined();
  });

  it('do not live longer because a clock is set back', () => {
    const clock = new SetBack();
    const keys = new TicketKeys(node, { lifetime: LIFETIME, clock });
    const { ticket } = keys.issue(state())!;
    clock.wall -= 3_600_000;
    expect(keys.redeem(ticket)).toBeUndefined();
    clock.wall += 3_600_000;
    expect(keys.redeem(ticket)).toBeDefined();
    clock.steady += LIFETIME * 1000;
    expect(keys.redeem(ticket)).toBeUndefined();
  });

  it('do the same work for a name unknown as for a seal broken', () => {
    const calls: string[] = [];
    const provider = override(node, {
      hkdfExpand: (name, prk, info, length) => {
        calls.push(`expand ${info.length} ${length}`);
        return node.hkdfExpand(name, prk, info, length);
      },
      aead: (name, bytes) => {
        calls.push(`open ${name}`);
        return node.aead(name, bytes);
      },
    });
    const keys = new TicketKeys(provider);
    const { ticket } = keys.issue(state())!;
    const workOf = (at: number): string[] => {
      const forged = new Uint8Array(ticket);
      forged[at]! ^= 1;
      calls.length = 0;
      expect(keys.redeem(forged)).toBeUndefined();
      return [...calls];
    };
    expect(workOf(0)).toEqual(workOf(ticket.length - 1));
  });

  it('leave no key of a ticket behind', () => {
    const derived: Uint8Array[] = [];
    const provider = override(node, {
      hkdfExpand: (name, prk, info, length) => {
        const bytes = node.hkdfExpand(name, prk, info, length);
        if (length === 32) derived.push(bytes);
        return bytes;
      },
    });
    const keys = new TicketKeys(provider);
    const { ticket } = keys.issue(state())!;
    keys.redeem(ticket);
    expect(derived).toEqual([new Uint8Array(32), new Uint8Array(32)]);
  });

  it('end when they are destroyed', () => {
    const keys = new TicketKeys(node);
    const { ticket } = keys.issue(state())!;
    keys.destroy();
    expect(keys.redeem(ticket)).toBeUndefined();
    expect(keys.issue(state())).toBeUndefined();
  });

  it('refuse a lifetime beyond a week', () => {
    expect(() => new TicketKeys(node, { lifetime: 604_801 })).toThrow(/^lifetime: 604801 is not/);
    expect(() => new TicketKeys(node, { lifetime: 0 })).toThrow(/^lifetime: /);
    expect(() => new TicketKeys(node, { lifetime: 1.5 })).toThrow(/^lifetime: /);
  });
});

describe('shared ticket keys', () => {
  it('open each other’s tickets, on any provider, before and after a rotation', () => {
    const [one, other] = providers.map(
      (provider) => new TicketKeys(provider, { shared: { current: key(1) } }),
    );
    const { ticket } = one!.issue(state())!;
    expect(other!.redeem(ticket)?.state).toEqual(state());
    other!.rotate(key(2));
    expect(other!.redeem(ticket)).toBeDefined();
    const late = other!.issue(state())!.ticket;
    expect(one!.redeem(late)).toBeUndefined();
    one!.rotate(key(2));
    expect(one!.redeem(late)).toBeDefined();
    other!.rotate(key(3));
    expect(other!.redeem(ticket)).toBeUndefined();
    expect(
      new TicketKeys(node, { shared: { current: key(2), previous: key(1) } }).redeem(ticket),
    ).toBeDefined();
  });

  it('are refused when they are all zero, too short, or given twice (lesson 24)', () => {
    const make = (current: Uint8Array, previous?: Uint8Array): TicketKeys =>
      new TicketKeys(node, { shared: { current, ...(previous && { previous }) } });
    const config = expect.objectContaining({ code: 'ERR_TLS_CONFIG' });
    expect(() => make(new Uint8Array(32))).toThrow(config);
    expect(() => make(new Uint8Array(32))).toThrow(/^shared\.current: is one byte over and over/);
    expect(() => make(key(1), new Uint8Array(32))).toThrow(/^shared\.previous: /);
    expect(() => make(key(1).subarray(1))).toThrow(/^shared\.current: is not 32 bytes/);
    expect(() => make(key(1), key(1))).toThrow(/^shared\.previous: is the current key once more/);
    const keys = make(key(1));
    expect(() => keys.rotate(key(1))).toThrow(/^next: is a key in use/);
    expect(() => keys.rotate(new Uint8Array(32))).toThrow(/^next: /);
    expect(() => new TicketKeys(node).rotate(key(1))).toThrow(/^rotate: /);
  });

  it('put up with clocks that differ a little, and with nothing from the future', () => {
    const [early, late] = [new SetBack(), new SetBack()];
    late.wall += MAX_CLOCK_SKEW;
    const options = { shared: { current: key(1) }, lifetime: LIFETIME };
    const ahead = new TicketKeys(node, { ...options, clock: late });
    const behind = new TicketKeys(node, { ...options, clock: early });
    expect(behind.redeem(ahead.issue(state())!.ticket)?.age).toBe(0);
    late.wall += 1;
    expect(behind.redeem(ahead.issue(state())!.ticket)).toBeUndefined();
  });

  it('expire tickets by themselves', () => {
    const clock = new SetBack();
    const keys = new TicketKeys(node, { shared: { current: key(1) }, lifetime: LIFETIME, clock });
    const { ticket, lifetime } = keys.issue(state())!;
    expect(lifetime).toBe(LIFETIME);
    clock.wall += LIFETIME * 1000 - 1;
    expect(keys.redeem(ticket)).toBeDefined();
    clock.wall += 1;
    expect(keys.redeem(ticket)).toBeUndefined();
  });

  it('are copied, and cannot be printed', () => {
    const current = key(0x40);
    const keys = new TicketKeys(node, { shared: { current } });
    const { ticket } = keys.issue(state())!;
    current.fill(0);
    expect(keys.redeem(ticket)).toBeDefined();
    const text = inspect(keys, { depth: 9, showHidden: true }) + JSON.stringify(keys);
    expect(text).not.toMatch(/65,\s*66,\s*67/);
  });
});
