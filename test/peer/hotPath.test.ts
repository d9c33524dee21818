/** What the hot paths hand to the link, by count: time cannot be gated on a shared machine, this can. */
import { expect, it } from 'vitest';
import { Waiters } from '../../src/peer/abort.ts';
import { Room } from '../../src/peer/room.ts';
import { Session } from '../../src/peer/session.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { SeededRandom } from '../support/random.ts';
import { VirtualClock } from '../support/simLink.ts';

interface Cost {
  /** Calls of `link.send`, and the parts that they carried. */
  readonly sends: number;
  readonly parts: number;
  readonly frames: number;
}

const ignore = (): void => {};

/** Lets `work` run between two sessions that know each other, until `done` says so; counts what the first one sent. */
async function costOf(work: (session: Session) => void, done: (received: number) => boolean): Promise<Cost> {
  const random = new SeededRandom(3);
  const clock = new VirtualClock();
  const limits = { initialCredit: 2 ** 21 }; // what is counted is not how a window grows
  const options = { random: (length: number) => random.bytes(length), clock, limits };
  const [left, right] = memoryPair({ capacity: 2 ** 20 });
  const [a, b] = [new Session(left, options), new Session(right, options)];
  let received = 0;
  b.onIncoming(({ accept }) => {
    const channel = accept();
    const data = (chunk: Uint8Array): void => {
      received += chunk.length;
    };
    channel.start({ data, drain: ignore, end: ignore, closed: ignore });
  });
  await a.ping();
  let sends = 0;
  let parts = 0;
  const send = left.send.bind(left);
  left.send = (bytes) => {
    sends++;
    parts += bytes instanceof Uint8Array ? 1 : bytes.length;
    return send(bytes);
  };
  const before = a.stats().framesSent;
  work(a);
  while (!done(received)) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1);
  }
  return { sends, parts, frames: a.stats().framesSent - before };
}

it('10,000 writes of 128 bytes in one tick leave in full frames and few parts', async () => {
  const bytes = 10_000 * 128;
  const cost = await costOf(
    (session) => {
      const channel = session.open('small');
      channel.start({ data: ignore, drain: ignore, end: ignore, closed: ignore });
      for (let i = 0; i < 10_000; i++) channel.send(new Uint8Array(128));
    },
    (received) => received === bytes,
  );
  const full = Math.ceil(bytes / 16_384);
  expect(cost.frames).toBeLessThan(full * 1.5);
  expect(cost.parts).toBeLessThan(full * 3);
  expect(cost.sends).toBeLessThan(full * 1.2);
});

it('a write of 16 KiB is at most two parts, its header and itself', async () => {
  const cost = await costOf(
    (session) => {
      const channel = session.open('bulk');
      let left = 1_000;
      const push = (): void => {
        while (left > 0) if (left-- && !channel.send(new Uint8Array(16_384))) return;
      };
      channel.start({ data: ignore, drain: push, end: ignore, closed: ignore });
      push();
    },
    (received) => received === 1_000 * 16_384,
  );
  expect(cost.parts).toBeLessThanOrEqual(2_000 + 50);
  expect(cost.sends).toBeLessThan(1_100);
});

it('1,000 channels opened in one tick, with a byte each, leave in few sends', async () => {
  const cost = await costOf(
    (session) => {
      for (let i = 0; i < 1_000; i++) session.open('one').send(Uint8Array.of(1));
    },
    (received) => received === 1_000,
  );
  expect(cost.sends).toBeLessThanOrEqual(4);
  expect(cost.parts).toBeLessThanOrEqual(8);
});

it('the end of a channel makes no error for nobody', async () => {
  let made = 0;
  const reason = (): Error => new Error(`number ${++made}`);
  const room = new Room();
  room.close(reason);
  expect(made).toBe(0);
  await expect(room.drained()).rejects.toThrow('number 1');
  const waiters = new Waiters<void>();
  waiters.reject(reason);
  expect(made).toBe(1);
  const waiting = waiters.wait();
  waiters.reject(reason);
  await expect(waiting).rejects.toThrow('number 2');
});
