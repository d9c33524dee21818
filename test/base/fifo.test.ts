import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fifo } from '../../src/base/fifo.ts';

describe('a fifo', () => {
  test('behaves as an array does, however long it grew', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 0, max: 600 }) }),
      fc.record({ shift: fc.integer({ min: 0, max: 600 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        let next = 0;
        for (const act of steps) {
          if ('push' in act)
            for (let i = 0; i < act.push; i++) {
              fifo.push(next);
              model.push(next++);
            }
          else for (let i = 0; i < act.shift; i++) expect(fifo.shift()).toBe(model.shift());
          expect(fifo.length).toBe(model.length);
          expect(fifo.at(0)).toBe(model[0]);
          expect(fifo.last).toBe(model.at(-1));
          if (model.length > 0) {
            fifo.replaceLast(next);
            model[model.length - 1] = next++;
          }
          expect(fifo.at(model.length)).toBeUndefined();
        }
        fifo.clear();
        expect([fifo.length, fifo.at(0), fifo.shift()]).toEqual([0, undefined, undefined]);
      }),
    );
  });
});
