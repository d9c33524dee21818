import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/base/bytes.ts';
import { ChunkQueue } from '../../src/base/chunks.ts';

type Step = { push: Uint8Array } | { take: number } | { upTo: number } | 'shift' | 'clear';

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.uint8Array({ maxLength: 30 }) }) },
    { weight: 3, arbitrary: fc.record({ take: fc.nat(50) }) },
    { weight: 2, arbitrary: fc.record({ upTo: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.constant('shift' as const) },
    { weight: 1, arbitrary: fc.constant('clear' as const) },
  ),
  { maxLength: 120 },
);

describe('a queue of chunks', () => {
  it('behaves as one flat array of bytes does', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const queue = new ChunkQueue();
        let model: number[] = [];
        for (const step of list) {
          let taken: Uint8Array | undefined;
          if (step === 'clear') {
            queue.clear();
            model = [];
          } else if (step === 'shift') taken = queue.shift();
          else if ('push' in step) {
            queue.push(step.push);
            model.push(...step.push);
          } else if ('upTo' in step) {
            taken = queue.shiftUpTo(step.upTo);
            expect(taken.length).toBeLessThanOrEqual(step.upTo);
          } else if (step.take > model.length) expect(() => queue.take(step.take)).toThrow(RangeError);
          else {
            taken = queue.take(step.take);
            expect(taken.length).toBe(step.take);
          }
          if (taken !== undefined) expect([...taken]).toEqual(model.splice(0, taken.length));
          expect(queue.length).toBe(model.length);
          for (const index of [0, 1, 7, model.length - 1, model.length])
            if (index >= 0) expect(queue.at(index)).toBe(model[index]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('gives a view of the chunk when a read lies inside it, and joins when it spans two', () => {
    const queue = new ChunkQueue();
    const [first, second] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
    queue.push(first);
    queue.push(second);
    expect(queue.take(2).buffer).toBe(first.buffer);
    expect(hex(queue.take(2))).toBe('0304');
    expect(queue.shift().buffer).toBe(second.buffer);
    expect(queue.shift().length).toBe(0);
  });

  it('stays right over many thousand chunks', () => {
    const queue = new ChunkQueue();
    let next = 0;
    for (let i = 0; i < 5000; i++) queue.push(Uint8Array.of(i & 0xff, (i >> 8) & 0xff));
    while (queue.length > 0) {
      const pair = queue.take(2);
      expect(pair[0]! | (pair[1]! << 8)).toBe(next++);
      if (next % 3 === 0 && next < 4000)
        queue.push(Uint8Array.of((4999 + next / 3) & 0xff, (4999 + next / 3) >> 8));
    }
    expect(next).toBeGreaterThan(6000);
  });
});
