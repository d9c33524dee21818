import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryPair } from '../../src/transport/index.ts';
import { firstWrong, numbered, Recorder } from '../transport/recorder.ts';
import { securePair } from './securePair.ts';

const side = fc.constantFrom('a', 'b');
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('send'), side, size: fc.integer({ min: 0, max: 40_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pause'), side }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('resume'), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rekey'), side }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), turns: fc.integer({ min: 1, max: 30 }) }) },
);

test('whatever is sent, paused, resumed and rekeyed: the bytes arrive in order and the end is clean', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 1, max: 100_000 }),
      async (steps, cut, capacity) => {
        let turn = 0;
        const chunk = (n: number): number => Math.min(n, 1 + ((7919 * ++turn) % cut));
        const [client, server] = await securePair(memoryPair({ chunk, capacity }));
        const ends = { a: Recorder.start(client), b: Recorder.start(server) };
        const sent = { a: 0, b: 0 };
        for (const each of steps) {
          if ('turns' in each) for (let i = 0; i < each.turns; i++) await Promise.resolve();
          else {
            const name = each.side as 'a' | 'b';
            const { link } = ends[name];
            if ('size' in each) {
              // Whole words only, so that `numbered` can go on where the last send ended.
              const size = each.size & ~3;
              link.send(numbered(size, sent[name]));
              sent[name] += size;
            } else if (each.do === 'pause') link.pause();
            else if (each.do === 'resume') link.resume();
            else (name === 'a' ? client : server).connection.updateKeys();
          }
        }
        for (const { link } of [ends.a, ends.b]) {
          link.resume();
          link.closeWrite();
        }
        await ends.a.until('closed', () => ends.a.isClosed);
        await ends.b.until('closed', () => ends.b.isClosed);
        expect([ends.a.received, ends.b.received]).toEqual([sent.b, sent.a]);
        expect([firstWrong(ends.a.bytes), firstWrong(ends.b.bytes)]).toEqual([-1, -1]);
        expect([ends.a.closes, ends.b.closes]).toEqual([[undefined], [undefined]]);
        expect(ends.a.events).not.toContain('late data');
      },
    ),
    { numRuns: 60 },
  );
});
