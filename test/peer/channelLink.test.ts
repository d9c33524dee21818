import { describe, expect, test } from 'vitest';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import type { IncomingChannel } from '../../src/peer/incoming.ts';
import { channelPair, quiet, until } from '../support/channelPair.ts';
import { exercise, type LinkLog } from '../support/channels.ts';
import { pattern } from '../support/random.ts';
import { CountedSignal } from '../support/signal.ts';
import { VirtualClock } from '../support/simLink.ts';
import { sized } from '../support/sized.ts';
import { Recorder } from '../transport/recorder.ts';

const BLOCKED = { limits: { initialCredit: 4_096, sendHighWater: 8_192 } };

/** Sends until told to stop. */
function fill(channel: ChannelLink, step = 3_000): void {
  while (channel.send(new Uint8Array(step)));
}

describe('drained', () => {
  test('W3: 1,000 waits, each with a promise of its own that resolves when there is room and not before', async () => {
    const { a, b } = await channelPair({ ...BLOCKED, capacity: 1_024 });
    const reader = Recorder.start(b);
    let most = 0;
    let atRoom = 0;
    let waited = 0;
    for (let wait = 0; wait < 1_000; wait++) {
      b.pause();
      fill(a);
      most = Math.max(most, a.buffered);
      let resolved = false;
      const drained = a.drained().then(() => {
        resolved = true;
        atRoom = Math.max(atRoom, a.buffered);
      });
      await quiet(1);
      if (!resolved) waited++;
      b.resume();
      await drained;
    }
    expect(most).toBeGreaterThanOrEqual(8_192);
    expect(most).toBeLessThan(8_192 + 3_000);
    expect(atRoom).toBeLessThanOrEqual(4_096);
    expect(waited).toBeGreaterThan(900);
    expect(reader.received).toBeGreaterThan(1_000 * 4_096);
  }, 60_000);

  test('W3: with a peer that grants nothing more, no wait ends and nothing grows', async () => {
    const { a, b } = await channelPair(BLOCKED);
    b.pause();
    exercise(b, {});
    let passed = 0;
    const loop = (async () => {
      for (;;) if (!a.send(new Uint8Array(1_000))) await a.drained().then(() => passed++);
    })();
    loop.catch(() => {});
    await quiet(100);
    expect(passed).toBeLessThanOrEqual(1);
    expect(a.buffered).toBeLessThanOrEqual(8_192 + 1_000);
    a.reset();
    await expect(loop).rejects.toMatchObject({ code: 'ERR_MUX_ABORTED' });
  });

  test('resolves at once when nothing holds the sender', async () => {
    const { a } = await channelPair();
    await a.drained();
    a.send(new Uint8Array(10));
    await a.drained();
  });

  test('rejects with the reason when the channel dies, whoever ends it', async () => {
    const ends: Record<string, (pair: Awaited<ReturnType<typeof channelPair>>) => void> = {
      ERR_MUX_RESET: ({ b }) => b.reset(300),
      ERR_MUX_STOPPED: ({ b }) => b.stop(300),
      ERR_MUX_ABORTED: ({ a }) => a.reset(),
      ERR_MUX_CLOSED: ({ a }) => a.closeWrite(),
      ERR_MUX_REMOTE: ({ far }) => far.destroy(),
      ERR_MUX_LINK_CLOSED: ({ links }) => links[0].reset(),
    };
    for (const [code, end] of Object.entries(ends)) {
      const pair = await channelPair(BLOCKED);
      exercise(pair.a, {});
      pair.b.pause();
      exercise(pair.b, {});
      fill(pair.a);
      const waits = [pair.a.drained(), pair.a.drained(new CountedSignal())];
      end(pair);
      for (const wait of waits) await expect(wait).rejects.toMatchObject({ code });
      await quiet();
      await expect(pair.a.drained()).rejects.toMatchObject({ code });
    }
  });
});

describe('signals', () => {
  test('an aborted one is refused at once and leaves nothing; a late one ends the wait; neither keeps a listener', async () => {
    const { a, b, near } = await channelPair(BLOCKED);
    b.pause();
    exercise(b, {});
    fill(a);
    const pending = near.open('pending'); // nobody answers it: the other end has one handler, which never sees it
    const waits: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
      drained: (signal) => a.drained(signal),
      whenClosed: (signal) => a.whenClosed(signal),
      ping: (signal) => near.ping(signal),
      close: (signal) => near.close(signal),
    };
    for (const [name, wait] of Object.entries(waits)) {
      const aborted = new CountedSignal();
      aborted.abort(new Error(name));
      await expect(wait(aborted)).rejects.toThrow(name);
      expect(aborted.listeners).toBe(0);
    }
    expect(() => near.open('still open')).not.toThrow(); // the aborted close closed nothing
    for (const [name, wait] of Object.entries(waits)) {
      const late = new CountedSignal();
      const answer = wait(late);
      expect(late.listeners).toBe(1);
      late.abort(new Error(name));
      await expect(answer).rejects.toThrow(name);
      await quiet(1);
      expect(late.listeners).toBe(0);
    }
    void pending;
  });

  test('a wait that succeeds leaves its signal alone', async () => {
    const { a, b, near, far } = await channelPair(BLOCKED);
    const signal = new CountedSignal();
    far.onIncoming((incoming) => void incoming.accept('welcome'));
    expect(await near.open('second').whenAccepted(signal)).toBe('welcome');
    await near.ping(signal);
    b.pause();
    exercise(b, {});
    fill(a);
    const drained = a.drained(signal);
    b.resume();
    await drained;
    const closed = a.whenClosed(signal);
    a.reset();
    await closed;
    await quiet(1);
    expect([signal.listeners, signal.most]).toEqual([0, 1]);
  });

  test('open: an aborted signal throws and opens nothing', async () => {
    const { near, far } = await channelPair();
    expect(() => near.open('x', undefined, { signal: AbortSignal.abort(new Error('no')) })).toThrow('no');
    await quiet();
    expect([near.stats().channels, far.stats().channels]).toEqual([1, 1]);
  });

  test('open: a signal gives the channel up until it is accepted, and not after', async () => {
    const { near, far } = await channelPair();
    const incoming: IncomingChannel[] = [];
    far.onIncoming((each) => void incoming.push(each));
    const first = new CountedSignal();
    const given = near.open('x', undefined, { signal: first });
    const log = exercise(given, {});
    await quiet();
    first.abort(new Error('too slow'));
    await log.done;
    expect(log.error).toMatchObject({ code: 'ERR_MUX_ABORTED', cause: new Error('too slow') });
    await expect(given.whenAccepted()).rejects.toMatchObject({ code: 'ERR_MUX_ABORTED' });
    await quiet();
    expect([near.stats().channels, far.stats().channels]).toEqual([1, 1]);

    const second = new CountedSignal();
    const kept = near.open('y', undefined, { signal: second });
    const lives = exercise(kept, {});
    await quiet();
    exercise(incoming[1]!.accept(), { writes: { seed: 1, length: 10 } });
    await kept.whenAccepted();
    await quiet();
    second.abort();
    await quiet();
    expect([first.listeners, second.listeners]).toEqual([0, 0]);
    expect(lives).toMatchObject({ received: 10, closes: 0 });
  });
});

describe('halves', () => {
  test('stop: the other end learns the code, what it still sends is dropped, and our direction goes on', async () => {
    const { a, b, near, far } = await channelPair();
    const there: string[] = [];
    let received = 0;
    b.start({
      data: (bytes) => (received += bytes.length),
      drain() {},
      end: () => there.push('end'),
      closed: (error) => there.push(`closed ${error?.code}`),
      writeFailed: (error) => there.push(`writeFailed ${error.code}`),
    });
    const here = Recorder.start(a);
    b.send(pattern(1, 0, 100_000));
    a.stop(300);
    expect(b.send(new Uint8Array(1))).toBe(true);
    await quiet();
    expect(b.send(new Uint8Array(1))).toBe(false);
    a.send(pattern(1, 0, 50_000));
    a.closeWrite();
    await until(() => there.length === 3);
    expect(received).toBe(50_000);
    expect(here.received).toBe(0);
    expect(there).toEqual(['writeFailed ERR_MUX_STOPPED', 'end', 'closed ERR_MUX_STOPPED']);
    expect(here.closes).toMatchObject([{ code: 'ERR_MUX_ABORTED', resetCode: 300 }]);
    expect([near.stats().channels, far.stats().channels]).toEqual([0, 0]);
  });

  test('resetWrite: the other end loses what waits and learns the code, its own direction goes on', async () => {
    const { a, b, near, far } = await channelPair();
    const there: string[] = [];
    b.start({
      data() {},
      drain() {},
      end: () => there.push('end'),
      closed: (error) => there.push(`closed ${error?.code}`),
      readFailed: (error) => there.push(`readFailed ${error.code}`),
    });
    const here = exercise(a, { reads: 2 });
    a.send(new Uint8Array(1_000_000));
    a.resetWrite(300);
    a.resetWrite(301);
    expect(a.send(new Uint8Array(1))).toBe(false);
    expect(a.buffered).toBe(0);
    await quiet();
    expect(there).toEqual(['readFailed ERR_MUX_RESET']);
    b.send(pattern(2, 0, 70_000));
    b.closeWrite();
    await here.done;
    await quiet();
    expect(here).toMatchObject({ received: 70_000, wrongAt: -1, ends: 1 });
    expect(there).toEqual(['readFailed ERR_MUX_RESET', 'closed ERR_MUX_RESET']);
    expect([near.stats().channels, far.stats().channels]).toEqual([0, 0]);
  });

  test('giving up what is over already changes nothing', async () => {
    const { a, b } = await channelPair();
    const here = exercise(a, { reads: 1 });
    const there = exercise(b, { writes: { seed: 1, length: 10 } });
    a.closeWrite();
    await Promise.all([here.done, there.done]);
    a.stop();
    a.resetWrite();
    expect([here.error, there.error]).toEqual([undefined, undefined]);
    expect(() => a.stop(0)).toThrow(/code 0/);
  });

  test('a channel that nobody started is let go when both its halves were given up, or refused', async () => {
    const { near, far } = await channelPair();
    far.onIncoming((incoming) => (incoming.name === 'no' ? incoming.refuse() : void incoming.accept()));
    near.open('x').close();
    near.open('no');
    const half = near.open('y');
    half.stop();
    half.resetWrite();
    await quiet();
    expect([near.stats().channels, far.stats().channels]).toEqual([1, 1]);
    await half.whenClosed();
  });
});

describe('ends', () => {
  const mib = sized(16, 64);
  test(`T21: one write of ${mib} MiB, and small ones between small ones, arrive in order`, async () => {
    const { a, b, near } = await channelPair();
    const all = Buffer.allocUnsafe(mib * 1_048_576 + 1_000);
    for (let at = 0; at < all.length; at++) all[at] = (at * 31 + (at >> 8)) & 255;
    const length = all.length - 1_000;
    let received = 0;
    let same = true;
    const log = exercise(b, {
      onData: (bytes) => {
        same &&= all.compare(bytes, 0, bytes.length, received, received + bytes.length) === 0;
        received += bytes.length;
      },
    });
    exercise(near.open('small'), { writes: { seed: 1, length: 100_000, step: 10 } });
    expect(a.send(all.subarray(0, length))).toBe(false);
    for (let at = length; at < all.length; at++) a.send(all.subarray(at, at + 1));
    a.closeWrite();
    await until(() => log.ends > 0);
    expect(log).toMatchObject({ received: all.length, ends: 1 });
    expect(same).toBe(true);
  });

  test('T22: ten thousand one-byte sends of one turn leave in whole frames', async () => {
    const { a, b, near } = await channelPair();
    const log = exercise(b, { reads: 1 });
    await quiet();
    const before = near.stats().framesSent;
    for (let at = 0; at < 10_000; at++) a.send(pattern(1, at, 1));
    await until(() => log.received === 10_000);
    expect(log).toMatchObject({ received: 10_000, wrongAt: -1 });
    expect(near.stats().framesSent - before).toBeLessThanOrEqual(3);
  });

  test('T23: a slow reader bounds what waits, and a drain comes once for every stop', async () => {
    const { a, b, near } = await channelPair({ limits: { initialCredit: 16_384, sendHighWater: 16_384 } });
    let stops = 0;
    let drains = 0;
    let left = 500_000;
    const push = (): void => {
      while (left > 0) {
        left -= 1_000;
        if (a.send(new Uint8Array(1_000))) continue;
        stops++;
        return;
      }
      a.closeWrite();
    };
    a.start({
      data() {},
      drain: () => {
        drains++;
        push();
      },
      end() {},
      closed() {},
    });
    const log = exercise(b, {
      onData: () => {
        b.pause();
        b.pause();
        expect(near.stats().payloadSent - log.received).toBeLessThanOrEqual(16_384);
        queueMicrotask(() => {
          b.resume();
          b.resume();
        });
      },
    });
    push();
    await until(() => log.ends > 0);
    expect(log).toMatchObject({ received: 500_000, ends: 1 });
    expect(stops).toBeGreaterThan(20);
    expect(drains).toBe(stops);
  });

  test('T24: a mebibyte and then close: all of it arrives, then the end', async () => {
    const { a, b } = await channelPair();
    const here = exercise(a, {});
    const there = exercise(b, { reads: 1 });
    a.send(pattern(1, 0, 1_048_576));
    a.close();
    await Promise.all([here.done, there.done]);
    expect(there).toMatchObject({ received: 1_048_576, wrongAt: -1, ends: 1, closes: 1, error: undefined });
    expect(here.error).toBeUndefined();
  });

  test('T25: await using on a channel whose peer takes nothing ends after two seconds, with a reset', async () => {
    const clock = new VirtualClock();
    const { a, b } = await channelPair({ ...BLOCKED, sessionClock: clock });
    const log = exercise(a, {});
    b.pause();
    exercise(b, {});
    fill(a);
    await quiet();
    let error: unknown;
    const block = (async () => {
      await using channel = a;
      throw new Error(`block of ${channel.name}`);
    })().catch((thrown: unknown) => {
      error = thrown;
    });
    await clock.advance(1_900);
    expect(error).toBeUndefined();
    await clock.advance(200);
    await block;
    await log.done;
    expect(error).toEqual(new Error('block of talk'));
    expect(log.error?.code).toBe('ERR_MUX_ABORTED');
  });

  test('T26: one direction ends and the other flows on', async () => {
    const { a, b } = await channelPair();
    const here = exercise(a, { reads: 2, writes: { seed: 1, length: 1_000 } });
    let there: LinkLog | undefined;
    there = exercise(b, {
      reads: 1,
      onEnd: () => {
        expect(there?.received).toBe(1_000);
        b.send(pattern(2, 0, 300_000));
        b.closeWrite();
      },
    });
    await Promise.all([here.done, there.done]);
    expect(here).toMatchObject({ received: 300_000, wrongAt: -1, ends: 1, error: undefined });
  });

  test('T27: after a reset, a close or a stop inside the data handler no byte is delivered', async () => {
    for (const way of ['reset', 'close', 'stop'] as const) {
      const { a, b, links } = await channelPair({ capacity: 1_000_000 });
      const here = exercise(a, {});
      const log = exercise(b, { onData: () => b[way]() });
      for (let i = 0; i < 100; i++) a.send(new Uint8Array(2_000));
      a.closeWrite();
      await until(() => log.received > 0);
      expect(log.received).toBeGreaterThan(0);
      const { received } = log;
      expect(received).toBeLessThanOrEqual(16_384);
      if (way !== 'stop') await log.done;
      expect(log.ends).toBe(0);
      expect(here.closes).toBe(way === 'reset' ? 1 : here.closes);
      void links;
    }
  });

  test('Q28: one handler throws, and the nine other channels flow on', async () => {
    const { near, far } = await channelPair();
    far.onIncoming((incoming) => {
      const channel = incoming.accept();
      exercise(channel, {
        reads: Number(channel.name),
        onData: () => {
          if (channel.name === '3') throw new Error('one handler throws');
        },
        onEnd: () => channel.closeWrite(),
      });
    });
    const logs = Array.from({ length: 10 }, (_, i) =>
      exercise(near.open(String(i)), { writes: { seed: i, length: 100_000 } }),
    );
    await Promise.all(logs.map((log) => log.done));
    logs.forEach((log, i) => {
      expect(log.error?.code).toBe(i === 3 ? 'ERR_MUX_RESET' : undefined);
    });
    expect(near.mux.isOver).toBe(false);
  });
});

describe('await using', () => {
  test('on a channel sends what is queued, ends both directions and keeps the error of the block', async () => {
    const { a, b, near } = await channelPair();
    const there = exercise(b, { reads: 1 });
    const block = async (): Promise<void> => {
      await using channel = a;
      channel.send(pattern(1, 0, 100_000));
      throw new Error('the block failed');
    };
    await expect(block()).rejects.toThrow('the block failed');
    await there.done;
    expect(there).toMatchObject({ received: 100_000, wrongAt: -1, ends: 1, error: undefined });
    expect(near.stats().channels).toBe(0);
  });

  test('on a session ends it in good order, and cuts channels that stay open after two seconds', async () => {
    for (const stays of [false, true]) {
      const clock = new VirtualClock();
      const { a, b, near, far } = await channelPair({ sessionClock: clock });
      const here = exercise(a, {});
      exercise(b, {});
      const block = (async () => {
        await using session = near;
        if (!stays) a.close();
        throw new Error(`the block failed, ${session.stats().channels} open`);
      })().catch((error: Error) => error.message);
      await clock.advance(stays ? 4_100 : 100);
      expect(await block).toMatch('the block failed');
      await here.done;
      expect(here.error?.code).toBe(stays ? 'ERR_MUX_ABORTED' : undefined);
      expect(near.mux.isOver && far.mux.isOver).toBe(true);
      await clock.advance(5_000);
      expect(clock.pending).toBe(0);
    }
  });

  test('after the end does nothing', async () => {
    const { a, near } = await channelPair();
    near.destroy();
    await quiet();
    await a[Symbol.asyncDispose]();
    await near[Symbol.asyncDispose]();
  });
});
