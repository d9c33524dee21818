import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import type { FrameWriter } from '../../src/mux/frameWriter.ts';
import { SendQueue } from '../../src/mux/sendQueue.ts';

const MAX = 16_384;

/** Moves everything out in frames of at most `max` bytes. */
function frames(queue: SendQueue, max: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let size = queue.nextSize(max); size > 0; size = queue.nextSize(max)) {
    const parts: Uint8Array[] = [];
    queue.move(size, { payload: (part: Uint8Array) => parts.push(part) } as unknown as FrameWriter);
    out.push(concat(parts));
  }
  return out;
}

describe('a channel’s send queue', () => {
  it('keeps each record of one write in a frame of its own', () => {
    const queue = new SendQueue();
    const records = [1, 2, 3, 4].map((fill) => new Uint8Array(16_342).fill(fill));
    queue.push(records);
    expect(frames(queue, MAX)).toEqual(records);
  });

  it('joins small parts as far as they fit whole', () => {
    const queue = new SendQueue();
    queue.push([new Uint8Array(6_000), new Uint8Array(6_000)]);
    queue.push(new Uint8Array(6_000));
    expect(frames(queue, MAX).map((frame) => frame.length)).toEqual([12_000, 6_000]);
  });

  it('splits only a part that is larger than a frame', () => {
    const queue = new SendQueue();
    queue.push([new Uint8Array(10), new Uint8Array(40_000), new Uint8Array(10)]);
    expect(frames(queue, MAX).map((frame) => frame.length)).toEqual([10, MAX, MAX, 7_242]);
  });

  it('gives out what was put in, in order, whatever the sizes', () => {
    const write = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 10 }), fc.integer({ min: 1, max: 60 }), (writes, max) => {
        const queue = new SendQueue();
        for (const parts of writes) queue.push(parts);
        const out = frames(queue, max);
        expect(concat(out)).toEqual(concat(writes.flat()));
        expect(out.every((frame) => frame.length <= max)).toBe(true);
        expect(queue.length).toBe(0);
      }),
    );
  });
});
