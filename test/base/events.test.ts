import { describe, expect, it, vi } from 'vitest';
import { Events } from '../../src/base/events.ts';

interface Map {
  number: number;
  text: string;
}

describe('an event source', () => {
  it('calls the listeners of a name in order, with the payload', () => {
    const events = new Events<Map>();
    const calls: unknown[] = [];
    events.on('number', (n) => calls.push(['a', n]));
    events.on('number', (n) => calls.push(['b', n]));
    events.on('text', (t) => calls.push(['c', t]));
    events.emit('number', 1);
    events.emit('text', 'x');
    expect(calls).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 'x'],
    ]);
  });

  it('stops calling a listener that was removed, or that wanted one event', () => {
    const events = new Events<Map>();
    const [on, once] = [vi.fn(), vi.fn()];
    const off = events.on('number', on);
    events.once('number', once);
    events.emit('number', 1);
    off();
    off();
    events.emit('number', 2);
    expect(on.mock.calls).toEqual([[1]]);
    expect(once.mock.calls).toEqual([[1]]);
  });

  it('calls a once-listener once even when it emits the event itself', () => {
    const events = new Events<Map>();
    const seen: number[] = [];
    events.once('number', (n) => {
      seen.push(n);
      events.emit('number', n + 1);
    });
    events.emit('number', 1);
    expect(seen).toEqual([1]);
  });

  it('lets listeners come and go while it calls them', () => {
    const events = new Events<Map>();
    const late = vi.fn();
    const off = events.on('number', () => {
      off();
      events.on('number', late);
    });
    events.emit('number', 1);
    expect(late).not.toHaveBeenCalled();
    events.emit('number', 2);
    expect(late.mock.calls).toEqual([[2]]);
  });

  it('hands the error of a listener over and goes on with the others', () => {
    const errors: unknown[] = [];
    const events = new Events<Map>((error) => errors.push(error));
    const after = vi.fn();
    events.on('number', () => {
      throw new Error('theirs');
    });
    events.on('number', after);
    events.emit('number', 1);
    expect(after).toHaveBeenCalledOnce();
    expect(errors).toMatchObject([{ message: 'theirs' }]);
  });

  it('without a handler throws the error of a listener outside the call of emit', () => {
    const queued: (() => void)[] = [];
    const spy = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((run) => void queued.push(run));
    try {
      const events = new Events<Map>();
      events.on('number', () => {
        throw new Error('theirs');
      });
      expect(() => events.emit('number', 1)).not.toThrow();
      expect(queued[0]).toThrow('theirs');
    } finally {
      spy.mockRestore();
    }
  });
});
