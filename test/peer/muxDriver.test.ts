import { expect, it } from 'vitest';
import { Session } from '../../src/peer/session.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { SeededRandom } from '../support/random.ts';
import { VirtualClock } from '../support/simLink.ts';

const CHANNELS = 200;
const ignore = (): void => {};

/** Time that passes while somebody works, and otherwise when it is told to. */
class WorkClock extends VirtualClock {
  worked = 0;
  override monotonic(): number {
    return super.monotonic() + this.worked;
  }
}

/** Channels asked in one chunk, each answered in `work` ms; how many had been handled at each send of the answering end. */
async function handledAtSends(work: number): Promise<number[]> {
  const random = new SeededRandom(5);
  const clock = new WorkClock();
  const options = { random: (length: number) => random.bytes(length), clock };
  const [left, right] = memoryPair({ capacity: 2 ** 20 });
  const [a, b] = [new Session(left, options), new Session(right, options)];
  let handled = 0;
  let answered = 0;
  b.onIncoming(({ accept }) => {
    const channel = accept();
    const data = (chunk: Uint8Array): void => {
      clock.worked += work;
      handled++;
      channel.send(chunk);
    };
    channel.start({ data, drain: ignore, end: ignore, closed: ignore });
  });
  await a.ping();
  const sends: number[] = [];
  const send = right.send.bind(right);
  right.send = (bytes) => {
    sends.push(handled);
    return send(bytes);
  };
  for (let i = 0; i < CHANNELS; i++) {
    const channel = a.open('question');
    channel.start({ data: () => answered++, drain: ignore, end: ignore, closed: ignore });
    channel.send(Uint8Array.of(i));
  }
  while (answered < CHANNELS) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1);
  }
  return sends;
}

it('answers leave while the rest of a chunk is still being handled, when that takes long', async () => {
  const sends = await handledAtSends(0.02);
  expect(sends[0]).toBeLessThanOrEqual(16);
  expect(sends.length).toBeGreaterThan(CHANNELS / 16);
});

it('answers leave together when all of a chunk is handled at once', async () => {
  const sends = await handledAtSends(0);
  expect(sends.length).toBeLessThanOrEqual(3);
});
