/** What every link promises, run over each carrier. */
import { afterEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { isQ2qError } from '../../src/base/errors.ts';
import type { Link } from '../../src/transport/index.ts';
import { firstWrong, numbered, pause, Recorder } from './recorder.ts';

export interface LinkPair {
  readonly a: Link;
  readonly b: Link;
  /** Frees what the pair needed (listeners, processes). */
  readonly dispose?: () => unknown;
}

export interface LinkTraits {
  /** Most bytes that may be between a sender that stopped at `send() === false` and a reader that takes nothing. */
  readonly inFlight: number;
  /** Whether the other end can tell a reset from an end. */
  readonly resetShows: boolean;
  /** Whether a paused reader holds the sender back. */
  readonly pauses: boolean;
}

export function linkSuite(name: string, connect: () => Promise<LinkPair>, traits: LinkTraits): void {
  describe(name, () => {
    let pair: LinkPair | undefined;

    async function started(): Promise<{ a: Recorder; b: Recorder }> {
      pair = await connect();
      return { a: Recorder.start(pair.a), b: Recorder.start(pair.b) };
    }

    afterEach(async () => {
      pair?.a.reset();
      pair?.b.reset();
      await pair?.dispose?.();
      pair = undefined;
    });

    test('bytes arrive in order, both ways', async () => {
      const { a, b } = await started();
      for (let at = 0; at < 200_000; at += 1000) {
        a.link.send(numbered(1000, at));
        b.link.send(numbered(1000, at));
      }
      await a.until('all', () => a.received === 200_000);
      await b.until('all', () => b.received === 200_000);
      expect(firstWrong(a.bytes)).toBe(-1);
      expect(firstWrong(b.bytes)).toBe(-1);
    });

    test('chunks of one byte arrive', async () => {
      const { a, b } = await started();
      const bytes = numbered(2000);
      for (let i = 0; i < bytes.length; i++) a.link.send(bytes.slice(i, i + 1));
      await b.until('all', () => b.received === bytes.length);
      expect(firstWrong(b.bytes)).toBe(-1);
    });

    test('a vector arrives joined, empty parts do no harm', async () => {
      const { a, b } = await started();
      a.link.send([utf8('one '), new Uint8Array(0), utf8('two '), utf8('three')]);
      a.link.send(new Uint8Array(0));
      a.link.send([]);
      a.link.send(utf8(' four'));
      await b.until('all', () => b.text === 'one two three four');
      if (b.link.info.messages) expect(b.chunks.length).toBe(2);
    });

    test('vectors of hundreds of parts and hundreds of kilobytes arrive', async () => {
      const { a, b } = await started();
      const parts = Array.from({ length: 500 }, (_, i) => numbered(1800, i * 1800));
      a.link.send(parts);
      await b.until('all', () => b.received === 900_000);
      expect(firstWrong(b.bytes)).toBe(-1);
    });

    test('what was sent is only read: the sender may send it again, whatever the reader does to what it gets', async () => {
      const { a, b } = await started();
      b.onData = (chunk) => chunk.fill(255); // as TLS does when it decrypts in place
      const parts = [numbered(100), numbered(1_500), numbered(70_000)];
      for (const part of parts) a.link.send(part);
      a.link.send(parts);
      await b.until('all', () => b.received === 143_200);
      expect(parts.map((part) => firstWrong(part))).toEqual([-1, -1, -1]);
    });

    test('what arrives before start waits', async () => {
      pair = await connect();
      const a = Recorder.start(pair.a);
      a.link.send(utf8('early'));
      await pause(30);
      const b = Recorder.start(pair.b);
      expect(b.received).toBe(0); // nothing from inside `start`
      await b.until('data', () => b.text === 'early');
    });

    test('starting twice throws', async () => {
      const { a } = await started();
      expect(() => a.link.start(a)).toThrow('twice');
    });

    test('a paused reader gets nothing, and everything after resume', async () => {
      const { a, b } = await started();
      b.link.pause();
      a.link.send(numbered(50_000));
      await pause(30);
      expect(b.received).toBe(0);
      b.link.resume();
      expect(b.received).toBe(0); // nothing from inside `resume`
      await b.until('all', () => b.received === 50_000);
      expect(firstWrong(b.bytes)).toBe(-1);
    });

    test('pausing inside data stops at that chunk', async () => {
      const { a, b } = await started();
      b.onData = () => b.link.pause();
      for (let at = 0; at < 64_000; at += 16_000) a.link.send(numbered(16_000, at));
      await b.until('a chunk', () => b.received > 0);
      const { received } = b;
      await pause(30);
      expect(b.received).toBe(received);
      b.onData = () => {};
      b.link.resume();
      await b.until('all', () => b.received === 64_000);
      expect(firstWrong(b.bytes)).toBe(-1);
    });

    test('a stalled reader bounds what the sender gets rid of, and drain comes when it reads again', async () => {
      const { a, b } = await started();
      if (traits.pauses) b.link.pause();
      const total = traits.inFlight * 1.25;
      let sent = 0;
      const push = (): void => {
        while (sent < total) {
          sent += 16_000;
          if (!a.link.send(numbered(16_000, sent - 16_000))) return;
        }
      };
      a.drain = push;
      push();
      if (traits.pauses) {
        await pause(150);
        expect(b.received).toBe(0);
        expect(sent).toBeLessThan(traits.inFlight);
        b.link.resume();
      }
      await b.until('all', () => b.received >= total, 10_000);
      expect(firstWrong(b.bytes)).toBe(-1);
      expect(a.link.buffered).toBeLessThan(traits.inFlight);
    });

    test('half-close: our direction ends after its data, the other goes on', async () => {
      const { a, b } = await started();
      a.link.send(numbered(100_000));
      a.link.closeWrite();
      expect(a.link.send(utf8('late'))).toBe(false);
      if (a.link.info.halfClose) await b.until('end', () => b.ended);
      else await b.until('all', () => b.received === 100_000);
      expect(b.received).toBe(100_000);
      b.link.send(utf8('still here'));
      await a.until('answer', () => a.text === 'still here');
      expect(a.isClosed || b.isClosed).toBe(false);
    });

    test('both directions ended: both ends closed without an error', async () => {
      const { a, b } = await started();
      a.link.send(utf8('question'));
      if (a.link.info.halfClose) {
        a.link.closeWrite();
        await b.until('end', () => b.ended);
        b.link.send(utf8('answer'));
        b.link.closeWrite();
      } else {
        await b.until('question', () => b.text === 'question');
        b.link.send(utf8('answer'));
        b.link.close();
      }
      await a.until('closed', () => a.isClosed);
      await b.until('closed', () => b.isClosed);
      expect([a.text, b.text]).toEqual(['answer', 'question']);
      expect([a.closes, b.closes]).toEqual([[undefined], [undefined]]);
      expect(a.events.at(-1)).toBe('closed');
      expect(a.ended).toBe(true);
    });

    test('an end answered from inside its own call, or crossing the other, reaches both ends', async () => {
      for (const crossing of [false, true]) {
        const { a, b } = await started();
        if (!a.link.info.halfClose) return;
        b.onEnd = () => b.link.closeWrite();
        a.link.closeWrite();
        if (crossing) b.link.closeWrite();
        await a.until('closed', () => a.isClosed);
        await b.until('closed', () => b.isClosed);
        expect([a.events, b.events]).toEqual([
          ['end', 'closed'],
          ['end', 'closed'],
        ]);
      }
    });

    test('close sends what is queued, even to a reader that starts late', async () => {
      pair = await connect();
      const a = Recorder.start(pair.a);
      a.link.send(numbered(60_000));
      a.link.close();
      a.link.close();
      await pause(20);
      const b = Recorder.start(pair.b);
      await b.until('end', () => b.ended);
      expect(b.received).toBe(60_000);
      b.link.close();
      await a.until('closed', () => a.isClosed);
      await b.until('closed', () => b.isClosed);
      expect([a.closes, b.closes]).toEqual([[undefined], [undefined]]);
    });

    test('reset reaches both ends, once, last', async () => {
      const { a, b } = await started();
      a.link.send(utf8('hello'));
      await b.until('hello', () => b.received === 5);
      a.link.reset();
      a.link.reset();
      a.link.close();
      expect(a.link.send(utf8('late'))).toBe(false);
      await a.until('closed', () => a.isClosed);
      expect(a.closes[0]?.code).toBe('ERR_LINK_ABORTED');
      if (traits.resetShows) {
        await b.until('closed', () => b.isClosed);
        expect(isQ2qError(b.closes[0])).toBe(true);
        expect(b.ended).toBe(false);
      } else {
        await b.until('end', () => b.ended || b.isClosed);
        b.link.close();
        await b.until('closed', () => b.isClosed);
      }
      await pause(20);
      expect([a.closes.length, b.closes.length]).toEqual([1, 1]);
      expect(a.events.at(-1)).toBe('closed');
      expect(b.events.at(-1)).toBe('closed');
    });

    test('closed waits for a handler that starts late', async () => {
      pair = await connect();
      pair.a.reset();
      await pause(10);
      const a = Recorder.start(pair.a);
      await a.until('closed', () => a.isClosed);
      expect(a.closes.length).toBe(1);
    });

    test('a pause after close does not hold the end up', async () => {
      const { a, b } = await started();
      a.link.close();
      a.link.pause();
      await pause(10);
      b.link.close();
      await a.until('closed', () => a.isClosed, 1000);
      await b.until('closed', () => b.isClosed, 1000);
      expect([a.closes, b.closes]).toEqual([[undefined], [undefined]]);
    });

    test('after close nothing is delivered', async () => {
      const { a, b } = await started();
      b.link.send(numbered(100_000));
      a.link.close();
      await pause(30);
      expect(a.received).toBe(0);
      b.link.close();
      await a.until('closed', () => a.isClosed);
      expect(a.closes.length).toBe(1);
    });
  });
}
