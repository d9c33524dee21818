import { describe, expect, test } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { Channel, type ChannelFacts } from '../../src/peer/channel.ts';
import type { ChannelPath } from '../../src/peer/route.ts';
import { linkReadable, linkWritable } from '../../src/peer/streams.ts';
import { memoryPair } from '../../src/transport/index.ts';
import { linkSuite } from '../transport/linkSuite.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';
import { securePair } from './securePair.ts';

const facts: ChannelFacts = {
  peer: { name: 'bob@example.test', keyId: 'x', assurance: 'verified', expiresAt: 0 },
  local: { keyId: 'y' },
  protocol: 'chat/1',
  path: { kind: 'relayed', via: 'wss://relay.example.test' },
};

async function channels(a = facts): Promise<[Channel, Channel]> {
  const [client, server] = await securePair(memoryPair());
  return [new Channel(client, a), new Channel(server, facts)];
}

linkSuite(
  'a channel, as a link',
  async () => {
    const [a, b] = await channels();
    return { a, b };
  },
  { inFlight: 512 * 1024, resetShows: true, pauses: true },
);

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return concat(chunks);
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(chunks);
    chunks.push(value);
  }
}

describe('a channel', () => {
  test('says who, what and which way', async () => {
    let path: ChannelPath = { kind: 'relayed' };
    const [a] = await channels({
      ...facts,
      get path() {
        return path;
      },
    });
    expect(a.peer.name).toBe('bob@example.test');
    expect(a.protocol).toBe('chat/1');
    expect(a.path.kind).toBe('relayed');
    expect(a.negotiated.suite).toMatch(/^TLS_/);
    const seen: ChannelPath[] = [];
    a.on('path', (now) => seen.push(now));
    path = { kind: 'direct' };
    a.pathChanged();
    expect(a.path.kind).toBe('direct');
    expect(seen).toEqual([{ kind: 'direct' }]);
  });

  test('carries a megabyte through Web Streams, there and back', async () => {
    const [a, b] = await channels();
    const echo = b.readable.pipeTo(b.writable);
    const back = readAll(a.readable);
    const writer = a.writable.getWriter();
    for (let at = 0; at < 1_000_000; at += 10_000) await writer.write(numbered(10_000, at));
    await writer.close();
    expect(firstWrong(await back)).toBe(-1);
    await echo;
    await Promise.all([a.closed, b.closed]);
    expect(a.stats.plaintextIn).toBe(1_000_000);
  });

  test('a writer may use its buffer again once the write resolved', async () => {
    const [a, b] = await channels();
    const all = collect(b);
    const writer = a.writable.getWriter();
    const buffer = new Uint8Array(1000);
    for (let i = 0; i < 50; i++) {
      buffer.fill(i);
      await writer.write(buffer);
    }
    await writer.close();
    const bytes = await all;
    for (let i = 0; i < 50; i++) expect(bytes[i * 1000 + 999]).toBe(i);
    b.close();
  });

  test('a readable that nobody reads holds the sender back, and so does a loop that waits', async () => {
    for (const read of [
      (c: Channel) => c.readable.getReader().read(),
      (c: Channel) => c[Symbol.asyncIterator]().next(),
    ]) {
      const [a, b] = await channels();
      void read(b);
      let sent = 0;
      for (let i = 0; i < 1000 && sent < 50_000_000; i++) {
        while (a.send(numbered(16_000))) sent += 16_000;
        await Promise.resolve();
      }
      await pause(5);
      expect(sent).toBeLessThan(1_000_000);
      expect(b.stats.plaintextIn).toBeLessThan(1_000_000);
      a.reset();
    }
  });

  test('drain tells a sender to go on', async () => {
    const [a, b] = await channels();
    let left = 2_000_000;
    const push = (): void => {
      while (left > 0) {
        left -= 10_000;
        if (!a.send(new Uint8Array(10_000))) return;
      }
      a.closeWrite();
    };
    a.on('drain', push);
    push();
    expect(left).toBeGreaterThan(0);
    expect((await collect(b)).length).toBe(2_000_000);
    await b.close();
    await a.closed;
  });

  test('a loop that was left goes on where it stopped', async () => {
    const [a, b] = await channels();
    for (let i = 0; i < 5; i++) {
      a.send(utf8(`message ${i};`));
      await pause(1);
    }
    a.closeWrite();
    let head = '';
    for await (const chunk of b) {
      head += new TextDecoder().decode(chunk);
      if (head.includes('1;')) break;
    }
    expect(head).toBe('message 0;message 1;');
    expect(new TextDecoder().decode(await collect(b))).toBe('message 2;message 3;message 4;');
    await b.close();
  });

  test('several reads at once are served in order', async () => {
    const [a, b] = await channels();
    const iterator = b[Symbol.asyncIterator]();
    const reads = [iterator.next(), iterator.next(), iterator.next()];
    for (const text of ['1', '2', '3']) {
      a.send(utf8(text));
      await pause(1);
    }
    const texts = (await Promise.all(reads)).map(({ value }) => new TextDecoder().decode(value));
    expect(texts).toEqual(['1', '2', '3']);
  });

  test('closed settles once, fulfilled after a clean end', async () => {
    const [a, b] = await channels();
    a.send(utf8('bye'));
    const closing = a.close();
    expect(new TextDecoder().decode(await collect(b))).toBe('bye');
    await b.close();
    await closing;
    await expect(a.closed).resolves.toBe(undefined);
    expect(a.send(utf8('late'))).toBe(false);
  });

  test('a reset rejects closed, readers, writers and loops at the other end', async () => {
    const [a, b] = await channels();
    const loop = collect(b);
    const writer = b.writable.getWriter();
    a.reset(7);
    await expect(loop).rejects.toMatchObject({ code: 'ERR_LINK_RESET' });
    await expect(b.closed).rejects.toMatchObject({ code: 'ERR_LINK_RESET' });
    await expect(writer.closed).rejects.toMatchObject({ code: 'ERR_LINK_RESET' });
    await expect(writer.write(utf8('x'))).rejects.toBeDefined();
    await expect(a.closed).rejects.toMatchObject({ code: 'ERR_LINK_ABORTED' });
  });

  test('a writer that waits for room learns that the channel is gone', async () => {
    const [a, b] = await channels();
    const writer = a.writable.getWriter();
    const writes = Array.from({ length: 40 }, () => writer.write(new Uint8Array(16_000)));
    const outcome = Promise.allSettled(writes);
    await pause(5);
    b.reset();
    const last = (await outcome).at(-1);
    expect(last).toMatchObject({ status: 'rejected', reason: { code: 'ERR_LINK_RESET' } });
    await expect(writer.closed).rejects.toBeDefined();
  });

  test('cancelling the readable resets: the other end need not send on', async () => {
    const [a, b] = await channels();
    await b.readable.cancel();
    await expect(a.closed.catch((error) => Promise.reject(error)))
      .rejects.toBeDefined()
      .catch(() => {});
    const recorder = Recorder.start(a);
    await recorder.until('closed', () => recorder.isClosed);
    expect(recorder.closes[0]?.code).toBe('ERR_LINK_RESET');
  });

  test('await using closes, and does not hide the error of the block', async () => {
    const [a, b] = await channels();
    const received = collect(b).then(async (bytes) => {
      await b.close();
      return bytes;
    });
    await expect(
      (async () => {
        await using channel = a;
        channel.send(utf8('sent before the throw'));
        throw new Error('the block failed');
      })(),
    ).rejects.toThrow('the block failed');
    expect(new TextDecoder().decode(await received)).toBe('sent before the throw');
    await a.closed;
  });

  test('batches bring all that came, and a writer that waits for room by a promise goes on', async () => {
    const [a, b] = await channels();
    const writing = (async () => {
      for (let at = 0; at < 2_000_000; at += 10_000)
        if (!a.send(numbered(10_000, at))) await a.drained(AbortSignal.timeout(10_000));
      a.closeWrite();
    })();
    const parts: Uint8Array[] = [];
    let turns = 0;
    for await (const chunks of b.batches()) {
      turns++;
      parts.push(...chunks);
    }
    await writing;
    expect(firstWrong(concat(parts))).toBe(-1);
    expect(parts.length).toBeGreaterThan(turns);
    await expect(a.drained()).rejects.toMatchObject({ code: 'ERR_PEER_CLOSED' });
    await b.close();
  });

  test('W3: a wait for room does not end while the other end takes nothing, and fails with the channel', async () => {
    const [a, b] = await channels();
    b.start(new Recorder(b));
    b.pause();
    while (a.send(numbered(16_000)));
    let ended = false;
    const drained = a.drained().finally(() => {
      ended = true;
    });
    const outcome = expect(drained).rejects.toMatchObject({ code: 'ERR_LINK_RESET' });
    await pause(20);
    expect(ended).toBe(false);
    b.reset();
    await outcome;
  });

  test('a close that is given up goes on; one with an aborted signal does not begin', async () => {
    const [a, b] = await channels();
    await expect(a.close(AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
    expect(a.send(utf8('still open'))).toBe(true);
    const stop = new AbortController();
    const closing = a.close(stop.signal);
    stop.abort(new Error('not now'));
    await expect(closing).rejects.toThrow('not now');
    expect(new TextDecoder().decode(await collect(b))).toBe('still open');
    await b.close();
    await a.closed;
  });

  test('has one reader', async () => {
    const [a, b] = await channels();
    Recorder.start(b);
    expect(() => b.readable).toThrow('one reader');
    void a;
  });

  test('only bytes can be written', async () => {
    const [a] = await channels();
    await expect(a.writable.getWriter().write('text' as never)).rejects.toThrow(TypeError);
  });
});

describe('the streams of a plain link', () => {
  test('are the same pair however they are asked for', async () => {
    const [a, b] = memoryPair();
    const there = linkWritable(a);
    const back = readAll(linkReadable(a));
    const echo = linkReadable(b).pipeTo(linkWritable(b));
    const writer = there.getWriter();
    await writer.write(numbered(50_000));
    await writer.close();
    expect(firstWrong(await back)).toBe(-1);
    await echo;
    expect(linkReadable(a)).toBe(linkReadable(a));
  });
});
