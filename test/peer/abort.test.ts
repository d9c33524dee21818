import { describe, expect, test } from 'vitest';
import { abortable, Waiters, withDeadline } from '../../src/peer/abort.ts';
import { CountedSignal } from '../support/signal.ts';
import { VirtualClock } from '../support/simLink.ts';

describe('abortable', () => {
  test('ends with what comes first, and leaves no listener either way', async () => {
    const signal = new CountedSignal();
    expect(await abortable(Promise.resolve(1), signal)).toBe(1);
    await expect(abortable(Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed');
    expect(signal.listeners).toBe(0);
    const never = abortable(new Promise(() => {}), signal);
    expect(signal.listeners).toBe(1);
    signal.abort(new Error('enough'));
    await expect(never).rejects.toThrow('enough');
    await expect(abortable(Promise.reject(new Error('nobody hears this')), signal)).rejects.toThrow('enough');
    expect(signal.listeners).toBe(0);
  });
});

describe('those who wait', () => {
  test('are answered together, but for those who gave up', async () => {
    const waiters = new Waiters<string>();
    const [first, second] = [new CountedSignal(), new CountedSignal()];
    const waits = [waiters.wait(first), waiters.wait(second), waiters.wait()];
    first.abort(new Error('gave up'));
    waiters.resolve('here');
    await expect(waits[0]).rejects.toThrow('gave up');
    expect(await Promise.all(waits.slice(1))).toEqual(['here', 'here']);
    expect([first.listeners, second.listeners]).toEqual([0, 0]);
  });

  test('fail together, and who waits afterwards waits anew', async () => {
    const waiters = new Waiters<string>();
    const signal = new CountedSignal();
    const waits = [waiters.wait(signal), waiters.wait()];
    waiters.reject(() => new Error('over'));
    for (const wait of waits) await expect(wait).rejects.toThrow('over');
    const later = waiters.wait(signal);
    expect(signal.listeners).toBe(1);
    waiters.resolve('anew');
    expect(await later).toBe('anew');
    expect(signal.listeners).toBe(0);
  });
});

test('a deadline leaves neither a timer nor a listener, whichever way the work ends', async () => {
  for (const work of [() => Promise.resolve(), () => Promise.reject(new Error('failed'))]) {
    const clock = new VirtualClock();
    const signal = new CountedSignal();
    await withDeadline({ clock, delay: 1_000, reason: () => new Error('late'), signal }, work).catch(
      () => {},
    );
    expect([clock.pending, signal.listeners]).toEqual([0, 0]);
  }
});
