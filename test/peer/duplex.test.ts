import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { type Duplex, PassThrough, Readable, Transform } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toDuplex } from '../../src/peer/duplex.node.ts';
import { type Link, memoryPair } from '../../src/transport/index.ts';
import { channelPair, quiet, until } from '../support/channelPair.ts';
import { exercise } from '../support/channels.ts';
import { mismatch, pattern } from '../support/random.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';
import { securePair } from './securePair.ts';

const kinds: Record<string, () => Promise<readonly [Link, Link]>> = {
  channel: async () => {
    const { a, b } = await channelPair();
    return [a, b];
  },
  memory: () => Promise.resolve(memoryPair()),
  tls: () => securePair(memoryPair()),
};

for (const [kind, connect] of Object.entries(kinds))
  describe(`a Node Duplex over ${kind}`, () => {
    test('pipelines a few megabytes there and back, with half-close', async () => {
      const [a, b] = await connect();
      const here = toDuplex(a);
      const there = toDuplex(b);
      const echo = pipeline(there, new PassThrough(), there);
      const source = Readable.from(
        (function* () {
          for (let at = 0; at < 4_000_000; at += 50_000) yield Buffer.from(numbered(50_000, at));
        })(),
      );
      const chunks: Buffer[] = [];
      here.on('data', (chunk: Buffer) => chunks.push(chunk));
      const ended = once(here, 'end');
      await pipeline(source, new Transform({ transform: (chunk, _e, done) => done(null, chunk) }), here, {
        end: true,
      }).catch((error) => {
        throw error;
      });
      await ended;
      await echo;
      expect(firstWrong(new Uint8Array(Buffer.concat(chunks)))).toBe(-1);
      expect(Buffer.concat(chunks).length).toBe(4_000_000);
    });

    test('a reader that stops holds the writer back', async () => {
      const [a, b] = await connect();
      const here = toDuplex(a);
      const there = toDuplex(b);
      let written = 0;
      while (written < 20_000_000 && here.write(Buffer.alloc(16_000))) {
        written += 16_000;
        await pause(0);
      }
      expect(written).toBeLessThan(1_000_000);
      expect(there.readableLength).toBeLessThan(200_000);
      here.on('error', () => {});
      there.on('error', () => {});
      here.destroy(new Error('done'));
    });

    test('destroy without an error closes, with one resets', async () => {
      for (const error of [undefined, new Error('no')]) {
        const [a, b] = await connect();
        const here = toDuplex(a);
        const there = Recorder.start(b);
        here.on('error', () => {});
        here.write('hello');
        await there.until('hello', () => there.received === 5);
        here.destroy(error);
        there.end = () => there.link.close();
        await there.until('closed', () => there.isClosed);
        expect(there.closes[0] === undefined).toBe(error === undefined);
      }
    });

    test('a reset at the other end destroys it with the reason', async () => {
      const [a, b] = await connect();
      const here = toDuplex(a);
      here.write('x');
      Recorder.start(b);
      b.reset();
      const [error] = await once(here, 'error');
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_(LINK|MUX)_RESET$/) });
      expect(here.destroyed).toBe(true);
    });

    test('HTTP runs over it', async () => {
      const [a, b] = await connect();
      const server = createServer((request, response) => {
        let length = 0;
        request.on('data', (chunk: Buffer) => (length += chunk.length));
        request.on('end', () => response.end(`got ${length}`));
      });
      server.emit('connection', toDuplex(b));
      const request = httpRequest({
        createConnection: () => toDuplex(a) as never,
        method: 'POST',
        path: '/',
      });
      request.end(Buffer.alloc(100_000));
      const [response] = await once(request, 'response');
      let text = '';
      for await (const chunk of response) text += chunk;
      expect(text).toBe('got 100000');
      server.close();
    });
  });

describe('a Node Duplex over a channel', () => {
  const BLOCKED = { limits: { initialCredit: 4_096, sendHighWater: 8_192 } };

  test('buffers nothing in Node beyond its mark and one chunk, and the sender waits below', async () => {
    const { a, b, near } = await channelPair({ limits: { initialCredit: 65_536 } });
    const there = toDuplex(b, { readableHighWaterMark: 10_000 });
    exercise(a, { writes: { seed: 1, length: 3_000_000 } });
    await until(() => near.stats().payloadSent >= 65_536);
    expect([near.stats().payloadSent, there.readableLength]).toEqual([65_536, 0]); // nobody reads
    let received = 0;
    for await (const chunk of there as AsyncIterable<Uint8Array>) {
      expect(mismatch(1, received, chunk)).toBe(-1);
      received += chunk.length;
      expect(there.readableLength).toBeLessThan(10_000 + 16_384);
      if (received > 500_000) await quiet(1);
      if (received > 1_000_000) break;
    }
    expect(near.stats().payloadSent - received).toBeLessThanOrEqual(65_536 + 10_000 + 16_384);
    await quiet();
    expect(b.buffered).toBe(0);
    expect(there.destroyed).toBe(true);
  });

  test('C8: a write that waits for room hears of the end, whichever it is, with a typed error', async () => {
    type Pair = Awaited<ReturnType<typeof channelPair>>;
    const ends: [string, (pair: Pair, here: Duplex) => void][] = [
      ['ERR_MUX_RESET', ({ b }) => b.reset(300)],
      ['ERR_MUX_STOPPED', ({ b }) => b.stop(300)],
      ['ERR_MUX_STOPPED', ({ b }) => b.close()],
      ['ERR_MUX_REMOTE', ({ far }) => far.destroy()],
      ['ERR_MUX_LINK_CLOSED', ({ links }) => links[0].reset()],
      ['ERR_LINK_ABORTED', (_, here) => here.destroy()],
    ];
    for (const [code, end] of ends) {
      const pair = await channelPair(BLOCKED);
      pair.b.pause();
      exercise(pair.b, {});
      const here = toDuplex(pair.a);
      here.on('error', () => {});
      const outcomes: unknown[] = [];
      for (let i = 0; i < 3; i++)
        here.write(Buffer.alloc(10_000), (error) => outcomes.push((error as { code?: string } | null)?.code));
      await quiet();
      expect(outcomes).toEqual([]);
      end(pair, here);
      await quiet();
      expect(outcomes.length).toBe(3);
      expect(outcomes[0]).toBe(code);
      expect(here.closed).toBe(true);
    }
  });

  test('destroy without an error is no clean end when bytes never reached the link', async () => {
    const { a, b } = await channelPair(BLOCKED);
    const log = exercise(b, {});
    b.pause();
    const here = toDuplex(a);
    here.write(Buffer.alloc(10_000));
    here.write(Buffer.alloc(10_000)); // waits in Node
    here.destroy();
    await log.done;
    expect(log).toMatchObject({ ends: 0, error: { code: 'ERR_MUX_RESET' } });
  });

  test('destroy with an error that has a code passes it on', async () => {
    const { a, b } = await channelPair();
    const log = exercise(b, {});
    const here = toDuplex(a);
    here.on('error', () => {});
    here.destroy(Object.assign(new Error('no'), { resetCode: 333 }));
    await log.done;
    expect(log.error).toMatchObject({ code: 'ERR_MUX_RESET', resetCode: 333 });
  });

  test('when the other end closed in good order, `finished` is fulfilled and the stream closes', async () => {
    const { a, b } = await channelPair();
    const here = toDuplex(a);
    exercise(b, {});
    b.send(pattern(1, 0, 50_000));
    b.close();
    const chunks: Uint8Array[] = [];
    here.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    await finished(here);
    expect(Buffer.concat(chunks).length).toBe(50_000);
    expect(here.closed).toBe(true);
  });

  test('a signal destroys it, and the other end sees a failure', async () => {
    const { a, b } = await channelPair();
    const log = exercise(b, {});
    const stop = new AbortController();
    const here = toDuplex(a, { signal: stop.signal });
    const failed = once(here, 'error');
    stop.abort();
    expect((await failed)[0]).toMatchObject({ name: 'AbortError' });
    await log.done;
    expect(log.error).toMatchObject({ code: 'ERR_MUX_RESET', resetCode: 7 });
  });

  const act = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('write' as const), n: fc.integer({ min: 0, max: 9_000 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom(
          ...(['cork', 'uncork', 'end', 'endWith', 'destroy', 'destroyWith', 'read', 'cut'] as const),
          ...(['peerReset', 'peerStop', 'peerResetWrite', 'peerCloseWrite', 'peerClose'] as const),
          ...(['peerPause', 'peerResume', 'peerSend', 'goodbye'] as const),
        ),
        n: fc.constant(1),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('turn' as const), n: fc.integer({ min: 1, max: 3 }) }),
    },
  );

  test('C8: whatever is done in whatever order, every callback is called once and the stream closes once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        const { a, b, near, links } = await channelPair(BLOCKED);
        const here = toDuplex(a);
        exercise(b, {});
        const events: string[] = [];
        for (const name of ['error', 'end', 'finish', 'close']) here.on(name, () => events.push(name));
        const calls: number[] = [];
        const callback = (): (() => void) => {
          const at = calls.push(0) - 1;
          return () => calls[at]!++;
        };
        const ways: Record<(typeof acts)[number]['do'], (n: number) => unknown> = {
          write: (n) => here.write(Buffer.alloc(n), callback()),
          cork: () => here.cork(),
          uncork: () => here.uncork(),
          end: () => here.end(callback()),
          endWith: () => here.end(Buffer.alloc(5_000), callback()),
          destroy: () => here.destroy(),
          destroyWith: () => here.destroy(new Error('destroyed')),
          read: () => here.resume(),
          cut: () => links[0].reset(),
          peerReset: () => b.reset(300),
          peerStop: () => b.stop(301),
          peerResetWrite: () => b.resetWrite(302),
          peerCloseWrite: () => b.closeWrite(),
          peerClose: () => b.close(),
          peerPause: () => b.pause(),
          peerResume: () => b.resume(),
          peerSend: () => b.send(new Uint8Array(20_000)),
          goodbye: () => void near.close(),
          turn: (n) => quiet(n),
        };
        for (const each of acts) await ways[each.do](each.n);
        await quiet(2);
        near.destroy();
        here.resume();
        for (let i = 0; i < 3 && here.writableCorked > 0; i++) here.uncork();
        await quiet(3);
        expect(calls).toEqual(calls.map(() => 1));
        expect(events.filter((name) => name === 'close')).toEqual(['close']);
        expect(new Set(events).size).toBe(events.length);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
