/** Channels that end leave nothing behind, in whatever order their two directions end. */
import { expect, test } from 'vitest';
import { Cycler, ORDERS } from '../support/closeOrders.ts';

test('C5: after every order of closing, from either end, both tables are empty', () => {
  const cycler = new Cycler();
  for (const order of ORDERS)
    for (const odd of [false, true]) {
      cycler.round([order], odd);
      const left = [cycler.a, cycler.b].map(({ mux }) => [mux.stats().channels, mux.stats().incoming]);
      expect(left, JSON.stringify({ ...order, odd })).toEqual([
        [0, 0],
        [0, 0],
      ]);
    }
});

test('C5: thousands of channels, all orders at once, leave the tables empty and the peers all their places', () => {
  const cycler = new Cycler();
  const rounds = 20;
  for (let i = 0; i < rounds; i++) cycler.round(ORDERS, i % 2 === 1);
  for (const { mux, gone } of [cycler.a, cycler.b]) {
    expect([mux.stats().channels, mux.stats().incoming]).toEqual([0, 0]);
    expect(gone).toBe(rounds * ORDERS.length);
  }
});
