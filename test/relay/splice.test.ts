/** Two ends joined blindly: nothing lost, nothing added, and a slow reader stops its own writer only. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import type { Q2qError } from '../../src/base/errors.ts';
import { MuxError } from '../../src/mux/index.ts';
import { PathEnd, splice } from '../../src/relay/splice.ts';
import type { Link, LinkHandler } from '../../src/transport/link.ts';
import { memoryPair } from '../../src/transport/memory.ts';

class Reader implements LinkHandler {
  readonly chunks: Uint8Array[] = [];
  ended = false;
  over: { error: Q2qError | undefined } | undefined;
  drained = 0;

  data(chunk: Uint8Array): void {
    this.chunks.push(chunk.slice());
  }

  drain(): void {
    this.drained++;
  }

  end(): void {
    this.ended = true;
  }

  closed(error: Q2qError | undefined): void {
    this.over = { error };
  }

  get size(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }
}

function joined(): { caller: Link; listener: Link; ended: () => number; ends: [PathEnd, PathEnd] } {
  const [caller, relayA] = memoryPair({ capacity: 4_096 });
  const [relayB, listener] = memoryPair({ capacity: 4_096 });
  let count = 0;
  const ends: [PathEnd, PathEnd] = [new PathEnd(relayA, () => {}), new PathEnd(relayB, () => {})];
  splice(ends[0], ends[1], () => count++);
  return { caller, listener, ended: () => count, ends };
}

const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test('bytes pass in order, half-close as half-close, and the end is told once', async () => {
  const { caller, listener, ended, ends } = joined();
  const [a, b] = [new Reader(), new Reader()];
  caller.start(a);
  listener.start(b);
  caller.send([utf8('one '), utf8('two')]);
  caller.closeWrite();
  await turns();
  expect(concat(b.chunks)).toEqual(utf8('one two'));
  expect(b.ended).toBe(true);
  expect(a.ended).toBe(false);
  listener.send(utf8('answer'));
  listener.close();
  await turns();
  expect(concat(a.chunks)).toEqual(utf8('answer'));
  expect(a.over).toEqual({ error: undefined });
  expect(ended()).toBe(1);
  expect(ends.map(({ bytes }) => bytes)).toEqual([7, 6]);
});

test('a reader that stalls stops the writer within the two buffers between them', async () => {
  const { caller, listener } = joined();
  const b = new Reader();
  caller.start(new Reader());
  listener.start(b);
  listener.pause();
  let sent = 0;
  while (sent < 1_000_000) {
    sent += 1_024;
    if (!caller.send(new Uint8Array(1_024))) await turns();
    if (caller.buffered >= 4_096) break;
  }
  expect(sent).toBeLessThan(20_000);
  listener.resume();
  await turns();
  expect(b.size).toBe(sent);
});

test('a reset passes, in both directions', async () => {
  for (const who of ['caller', 'listener'] as const) {
    const { caller, listener, ended } = joined();
    const [a, b] = [new Reader(), new Reader()];
    caller.start(a);
    listener.start(b);
    (who === 'caller' ? caller : listener).reset();
    await turns();
    expect((who === 'caller' ? b : a).over?.error).toBeInstanceOf(Error);
    expect(ended()).toBe(1);
  }
});

test('a reset code of one channel becomes the reset code of the other', () => {
  const codes: (number | undefined)[] = [];
  const fake = (): Link & { handler?: LinkHandler } => ({
    info: { kind: 'channel', messages: false, halfClose: true },
    buffered: 0,
    start(handler) {
      this.handler = handler;
    },
    send: () => true,
    pause() {},
    resume() {},
    closeWrite() {},
    close() {},
    reset: (code) => void codes.push(code),
  });
  const [a, b] = [fake(), fake()];
  splice(new PathEnd(a, () => {}), new PathEnd(b, () => {}), () => {});
  a.handler!.closed(new MuxError('ERR_MUX_RESET', 'reset', { resetCode: 0x100 }));
  expect(codes).toEqual([0x100]);
});

test('what came early waits, and an end that came early is passed on', async () => {
  const [caller, relayA] = memoryPair();
  const [relayB, listener] = memoryPair();
  const first = new PathEnd(relayA, () => {});
  caller.start(new Reader());
  caller.send(utf8('early'));
  caller.closeWrite();
  await turns();
  const b = new Reader();
  listener.start(b);
  splice(first, new PathEnd(relayB, () => {}), () => {});
  await turns();
  expect(concat(b.chunks)).toEqual(utf8('early'));
  expect(b.ended).toBe(true);
});
