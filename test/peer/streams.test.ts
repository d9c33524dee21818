import { describe, expect, test } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import { READ_AHEAD } from '../../src/peer/limits.ts';
import { linkBatches, linkChunks, linkReadable, linkStreams, linkWritable } from '../../src/peer/streams.ts';
import { memoryPair } from '../../src/transport/index.ts';
import { unreadOf } from '../support/account.ts';
import { channelPair, quiet, until } from '../support/channelPair.ts';
import { exercise } from '../support/channels.ts';
import { mismatch, pattern } from '../support/random.ts';
import { CountedSignal } from '../support/signal.ts';
import { Recorder } from '../transport/recorder.ts';

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return concat(chunks);
}

async function drainInto(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return collect(
    (async function* () {
      const reader = readable.getReader();
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    })(),
  );
}

const WINDOW = 32_768;
const SMALL = { limits: { initialCredit: WINDOW } };
/** More than one end may send while the other takes nothing. */
const MUCH = 5_000_000;

const readers: Record<string, (channel: ChannelLink) => AsyncIterator<Uint8Array | Uint8Array[]>> = {
  'for await': (channel) => linkChunks(channel),
  batches: (channel) => linkBatches(channel),
  readable: (channel) => {
    const reader = linkReadable(channel).getReader();
    return { next: () => reader.read() as Promise<IteratorResult<Uint8Array>> };
  },
};

describe.each(Object.entries(readers))('%s', (_, open) => {
  test('W1: nobody asks: the sender stops at exactly one window', async () => {
    const { a, b, near } = await channelPair(SMALL);
    exercise(a, { writes: { seed: 1, length: MUCH } });
    open(b);
    await until(() => near.stats().payloadSent >= WINDOW);
    expect(near.stats().payloadSent).toBe(WINDOW);
  });

  test('W2: a slow reader holds the sender back after every step, and gets every byte', async () => {
    const { a, b, near } = await channelPair(SMALL);
    const length = 1_000_000;
    exercise(a, { writes: { seed: 1, length } });
    const source = open(b);
    let taken = 0;
    let ahead = 0;
    for (let next = await source.next(); !next.done; next = await source.next()) {
      for (const chunk of [next.value].flat()) {
        expect(mismatch(1, taken, chunk)).toBe(-1);
        taken += chunk.length;
      }
      await quiet(3);
      ahead = Math.max(ahead, near.stats().payloadSent - taken);
    }
    expect(taken).toBe(length);
    expect(ahead).toBeGreaterThan(0);
    expect(ahead).toBeLessThanOrEqual(WINDOW + READ_AHEAD + 16_384);
  });

  test('C3: what came is read after the link has gone, then the end', async () => {
    const { a, b, near } = await channelPair();
    const log = exercise(a, { writes: { seed: 4, length: 200_000 } });
    b.closeWrite();
    await log.done;
    await quiet();
    near.destroy();
    await quiet();
    const source = open(b);
    const parts: Uint8Array[] = [];
    for (let next = await source.next(); !next.done; next = await source.next())
      parts.push(...[next.value].flat());
    expect(mismatch(4, 0, concat(parts))).toBe(-1);
    expect(concat(parts).length).toBe(200_000);
  });

  test('a link that fails rejects, every time', async () => {
    const { b, near } = await channelPair();
    const source = open(b);
    const waits = source.next();
    near.destroy();
    await expect(waits).rejects.toMatchObject({ code: 'ERR_MUX_REMOTE' });
    await expect(source.next()).rejects.toMatchObject({ code: 'ERR_MUX_REMOTE' });
  });

  test('pieces of one byte are not held one by one', async () => {
    const { a, b } = await channelPair({ chunk: () => 1 });
    const source = open(b);
    const first = source.next();
    a.start(new Recorder(a));
    for (let i = 0; i < 3_000; i++) a.send(new Uint8Array(1));
    a.closeWrite();
    let reads = 1;
    await first;
    await quiet(50);
    while (!(await source.next()).done) reads++;
    expect(reads).toBeLessThan(600);
  });
});

describe('batches', () => {
  test('bring everything that waits in one turn, up to the cap', async () => {
    const { a, b, far } = await channelPair();
    exercise(a, { writes: { seed: 2, length: 200_000, step: 5_000 } });
    await until(() => unreadOf(far.mux, b.id) === 200_000);
    const sizes: number[] = [];
    let at = 0;
    for await (const chunks of linkBatches(b)) {
      sizes.push(concat(chunks).length);
      for (const chunk of chunks) {
        expect(mismatch(2, at, chunk)).toBe(-1);
        at += chunk.length;
      }
    }
    expect(at).toBe(200_000);
    expect(sizes.length).toBeLessThanOrEqual(Math.ceil(200_000 / READ_AHEAD) + 1);
    expect(Math.max(...sizes)).toBeLessThan(READ_AHEAD + 16_384);
  });

  test('a loop over batches goes on where one over chunks stopped, and the other way round', async () => {
    const { a, b } = await channelPair();
    exercise(a, { writes: { seed: 3, length: 100_000, step: 1_000 } });
    let at = 0;
    const check = (chunk: Uint8Array): void => {
      expect(mismatch(3, at, chunk)).toBe(-1);
      at += chunk.length;
    };
    for await (const chunk of linkChunks(b)) {
      check(chunk);
      if (at > 20_000) break;
    }
    for await (const chunks of linkBatches(b)) {
      chunks.forEach(check);
      if (at > 60_000) break;
    }
    for await (const chunk of linkChunks(b)) check(chunk);
    expect(at).toBe(100_000);
  });
});

describe('giving up', () => {
  test('a wait for bytes ends with the reason of its signal, loses nothing, and leaves no listener', async () => {
    for (const open of [linkChunks, linkBatches] as const) {
      const { a, b } = await channelPair();
      const signal = new CountedSignal();
      const source = open(b, { signal }) as AsyncIterator<unknown>;
      const waits = source.next();
      expect(signal.listeners).toBe(1);
      signal.abort(new Error('no time'));
      await expect(waits).rejects.toThrow('no time');
      expect(signal.listeners).toBe(0);
      await expect(source.next()).rejects.toThrow('no time');
      a.send(pattern(1, 0, 10));
      a.closeWrite();
      await quiet();
      expect(await collect(linkChunks(b))).toEqual(pattern(1, 0, 10));
    }
  });

  test('a loop of a thousand chunks under one signal leaves none either', async () => {
    const { a, b } = await channelPair();
    const signal = new CountedSignal();
    let chunks = 0;
    const loop = (async () => {
      for await (const _ of linkChunks(b, { signal })) chunks++;
    })();
    for (let i = 0; i < 1_000; i++) {
      a.send(new Uint8Array(1));
      await Promise.resolve();
    }
    a.closeWrite();
    await loop;
    expect(chunks).toBeGreaterThan(10);
    expect(signal.most).toBe(1);
    expect(signal.listeners).toBe(0);
  });

  test('a reader that gave up among others takes nothing from them', async () => {
    const { a, b } = await channelPair();
    const stop = new AbortController();
    const first = linkChunks(b, { signal: stop.signal }).next();
    const second = linkChunks(b).next();
    stop.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    a.send(pattern(1, 0, 5));
    expect((await second).value).toEqual(pattern(1, 0, 5));
  });

  test('cancelling the readable stops that direction only, with the code of the reason', async () => {
    for (const [reason, code] of [
      [undefined, 7],
      [300, 300],
      [Object.assign(new Error('full'), { resetCode: 301 }), 301],
      [0, 7],
    ] as const) {
      const { a, b } = await channelPair();
      const here = linkStreams(a);
      const there = linkStreams(b);
      await there.readable.cancel(reason);
      const writer = here.writable.getWriter();
      await expect(writer.closed).rejects.toMatchObject({ code: 'ERR_MUX_STOPPED', resetCode: code });
      const back = there.writable.getWriter();
      await back.write(pattern(1, 0, 100_000));
      const answer = drainInto(here.readable);
      await back.close();
      expect(mismatch(1, 0, await answer)).toBe(-1);
      await Promise.all([a.whenClosed(), b.whenClosed()]);
    }
  });

  test('aborting the writable resets that direction only, and the reader learns that it was cut', async () => {
    const { a, b } = await channelPair();
    const here = linkStreams(a);
    const there = linkStreams(b);
    const cut = drainInto(there.readable);
    await here.writable.abort(300);
    await expect(cut).rejects.toMatchObject({ code: 'ERR_MUX_RESET', resetCode: 300 });
    const back = there.writable.getWriter();
    await back.write(pattern(1, 0, 100));
    await back.close();
    expect(await drainInto(here.readable)).toEqual(pattern(1, 0, 100));
    await Promise.all([a.whenClosed(), b.whenClosed()]);
  });

  test('an abort does not wait for a peer that takes nothing', async () => {
    const { a, b, near } = await channelPair({ limits: { initialCredit: 1_000, sendHighWater: 5_000 } });
    const log = exercise(b, {});
    b.pause();
    const { writable, readable } = linkStreams(a);
    const writer = writable.getWriter();
    const writes = [writer.write(new Uint8Array(10_000)), writer.write(new Uint8Array(10_000))];
    await quiet();
    const abort = writer.abort(Object.assign(new Error('changed my mind'), { resetCode: 400 }));
    for (const write of writes) await expect(write).rejects.toThrow('changed my mind');
    await abort;
    await log.done;
    expect(log.error).toMatchObject({ code: 'ERR_MUX_RESET', resetCode: 400 });
    expect(near.stats().payloadSent).toBe(1_000);
    void readable;
  });

  test('the signal of pipeTo stops one direction at the source and resets one at the destination', async () => {
    const source = await channelPair();
    const sink = await channelPair();
    const stop = new AbortController();
    const piping = linkReadable(source.b).pipeTo(linkWritable(sink.a), { signal: stop.signal });
    const sending = Recorder.start(source.a);
    source.a.send(pattern(1, 0, 100_000));
    const taking = exercise(sink.b, { reads: 1 });
    await until(() => taking.received === 100_000);
    stop.abort(new Error('enough'));
    await expect(piping).rejects.toThrow('enough');
    await taking.done;
    await until(() => sending.isClosed);
    expect(sending.closes).toMatchObject([{ code: 'ERR_MUX_STOPPED', resetCode: 7 }]);
    expect(taking.error).toMatchObject({ code: 'ERR_MUX_RESET', resetCode: 7 });
    expect(taking).toMatchObject({ received: 100_000, wrongAt: -1, ends: 0 });
  });

  test('a handler that knows no halves loses the whole channel to one', async () => {
    for (const way of ['stop', 'resetWrite'] as const) {
      const { a, b } = await channelPair();
      const log = exercise(b, {});
      await quiet();
      a[way](300);
      await log.done;
      expect(log.error).toMatchObject({
        code: way === 'stop' ? 'ERR_MUX_STOPPED' : 'ERR_MUX_RESET',
        resetCode: 300,
      });
    }
  });

  test('a link that has no halves is reset as a whole', async () => {
    for (const way of [
      (link: Parameters<typeof linkReadable>[0]) => linkReadable(link).cancel(),
      (link: Parameters<typeof linkReadable>[0]) => linkWritable(link).abort(),
    ]) {
      const [a, b] = memoryPair();
      const there = Recorder.start(b);
      await way(a);
      await there.until('closed', () => there.isClosed);
      expect(there.closes[0]?.code).toBe('ERR_LINK_RESET');
    }
  });
});

describe('a writable', () => {
  test('W3, D4: `ready` holds a writer back: over 1,000 waits no more than the mark and one write is queued', async () => {
    const limits = { initialCredit: 4_096, sendHighWater: 8_192 };
    const { a, b } = await channelPair({ capacity: 1_024, limits });
    const source = linkChunks(b);
    const writer = linkWritable(a).getWriter();
    let waits = 0;
    let most = 0;
    while (waits < 1_000) {
      void writer.write(new Uint8Array(3_000));
      let ready = false;
      const wait = writer.ready.then(() => {
        ready = true;
      });
      for (let i = 0; i < 5; i++) await Promise.resolve();
      if (!ready) waits++;
      most = Math.max(most, a.buffered);
      while (!ready) await source.next();
      await wait;
    }
    expect(most).toBeGreaterThanOrEqual(8_192);
    expect(most).toBeLessThan(8_192 + 3_000);
  });

  test('copies a chunk, unless it is given away', async () => {
    for (const owned of [false, true]) {
      const [a] = memoryPair();
      const sent: unknown[] = [];
      a.send = (bytes) => sent.push(bytes) > 0;
      const chunk = new Uint8Array(1_000);
      await linkWritable(a, { owned }).getWriter().write(chunk);
      expect(sent).toEqual([chunk]);
      expect(sent[0] === chunk).toBe(owned);
    }
  });

  test('does not hear of a peer that closed in good order, until bytes are lost by it', async () => {
    const { a, b } = await channelPair();
    const { readable, writable } = linkStreams(a);
    exercise(b, {});
    b.close();
    expect((await drainInto(readable)).length).toBe(0);
    const writer = writable.getWriter();
    await expect(writer.write(new Uint8Array(1)).then(() => writer.closed)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(MUX_STOPPED|LINK_CLOSED)$/),
    });
  });

  test('an echo by pipeTo ends cleanly when the other end closes', async () => {
    const { a, b } = await channelPair();
    const echo = linkReadable(b).pipeTo(linkWritable(b));
    const log = exercise(a, { reads: 1, writes: { seed: 1, length: 300_000 } });
    await log.done;
    expect(log).toMatchObject({ received: 300_000, wrongAt: -1, error: undefined });
    await echo;
  });

  test('so does one of which the other end closed both directions, once it has read all', async () => {
    const { a, b } = await channelPair();
    const echo = linkReadable(b).pipeTo(linkWritable(b));
    const source = linkChunks(a);
    a.send(pattern(1, 0, 10));
    expect((await source.next()).value).toEqual(pattern(1, 0, 10));
    a.close();
    await echo;
    await b.whenClosed();
  });
});
