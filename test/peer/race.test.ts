import { expect, test } from 'vitest';
import { type Deferred, deferred } from '../../src/base/deferred.ts';
import { AllFailed, firstToSucceed } from '../../src/peer/race.ts';
import { VirtualClock } from '../support/simLink.ts';

function race(ways: number) {
  const clock = new VirtualClock();
  const begun: Deferred<string>[] = [];
  const signals: AbortSignal[] = [];
  const late: string[] = [];
  const outer = new AbortController();
  const attempt = (signal: AbortSignal): Promise<string> => {
    const made = deferred<string>();
    begun.push(made);
    signals.push(signal);
    return made.promise;
  };
  const result = firstToSucceed(new Array<typeof attempt>(ways).fill(attempt), {
    ...{ clock, stagger: 100, signal: outer.signal },
    discard: (value) => late.push(value),
  });
  result.catch(() => {});
  return { clock, begun, signals, late, outer, result };
}

test('the next begins when one has failed, or has not come in a while; the others are aborted when one has', async () => {
  const { clock, begun, signals, late, result } = race(4);
  expect(begun.length).toBe(1);
  begun[0]!.reject(new Error('no'));
  await clock.advance(0);
  expect(begun.length).toBe(2);
  await clock.advance(100);
  expect(begun.length).toBe(3);
  begun[2]!.resolve('third');
  expect(await result).toBe('third');
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  begun[1]!.resolve('second');
  await clock.advance(1_000);
  expect([late, begun.length, clock.pending]).toEqual([['second'], 3, 0]);
});

test('all failures are told, in the order in which they came', async () => {
  const { clock, begun, result } = race(2);
  await clock.advance(100);
  const failures = [new Error('b'), new Error('a')];
  begun[1]!.reject(failures[0]);
  await clock.advance(0);
  begun[0]!.reject(failures[1]);
  const error = (await result.catch((reason: unknown) => reason)) as AllFailed;
  expect(error).toBeInstanceOf(AllFailed);
  expect(error.failures).toEqual(failures);
  expect(clock.pending).toBe(0);
});

test('who gives up has its reason, and what comes after that is discarded', async () => {
  const { clock, begun, outer, late, result } = race(2);
  outer.abort(new Error('enough'));
  await expect(result).rejects.toThrow('enough');
  begun[0]!.resolve('first');
  await clock.advance(1_000);
  expect([late, begun.length, clock.pending]).toEqual([['first'], 1, 0]);
});
