import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { ReceiveQueue } from '../../src/mux/receiveQueue.ts';

function drain(queue: ReceiveQueue): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) chunks.push(chunk);
  return chunks;
}

describe('bytes that wait for a reader', () => {
  it('leave in the order they came, whatever their sizes', () => {
    const step = fc.oneof(fc.record({ push: fc.nat(5_000) }), fc.constant({ push: -1 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const queue = new ReceiveQueue();
        const out: Uint8Array[] = [];
        let written = 0;
        for (const { push } of steps) {
          if (push < 0) out.push(queue.shift() ?? new Uint8Array(0));
          else queue.push(Uint8Array.from({ length: push }, () => written++ % 251));
        }
        out.push(...drain(queue));
        const all = concat(out);
        expect(all.length).toBe(written);
        expect(all.every((byte, i) => byte === i % 251)).toBe(true);
        expect(queue.length).toBe(0);
      }),
    );
  });

  it('hands bytes that are taken at once on as they came, uncopied', () => {
    const queue = new ReceiveQueue();
    const bytes = new Uint8Array(65_536).subarray(0, 4_096);
    queue.push(bytes);
    expect(queue.shift()).toBe(bytes);
    expect(queue.length).toBe(0);
  });

  it('one-byte pieces of large chunks do not pin the chunks, nor cost an object each', () => {
    const queue = new ReceiveQueue();
    for (let i = 0; i < 100_000; i++) queue.push(new Uint8Array(64).subarray(i % 64, (i % 64) + 1));
    const chunks = drain(queue);
    expect(chunks.length).toBeLessThan(10);
    const held = new Set(chunks.map((chunk) => chunk.buffer));
    expect([...held].reduce((sum, buffer) => sum + buffer.byteLength, 0)).toBeLessThan(200_000);
    const big = new ReceiveQueue();
    big.push(new Uint8Array(65_536).subarray(0, 4_096));
    big.settle();
    expect(big.shift()!.buffer.byteLength).toBe(4_096);
  });
});
