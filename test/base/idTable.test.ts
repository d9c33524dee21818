import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IdTable } from '../../src/base/idTable.ts';

/** Few homes, so that runs are long and wrap around; some ids far away. */
const ids = fc.oneof(
  fc.integer({ min: 1, max: 24 }),
  fc.integer({ min: 1, max: 40 }).map((n) => n * 8),
  fc.integer({ min: 1, max: 2 ** 31 - 1 }),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ set: ids }) },
  { weight: 2, arbitrary: fc.record({ remove: ids }) },
);

describe('a table by id', () => {
  test('behaves as a map does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 900 }), (steps) => {
        const table = new IdTable<number>();
        const model = new Map<number, number>();
        steps.forEach((act, i) => {
          if ('set' in act) {
            table.set(act.set, i);
            model.set(act.set, i);
          } else expect(table.delete(act.remove)).toBe(model.delete(act.remove));
          expect(table.size).toBe(model.size);
        });
        const order = [...model.keys()].sort((a, b) => a - b);
        expect(table.ids()).toEqual(order);
        expect(table.values()).toEqual(order.map((id) => model.get(id)));
        for (let id = 0; id < 330; id++) {
          expect(table.get(id)).toBe(model.get(id));
          expect(table.has(id)).toBe(model.has(id));
        }
        table.clear();
        expect([table.size, table.ids(), table.get(order[0] ?? 1)]).toEqual([0, [], undefined]);
      }),
    );
  });

  test('what is no id is not in it, and cannot be put there', () => {
    const table = new IdTable<string>();
    table.set(1, 'one');
    for (const id of [0, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 32 + 1]) {
      expect(table.get(id)).toBeUndefined();
      expect(table.has(id)).toBe(false);
      expect(table.delete(id)).toBe(false);
      expect(() => table.set(id, 'none')).toThrow(RangeError);
    }
    expect(() => table.set(1.5, 'none')).toThrow(RangeError);
    expect(table.size).toBe(1);
  });
});
