/** The token bucket in virtual time: rates, bounds, order, and what becomes of what waits when the link ends. */
import { describe, expect, test } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import type { Link } from '../../src/transport/index.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { throttleLink } from '../../src/transport/throttleLink.ts';
import { settleMicrotasks, VirtualClock } from '../support/simLink.ts';
import { Endless, passed } from '../support/throttled.ts';
import { firstWrong, numbered, Recorder } from './recorder.ts';

const KIB = 1_024;
const MB = 1e6;

const RATES = [1_000, 50_000, MB, 100 * MB];
const SIZES = [1, 100, 16 * KIB, 1_024 * KIB];

describe('S5: within 5 % of the rate, over 20 bursts', () => {
  for (const direction of ['write', 'read'] as const)
    for (const rate of RATES)
      for (const size of SIZES.filter((each) => rate / each < 10 * MB)) // the rest: test/slow/throttle.test.ts
        test(`${direction} ${rate} bytes/s in writes of ${size}`, async () => {
          // Where millions of writes would make a test slow: the smallest bucket, which needs the fewest.
          const burst = rate / size > 100_000 ? rate * 0.004 : rate / 10;
          const time = (20 * burst * 1_000) / rate;
          const bytes = await passed(direction, time, { rate, size, burst });
          const wanted = (rate * time) / 1_000;
          expect(bytes).toBeGreaterThanOrEqual(wanted * 0.95);
          expect(bytes).toBeLessThanOrEqual(wanted * 1.05);
        });

  test('and over 10 s with the burst nobody chose', async () => {
    for (const direction of ['write', 'read'] as const) {
      const bytes = await passed(direction, 10_000, { rate: 256_000, size: 4_000 });
      expect(Math.abs(bytes / 2_560_000 - 1)).toBeLessThan(0.0101); // a tenth of a second's worth at the start
    }
  });

  test('messages larger than the burst pass whole, and the rate holds all the same', async () => {
    for (const direction of ['write', 'read'] as const) {
      const options = { rate: 100_000, size: 16 * KIB, burst: 400, messages: true };
      const bytes = await passed(direction, 20_000, options);
      expect(bytes % (16 * KIB)).toBe(0);
      expect(Math.abs(bytes / 2_000_000 - 1)).toBeLessThan(0.05);
    }
  });
});

describe('what waits', () => {
  test('is at most the burst and one send, when the writer heeds what `send` says', async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair();
    const link = throttleLink(near, { write: 10_000, burst: 1_000, clock });
    let most = 0;
    const drain = (): void => {
      while (link.send(new Uint8Array(5_000)));
      most = Math.max(most, link.buffered);
    };
    link.start({ data() {}, drain, end() {}, closed() {} });
    Recorder.start(far);
    queueMicrotask(drain);
    await clock.advance(5_000);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(5_000 + 1_000);
  });

  test('on the reading side is one delivery, and the far end is held back', async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair();
    const a = Recorder.start(throttleLink(near, { read: 10_000, clock }));
    const drain = (): void => {
      while (far.send(new Uint8Array(5_000)));
    };
    far.start({ data() {}, drain, end() {}, closed() {} });
    drain();
    await clock.advance(1_000);
    expect(a.received).toBeLessThanOrEqual(11_000);
    expect(far.buffered).toBeGreaterThan(65_536 / 2);
    expect(far.buffered).toBeLessThan(65_536 + 5_000);
  });

  test('is cut as views of what was sent, not copied', async () => {
    const clock = new VirtualClock();
    const end = new Endless(false, 0);
    const pieces: Uint8Array[] = [];
    end.onSend = (bytes) => void pieces.push(...(bytes instanceof Uint8Array ? [bytes] : bytes));
    const link = throttleLink(end, { write: 1_000, burst: 100, clock });
    link.start({ data() {}, drain() {}, end() {}, closed() {} });
    const sent = numbered(400);
    link.send(sent);
    await clock.advance(1_000);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.every(({ buffer }) => buffer === sent.buffer)).toBe(true);
    expect(firstWrong(concat(pieces))).toBe(-1);
    expect(end.taken).toBe(400);
  });

  test('a keystroke after a rest does not wait', async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair();
    const link = throttleLink(near, { write: 1_000, clock });
    const b = Recorder.start(far);
    link.start({ data() {}, drain() {}, end() {}, closed() {} });
    expect(link.send(new Uint8Array(1))).toBe(true);
    await settleMicrotasks();
    expect(b.received).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test('a stalled far end is no excuse for a flood afterwards', async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair({ capacity: 1_000 });
    const link = throttleLink(near, { write: 100_000, clock });
    const drain = (): void => {
      while (link.send(new Uint8Array(1_000)));
    };
    link.start({ data() {}, drain, end() {}, closed() {} });
    const b = Recorder.start(far);
    drain();
    await clock.advance(1_000);
    far.pause();
    await clock.advance(60_000);
    const before = b.received;
    far.resume();
    await clock.advance(1_000);
    // A second's worth, the burst, and what the link below had taken in.
    expect(b.received - before).toBeLessThanOrEqual(110_000 + 2_000);
    expect(b.received - before).toBeGreaterThan(95_000);
  });
});

describe('the end', () => {
  async function waiting(): Promise<{ clock: VirtualClock; link: Link; a: Recorder; b: Recorder }> {
    const clock = new VirtualClock();
    const [near, far] = memoryPair();
    const link = throttleLink(near, { read: 1_000, write: 1_000, clock });
    const a = Recorder.start(link);
    const b = Recorder.start(far);
    link.send(numbered(2_000));
    far.send(numbered(2_000));
    await clock.advance(100);
    expect(b.received).toBeLessThan(300);
    return { clock, link, a, b };
  }

  test('closeWrite and close wait for what was sent, at its rate', async () => {
    for (const how of ['closeWrite', 'close'] as const) {
      const { clock, link, b } = await waiting();
      link[how]();
      expect(link.send(new Uint8Array(1))).toBe(false);
      await clock.advance(1_700);
      expect(b.ended).toBe(false);
      await clock.advance(300);
      expect([b.received, b.ended]).toEqual([2_000, true]);
    }
  });

  test('the far end’s end comes behind what waits to be read', async () => {
    const { clock, a, b, link } = await waiting();
    link.closeWrite();
    b.link.closeWrite();
    await clock.advance(1_700);
    expect([a.ended, a.closes]).toEqual([false, []]);
    await clock.advance(300);
    expect([a.received, a.ended, a.closes]).toEqual([2_000, true, [undefined]]);
    expect(firstWrong(a.bytes)).toBe(-1);
    expect(clock.pending).toBe(0);
  });

  test('reset drops what waits, both ways, and leaves no timer', async () => {
    const { clock, link, a, b } = await waiting();
    const { received } = b;
    link.reset();
    expect(clock.pending).toBe(0);
    await clock.advance(10_000);
    expect([a.closes[0]?.code, b.closes[0]?.code]).toEqual(['ERR_LINK_ABORTED', 'ERR_LINK_RESET']);
    expect(b.received).toBe(received);
  });

  test('close to a far end that takes nothing gives up after 30 s', async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair({ capacity: 100 });
    const link = throttleLink(near, { write: 1_000, clock });
    const a = Recorder.start(link);
    Recorder.start(far).link.pause();
    link.send(numbered(1_000));
    await clock.advance(1_000);
    link.close();
    await clock.advance(29_000);
    expect(a.closes).toEqual([]);
    await clock.advance(2_000);
    expect(a.closes[0]?.code).toBe('ERR_LINK_TIMEOUT');
    expect(clock.pending).toBe(0);
  });
});

test('X16: rates and bursts that cannot be kept are refused, with what would do', () => {
  const [link] = memoryPair();
  expect(() => throttleLink(link, { read: 0 })).toThrow('read is 0, wanted bytes per second above 0');
  expect(() => throttleLink(link, { write: 1e6, burst: 100 })).toThrow(
    'burst of 100 bytes, wanted 4000 or more: timers could not keep up 1000000 bytes/s',
  );
});
