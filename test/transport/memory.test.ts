import { describe, expect, it } from 'vitest';
import { memoryPair } from '../../src/transport/memory.ts';
import { echo, exercise } from '../support/channels.ts';
import { SeededRandom } from '../support/random.ts';
import { settleMicrotasks, VirtualClock } from '../support/simLink.ts';

describe('a pair of links in memory', () => {
  it.each([
    ['whole', {}],
    ['one byte at a time', { chunk: () => 1 }],
    ['1 KiB of room', { capacity: 1_024 }],
    ['messages', { messages: true }],
  ])('carries bytes both ways and closes cleanly (%s)', async (_, options) => {
    const [a, b] = memoryPair(options);
    const length = 20_000;
    const [left, right] = [
      exercise(a, { reads: 2, writes: { seed: 1, length, step: 700 } }),
      exercise(b, { reads: 1, writes: { seed: 2, length, step: 900 } }),
    ];
    await Promise.all([left.done, right.done]);
    for (const log of [left, right])
      expect(log).toMatchObject({ received: length, wrongAt: -1, ends: 1, closes: 1, error: undefined });
  });

  it('holds the sender back until the other end starts, and says when there is room', async () => {
    const [a, b] = memoryPair({ capacity: 1_000 });
    let drains = 0;
    a.start({ data() {}, drain: () => drains++, end() {}, closed() {} });
    expect(a.send(new Uint8Array(999))).toBe(true);
    expect(a.send(new Uint8Array(1))).toBe(false);
    await settleMicrotasks();
    expect([a.buffered, drains]).toEqual([1_000, 0]);
    const log = exercise(b, {});
    await settleMicrotasks();
    expect([a.buffered, drains, log.received]).toEqual([0, 1, 1_000]);
  });

  it('delivers nothing while paused and nothing from inside the caller', async () => {
    const [a, b] = memoryPair();
    a.start({ data() {}, drain() {}, end() {}, closed() {} });
    const log = exercise(b, {});
    b.pause();
    a.send(new Uint8Array(10));
    await settleMicrotasks();
    expect(log.received).toBe(0);
    b.resume();
    expect(log.received).toBe(0);
    await settleMicrotasks();
    expect(log.received).toBe(10);
  });

  it('keeps message boundaries', async () => {
    const [a, b] = memoryPair({ messages: true });
    a.start({ data() {}, drain() {}, end() {}, closed() {} });
    const sizes: number[] = [];
    exercise(b, { onData: (bytes) => sizes.push(bytes.length) });
    a.send([new Uint8Array(3), new Uint8Array(4)]);
    a.send(new Uint8Array(5));
    await settleMicrotasks();
    expect(sizes).toEqual([7, 5]);
  });

  it('passes a half-close on: an echo ends when its caller does', async () => {
    const random = new SeededRandom(1);
    const [a, b] = memoryPair({ capacity: 500, chunk: (n) => random.int(1, n) });
    echo(b);
    const log = exercise(a, { reads: 9, writes: { seed: 9, length: 50_000 } });
    await log.done;
    expect(log).toMatchObject({ received: 50_000, wrongAt: -1, ends: 1, error: undefined });
  });

  it('reset: both ends hear it once, the other as a failure, and no end comes', async () => {
    const [a, b] = memoryPair();
    const [left, right] = [exercise(a, {}), exercise(b, {})];
    a.send(new Uint8Array(10));
    a.reset();
    a.close();
    b.reset();
    await Promise.all([left.done, right.done]);
    await settleMicrotasks();
    expect(left).toMatchObject({ closes: 1, ends: 0, error: { code: 'ERR_LINK_ABORTED' } });
    expect(right).toMatchObject({ closes: 1, ends: 0, error: { code: 'ERR_LINK_RESET' } });
    expect(a.send(new Uint8Array(1))).toBe(false);
  });

  it('close sends what is queued; bytes that the closer no longer takes are a failure at their sender', async () => {
    const [a, b] = memoryPair();
    const left = exercise(a, {});
    const right = exercise(b, {});
    a.send(new Uint8Array(10));
    a.close();
    await left.done;
    await settleMicrotasks();
    expect(left.error).toBeUndefined();
    expect(right).toMatchObject({ received: 10, ends: 1, closes: 0 });
    b.send(new Uint8Array(1));
    await right.done;
    expect(right.error).toMatchObject({ code: 'ERR_LINK_RESET' });
  });

  it('tells a late starter that the link has gone', async () => {
    const [a, b] = memoryPair();
    a.start({ data() {}, drain() {}, end() {}, closed() {} });
    a.reset();
    await settleMicrotasks();
    const log = exercise(b, {});
    await log.done;
    expect(log.error).toMatchObject({ code: 'ERR_LINK_RESET' });
  });

  it('delays by its latency', async () => {
    const clock = new VirtualClock();
    const [a, b] = memoryPair({ latency: 100, clock });
    a.start({ data() {}, drain() {}, end() {}, closed() {} });
    const log = exercise(b, {});
    a.send(new Uint8Array(1));
    await clock.advance(99);
    expect(log.received).toBe(0);
    await clock.advance(2);
    expect(log.received).toBe(1);
  });
});
