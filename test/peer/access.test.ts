/** Only `true`, in time, lets somebody in. */
import { expect, test } from 'vitest';
import { silent } from '../../src/base/log.ts';
import { mayEnter } from '../../src/peer/access.ts';
import { AUTHORIZE_TIMEOUT } from '../../src/peer/limits.ts';
import { Slots } from '../../src/peer/slots.ts';
import type { AccessRequest, Authorize } from '../../src/peer/types.ts';
import { VirtualClock } from '../support/clock.ts';

const request = { protocol: 'chat/1', from: { assurance: 'key' } } as AccessRequest;

test.each<[string, unknown, boolean]>([
  ['true', () => true, true],
  ['a promise of true', () => Promise.resolve(true), true],
  ['false', () => false, false],
  ['a promise of false', () => Promise.resolve(false), false],
  ['a truthy text', () => 'yes', false],
  ['a promise of 1', () => Promise.resolve(1), false],
  ['nothing', () => undefined, false],
  [
    'a throw',
    () => {
      throw new Error('bug');
    },
    false,
  ],
  ['a rejection', () => Promise.reject(new Error('bug')), false],
])('%s is %s', async (_, authorize, allowed) => {
  const clock = new VirtualClock();
  expect(await mayEnter({ authorize: authorize as Authorize }, request, { clock, logger: silent })).toBe(
    allowed,
  );
  expect(clock.pending).toBe(0);
});

test('silence is a no, and a yes that comes later stays one', async () => {
  const clock = new VirtualClock();
  let answer: (allow: boolean) => void = () => {};
  const authorize: Authorize = () => new Promise((resolve) => (answer = resolve));
  const decided = mayEnter({ authorize }, request, { clock, logger: silent });
  clock.advance(AUTHORIZE_TIMEOUT);
  answer(true);
  expect(await decided).toBe(false);
});

test('turns are taken in order, and no more than there are', async () => {
  const slots = new Slots(2);
  const order: number[] = [];
  expect(slots.enter()).toBeUndefined();
  expect(slots.enter()).toBeUndefined();
  const waiting = [1, 2, 3].map((n) => slots.enter()!.then(() => order.push(n)));
  slots.leave();
  await waiting[0];
  slots.leave();
  slots.leave();
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3]);
  slots.leave();
  slots.leave();
  expect(slots.enter()).toBeUndefined();
});
