import { describe, expect, it } from 'vitest';
import type { Logger } from '../../src/base/log.ts';
import type { MuxLimits } from '../../src/mux/index.ts';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import type { IncomingChannel } from '../../src/peer/incoming.ts';
import { Session } from '../../src/peer/session.ts';
import type { Link } from '../../src/transport/link.ts';
import { type MemoryPairOptions, memoryPair } from '../../src/transport/memory.ts';
import { echo, exercise, type LinkLog } from '../support/channels.ts';
import { SeededRandom } from '../support/random.ts';
import { type SimOptions, settleMicrotasks, simLinks, VirtualClock } from '../support/simLink.ts';
import { sized } from '../support/sized.ts';

interface SessionPair {
  readonly a: Session;
  readonly b: Session;
  readonly errors: string[];
}

interface Options extends MemoryPairOptions {
  readonly limits?: Partial<MuxLimits>;
}

function over(
  [left, right]: readonly [Link, Link],
  limits: Partial<MuxLimits> = {},
  clock?: VirtualClock,
): SessionPair {
  const errors: string[] = [];
  const logger: Logger = {
    log: (_, message, fields) => errors.push(`${message}: ${String(fields?.['error'])}`),
  };
  const random = new SeededRandom(7);
  const options = {
    ...{ limits, logger, random: (n: number) => random.bytes(n) },
    ...(clock === undefined ? {} : { clock }),
  };
  return { a: new Session(left, options), b: new Session(right, options), errors };
}

const pairOf = ({ limits, ...options }: Options = {}): SessionPair => over(memoryPair(options), limits);

function simulated(options: Omit<SimOptions, 'clock'> = {}, limits: Partial<MuxLimits> = {}) {
  const clock = new VirtualClock();
  const { links, control } = simLinks({ clock, ...options });
  return { clock, control, ...over(links, limits, clock) };
}

const acceptAll = (session: Session, take: (channel: ChannelLink) => void): void =>
  session.onIncoming((incoming) => take(incoming.accept()));

const MESSAGES = [false, true];

describe('L1: two writers and no deadlock', () => {
  it.each([
    [1, false],
    [50, false],
    [1, true],
    [50, true],
  ])('1 KiB pipes, 1 MiB echo over %i channels (messages: %s)', async (count, messages) => {
    const { a, b } = pairOf({ capacity: 1_024, messages });
    acceptAll(b, echo);
    const length = Math.floor(1_048_576 / count);
    const logs = Array.from({ length: count }, (_, i) =>
      exercise(a.open(`echo ${i}`), { reads: i, writes: { seed: i, length } }),
    );
    await Promise.all(logs.map((log) => log.done));
    for (const log of logs)
      expect(log).toMatchObject({ received: length, wrongAt: -1, ends: 1, error: undefined });
    expect([a.stats().channels, b.stats().channels, b.stats().incoming]).toEqual([0, 0, 0]);
  });
});

describe('one slow channel harms no other', () => {
  it.each(MESSAGES)('L3, L4: all channels but one are never read (messages: %s)', async (messages) => {
    const { a, b } = pairOf({ messages, limits: { initialCredit: 16_384 } });
    let count = 0;
    acceptAll(b, (channel) => {
      if (++count === 100) echo(channel);
      else {
        channel.pause();
        exercise(channel, {});
      }
    });
    for (let i = 0; i < 99; i++) exercise(a.open('stalled'), { writes: { seed: i, length: 100_000 } });
    const live = exercise(a.open('live'), { reads: 5, writes: { seed: 5, length: 2_000_000 } });
    await live.done;
    expect(live).toMatchObject({ received: 2_000_000, wrongAt: -1, error: undefined });
    expect(b.stats().channels).toBe(99);
  });

  it('L3: nobody accepts, and a channel the other way runs', async () => {
    const { a, b } = pairOf();
    acceptAll(a, echo);
    for (let i = 0; i < 50; i++) exercise(a.open('waiting'), { writes: { seed: i, length: 50_000 } });
    const live = exercise(b.open('live'), { reads: 5, writes: { seed: 5, length: 500_000 } });
    await live.done;
    expect(live).toMatchObject({ received: 500_000, error: undefined });
  });

  it('L5: nested sessions: one stalled inner channel, twenty live ones', async () => {
    const outer = pairOf({ limits: { initialCredit: 65_536 } });
    const inner = await new Promise<SessionPair>((resolve) => {
      const near = outer.a.open('inner');
      outer.b.onIncoming((incoming) => resolve(over([near, incoming.accept()], { initialCredit: 32_768 })));
    });
    acceptAll(inner.b, (channel) => {
      if (channel.name !== 'stalled') return echo(channel);
      channel.pause();
      exercise(channel, {});
    });
    const stalled = exercise(inner.a.open('stalled'), { writes: { seed: 0, length: 1_000_000 } });
    const live = Array.from({ length: 20 }, (_, i) =>
      exercise(inner.a.open('live'), { reads: i, writes: { seed: i, length: 200_000 } }),
    );
    await Promise.all(live.map((log) => log.done));
    for (const log of live) expect(log).toMatchObject({ received: 200_000, wrongAt: -1, error: undefined });
    expect(stalled.closes).toBe(0);
    outer.a.destroy();
    await stalled.done;
    expect(stalled.error?.code).toBe('ERR_MUX_LINK_CLOSED');
  });

  it('says once that the link failed, however many sessions lie on it', async () => {
    const [left, right] = memoryPair();
    const outer = over([left, right]);
    const inner = await new Promise<SessionPair>((resolve) => {
      const near = outer.a.open('inner');
      outer.b.onIncoming((incoming) => resolve(over([near, incoming.accept()])));
    });
    acceptAll(inner.b, echo);
    const channel = exercise(inner.a.open('talk'), {});
    right.reset();
    await channel.done;
    expect(channel.error?.code).toBe('ERR_MUX_LINK_CLOSED');
    expect(channel.error?.message.match(/link failed/g)).toHaveLength(1);
  });
});

describe('pausing', () => {
  it('readers that pause and resume each other at random lose and reorder nothing', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = new SeededRandom(seed);
      const { a, b } = pairOf({
        chunk: (n) => random.int(1, n),
        limits: { initialCredit: 8_192, maxFrame: 512 },
      });
      const channels: ChannelLink[] = [];
      const logs: LinkLog[] = [];
      const stir = (): void => {
        const channel = channels[random.int(0, channels.length - 1)]!;
        if (random.next() < 0.4) channel.pause();
        else channel.resume();
      };
      acceptAll(b, (channel) => {
        channels.push(channel);
        const seed = Number(channel.name);
        logs.push(exercise(channel, { reads: seed, writes: { seed, length: 0 }, onData: stir }));
      });
      const there = Array.from({ length: 5 }, (_, i) =>
        exercise(a.open(String(i)), { writes: { seed: i, length: 30_000, step: 1_000 } }),
      );
      for (let round = 0; round < 2_000 && [...there, ...logs].some((log) => log.closes === 0); round++) {
        await settleMicrotasks();
        for (const channel of channels) if (random.next() < 0.5) channel.resume();
      }
      for (const log of there) expect(log).toMatchObject({ closes: 1, error: undefined });
      for (const log of logs)
        expect(log).toMatchObject({ received: 30_000, wrongAt: -1, ends: 1, closes: 1 });
      expect(b.stats()).toMatchObject({ payloadReceived: 150_000, channels: 0, incoming: 0 });
    }
  });

  it('a paused channel hears nothing, a resumed one not from inside the call', async () => {
    const { a, b } = pairOf();
    let there: ChannelLink | undefined;
    acceptAll(b, (channel) => {
      there = channel;
    });
    exercise(a.open('x'), { writes: { seed: 1, length: 1_000 } });
    await settleMicrotasks();
    there!.pause();
    const log = exercise(there!, { reads: 1 });
    await settleMicrotasks();
    expect([log.received, log.ends]).toEqual([0, 0]);
    there!.resume();
    expect(log.received).toBe(0);
    await settleMicrotasks();
    expect([log.received, log.ends]).toEqual([1_000, 1]);
  });
});

describe('sending', () => {
  it('W3, D4: over 1,000 waits for room, what is queued never passes the high-water mark by more than one write', async () => {
    const { a, b } = pairOf({ capacity: 1_024, limits: { initialCredit: 4_096, sendHighWater: 8_192 } });
    acceptAll(b, (channel) => void exercise(channel, { reads: 0 }));
    const channel = a.open('x');
    let waits = 0;
    let most = 0;
    const write = (): void => {
      while (waits < 1_000) {
        const room = channel.send(new Uint8Array(3_000));
        most = Math.max(most, channel.buffered);
        if (room) continue;
        waits++;
        return;
      }
      channel.close();
    };
    const closed = new Promise<void>((resolve) =>
      channel.start({ data() {}, drain: write, end() {}, closed: () => resolve() }),
    );
    write();
    await closed;
    expect(waits).toBe(1_000);
    expect(most).toBeLessThan(8_192 + 3_000);
  });

  it('D4: against a peer that gives no credit, a writer waits and nothing grows', async () => {
    const { a, b } = pairOf({ limits: { initialCredit: 0, sendHighWater: 10_000 } });
    acceptAll(b, (channel) => void exercise(channel, {}));
    const log = exercise(a.open('x'), { writes: { seed: 0, length: 1_000_000, step: 1_000 } });
    for (let i = 0; i < 50; i++) await settleMicrotasks();
    expect(a.stats().payloadSent).toBe(0);
    expect(log.closes).toBe(0);
    expect(b.stats().linkBuffered + a.stats().linkBuffered).toBe(0);
  });
});

describe('1,000 channels on one link', () => {
  it.each(MESSAGES)(
    'one handler throws, one reader stalls for ever, the others finish (messages: %s)',
    async (messages) => {
      const { a, b, errors } = pairOf({ messages, limits: { initialCredit: 16_384 } });
      const bang = (): void => {
        throw new Error('bang');
      };
      b.onIncoming((incoming) => {
        if (incoming.name === 'throws') throw new Error('boom');
        const channel = incoming.accept();
        if (incoming.name === 'stalls') channel.pause();
        if (incoming.name === 'echo') echo(channel);
        else exercise(channel, incoming.name === 'stalls' ? {} : { onData: bang });
      });
      const name = (i: number): string => ['throws', 'stalls', 'throws on data'][i] ?? 'echo';
      const logs = Array.from({ length: 1_000 }, (_, i) =>
        exercise(a.open(name(i)), { reads: i, writes: { seed: i, length: 20_000 } }),
      );
      await Promise.all(logs.filter((_, i) => i !== 1).map((log) => log.done));
      expect(logs[0]!.error).toMatchObject({ code: 'ERR_MUX_REFUSED', resetCode: 4 });
      expect(logs[1]).toMatchObject({ closes: 0, received: 0 });
      expect(logs[2]!.error).toMatchObject({ code: 'ERR_MUX_RESET', resetCode: 4 });
      for (const log of logs.slice(3))
        expect(log).toMatchObject({ received: 20_000, wrongAt: -1, error: undefined });
      expect(errors.filter((text) => text.includes('boom') || text.includes('bang')).length).toBe(2);
      await settleMicrotasks();
      expect([a.stats().channels, b.stats().channels]).toEqual([1, 1]);
      a.destroy();
      await logs[1]!.done;
      expect(logs[1]!.error?.code).toBe('ERR_MUX_ABORTED');
    },
  );

  it('more channels than the peer allows wait for their turn', async () => {
    const { a, b } = pairOf({ limits: { maxChannels: 10 } });
    let most = 0;
    acceptAll(b, (channel) => {
      most = Math.max(most, b.stats().incoming);
      echo(channel);
    });
    const logs = Array.from({ length: 300 }, (_, i) =>
      exercise(a.open('x'), { reads: i, writes: { seed: i, length: 500 } }),
    );
    await Promise.all(logs.map((log) => log.done));
    for (const log of logs) expect(log).toMatchObject({ received: 500, error: undefined });
    expect(most).toBeLessThanOrEqual(10);
  });
});

describe('closing', () => {
  it('C3: a reader that starts after the link has gone still gets every byte, then the end', async () => {
    const { a, b } = pairOf();
    let late: ChannelLink | undefined;
    acceptAll(b, (channel) => {
      late = channel;
      channel.closeWrite();
    });
    const log = exercise(a.open('x'), { writes: { seed: 4, length: 60_000 } });
    await log.done;
    await settleMicrotasks();
    a.destroy();
    expect((await b.closed)?.code).toBe('ERR_MUX_REMOTE');
    const read = exercise(late!, { reads: 4 });
    await read.done;
    expect(read).toMatchObject({ received: 60_000, wrongAt: -1, ends: 1, closes: 1, error: undefined });
  });

  it('C8: sends after the end do nothing and say false, in every state', async () => {
    const { a, b } = pairOf();
    acceptAll(b, (channel) => void exercise(channel, {}));
    const ways: ((channel: ChannelLink) => void)[] = [
      (channel) => channel.closeWrite(),
      (channel) => channel.close(),
      (channel) => channel.reset(300),
    ];
    for (const way of ways) {
      const channel = a.open('x');
      const log = exercise(channel, {});
      expect(channel.send(new Uint8Array(1))).toBe(true);
      way(channel);
      expect(channel.send(new Uint8Array(1))).toBe(false);
      way(channel);
      channel.close();
      channel.reset();
      await log.done;
      expect(log.closes).toBe(1);
      expect(channel.send(new Uint8Array(1))).toBe(false);
      expect(channel.buffered).toBe(0);
    }
  });

  it('C9: data that comes before anybody listens waits, at most one credit of it', async () => {
    const { a, b } = pairOf({ limits: { initialCredit: 10_000 } });
    const log = exercise(a.open('x'), { writes: { seed: 3, length: 50_000 } });
    for (let i = 0; i < 50; i++) await settleMicrotasks();
    expect(b.stats().payloadReceived).toBe(10_000);
    let channel: ChannelLink | undefined;
    acceptAll(b, (accepted) => {
      channel = accepted;
    });
    for (let i = 0; i < 50; i++) await settleMicrotasks();
    expect(b.stats().payloadReceived).toBe(10_000);
    const read = exercise(channel!, { reads: 3, onEnd: () => channel!.closeWrite() });
    await Promise.all([log.done, read.done]);
    expect(read).toMatchObject({ received: 50_000, wrongAt: -1, ends: 1, error: undefined });
  });

  it.each(MESSAGES)(
    'C10: any chunks and message splits give the same bytes (messages: %s)',
    async (messages) => {
      const random = new SeededRandom(11);
      for (const most of [1, 7, 1_000, 65_536]) {
        const { a, b } = pairOf({ messages, chunk: (n) => random.int(1, Math.min(n, most)) });
        acceptAll(b, echo);
        const length = most === 1 ? 5_000 : 100_000;
        const log = exercise(a.open('x'), { reads: 1, writes: { seed: 1, length, step: 3_000 } });
        await log.done;
        expect(log).toMatchObject({ received: length, wrongAt: -1, ends: 1, error: undefined });
      }
    },
  );

  it('a reset reaches the other end with its code, and drops what was queued', async () => {
    const { a, b } = pairOf();
    const there = new Promise<LinkLog>((resolve) =>
      acceptAll(b, (channel) => resolve(exercise(channel, {}))),
    );
    const channel = a.open('x');
    const here = exercise(channel, {});
    channel.send(new Uint8Array(10));
    const log = await there;
    channel.reset(777);
    await Promise.all([here.done, log.done]);
    expect(log.error).toMatchObject({ code: 'ERR_MUX_RESET', resetCode: 777, fault: 'remote' });
    expect(here.error).toMatchObject({ code: 'ERR_MUX_ABORTED', fault: 'local' });
  });

  it('close: what is queued arrives; the other end is clean unless bytes of its own are lost', async () => {
    for (const loses of [false, true]) {
      const { a, b } = pairOf();
      let there: ChannelLink | undefined;
      const reading = new Promise<LinkLog>((resolve) =>
        acceptAll(b, (channel) => {
          there = channel;
          resolve(exercise(channel, { reads: 1 }));
        }),
      );
      const channel = a.open('x');
      const here = exercise(channel, {});
      channel.send(new Uint8Array(0));
      const log = await reading;
      if (loses) there!.send(new Uint8Array(1_000_000));
      channel.close();
      await here.done;
      for (let i = 0; i < 10; i++) await settleMicrotasks();
      expect(here.error).toBeUndefined();
      expect(log).toMatchObject({ ends: 1, closes: 1 });
      expect(log.error?.code).toBe(loses ? 'ERR_MUX_STOPPED' : undefined);
    }
  });

  it('refusal reaches the opener with its code, and accept carries an answer', async () => {
    const { a, b } = pairOf();
    b.onIncoming((incoming) => {
      if (incoming.name === 'no') incoming.refuse(300);
      else incoming.accept({ hello: incoming.meta });
    });
    const refused = a.open('no');
    const log = exercise(refused, {});
    await expect(refused.whenAccepted()).rejects.toMatchObject({ code: 'ERR_MUX_REFUSED', resetCode: 300 });
    await log.done;
    expect(log.error?.code).toBe('ERR_MUX_REFUSED');
    expect(await a.open('yes', [1, 2]).whenAccepted()).toEqual({ hello: [1, 2] });
  });

  it('D2: refused channels and channels reset before an answer give their place back', async () => {
    const { a, b } = pairOf({ limits: { maxChannels: 4 } });
    let seen = 0;
    b.onIncoming((incoming) => {
      seen++;
      if (incoming.name === 'refuse') incoming.refuse();
    });
    const logs = Array.from({ length: 40 }, (_, i) => {
      const channel = a.open(i % 2 === 0 ? 'refuse' : 'ignore');
      if (i % 2 === 1) channel.reset();
      return exercise(channel, {});
    });
    await Promise.all(logs.map((log) => log.done));
    for (let i = 0; i < 100; i++) await settleMicrotasks();
    expect(seen).toBe(40);
    expect(b.stats()).toMatchObject({ channels: 0, incoming: 0 });
  });

  it('refuses codes that are no whole numbers, before they reach the wire', () => {
    const { a } = pairOf();
    expect(() => a.open('x').reset(-1)).toThrow(/code -1/);
    expect(() => a.goaway('', Number.NaN)).toThrow(/code NaN/);
  });

  it('D2: a channel counts until the promise of its handler settles', async () => {
    const { a, b } = pairOf({ limits: { maxChannels: 4 } });
    const work: (() => void)[] = [];
    b.onIncoming((incoming: IncomingChannel) => {
      exercise(incoming.accept(), {});
      return new Promise<void>((resolve) => work.push(resolve));
    });
    const cancelled = Array.from({ length: 4 }, () => a.open('x'));
    await cancelled[3]!.whenAccepted();
    for (const channel of cancelled) channel.reset();
    const next = exercise(a.open('y'), { writes: { seed: 1, length: 10 } });
    for (let i = 0; i < 20; i++) await settleMicrotasks();
    expect([work.length, b.stats().incoming, next.closes]).toEqual([4, 4, 0]);
    for (const done of work.splice(0)) done();
    for (let i = 0; i < 20; i++) await settleMicrotasks();
    expect(work.length).toBe(1);
  });
});

describe('the end of a session', () => {
  it('close drains open channels, then both ends are clean', async () => {
    const { a, b } = pairOf();
    acceptAll(b, echo);
    const log = exercise(a.open('x'), { reads: 1, writes: { seed: 1, length: 1_000_000 } });
    await settleMicrotasks();
    const closing = b.close();
    expect(() => b.open('late')).toThrow(/closing/);
    await Promise.all([log.done, closing]);
    expect(log).toMatchObject({ received: 1_000_000, error: undefined });
    expect([await a.closed, await b.closed]).toEqual([undefined, undefined]);
    expect(() => a.open('later')).toThrow();
    await expect(a.ping()).rejects.toMatchObject({ code: 'ERR_MUX_CLOSED' });
  });

  it('destroy: every channel at both ends hears a typed error, once', async () => {
    const { a, b } = pairOf();
    const there: LinkLog[] = [];
    acceptAll(b, (channel) => there.push(exercise(channel, {})));
    const here = Array.from({ length: 20 }, () =>
      exercise(a.open('x'), { writes: { seed: 1, length: 1_000 } }),
    );
    await settleMicrotasks();
    a.destroy(new Error('enough'));
    await Promise.all([...here, ...there].map((log) => log.done));
    expect(new Set(here.map((log) => log.error?.code))).toEqual(new Set(['ERR_MUX_ABORTED']));
    expect(there.length).toBe(20);
    expect(new Set(there.map((log) => log.error?.code))).toEqual(new Set(['ERR_MUX_REMOTE']));
    for (const log of [...here, ...there]) expect(log.closes).toBe(1);
    expect((await a.closed)?.message).toContain('enough');
  });

  it('a link cut at any byte: every channel hears it once, and what was read is a prefix', async () => {
    for (let cut = 0; cut < 60_000; cut += 997) {
      const { clock, control, a, b } = simulated({ delay: 5, chunk: (n) => Math.min(n, 1_400) });
      const logs: LinkLog[] = [];
      acceptAll(b, (channel) =>
        logs.push(exercise(channel, { reads: 1, writes: { seed: 2, length: 10_000 } })),
      );
      for (let i = 0; i < 3; i++)
        logs.push(exercise(a.open('x'), { reads: 2, writes: { seed: 1, length: 10_000 } }));
      control.cutAfter(cut);
      await clock.advance(500);
      for (const log of logs) {
        expect(log.wrongAt).toBe(-1);
        expect(log.closes).toBe(1);
        if (log.error === undefined) expect(log.received).toBe(10_000);
        else expect(log.error.code).toBe('ERR_MUX_LINK_CLOSED');
      }
      if (cut < 50_000) expect((await a.closed)?.code).toBe('ERR_MUX_LINK_CLOSED');
    }
  });

  it('K2: the socket takes writes and nothing comes back: dead within two idle periods', async () => {
    const { clock, control, a } = simulated({}, { idleTimeout: 30_000 });
    const log = exercise(a.open('x'), { writes: { seed: 1, length: 10_000_000 } });
    await clock.advance(10);
    control.halfDead = true;
    await clock.advance(60_000);
    await log.done;
    expect(log.error?.code).toBe('ERR_MUX_IDLE');
    expect((await a.closed)?.code).toBe('ERR_MUX_IDLE');
  });

  const seconds = sized(30, 600);
  it(`K1: a link saturated both ways for ${seconds} s kills nobody, and pings pass the bulk`, {
    timeout: 60_000,
  }, async () => {
    const rate = 125; // bytes per ms: 1 Mbit/s
    const { clock, a, b } = simulated(
      { rate, delay: 10, capacity: 16_384, chunk: (n) => Math.min(n, 500) },
      { idleTimeout: 10_000 },
    );
    const bulk = 100_000_000;
    acceptAll(b, (channel) => void exercise(channel, { reads: 1, writes: { seed: 1, length: bulk } }));
    const log = exercise(a.open('bulk'), { reads: 1, writes: { seed: 1, length: bulk } });
    let worst = 0;
    for (let second = 0; second < seconds; second += 10) {
      const rtt = a.ping();
      await clock.advance(10_000);
      worst = Math.max(worst, await rtt);
    }
    expect(log.closes).toBe(0);
    expect(log.wrongAt).toBe(-1);
    expect(log.received).toBeGreaterThan(seconds * 1_000 * rate * 0.9);
    expect(worst).toBeLessThan(400);
  });

  it('an ACK leaves in its time, though the timer was set for later', async () => {
    const { clock, a } = simulated({ delay: 10 });
    const channel = a.open('x');
    await clock.advance(500);
    const before = a.mux.acked;
    channel.send(Uint8Array.of(1, 2, 3));
    await clock.advance(44);
    expect(a.mux.acked).toBe(before);
    await clock.advance(2);
    expect(a.mux.acked).toBe(before + 6);
  });

  it('an idle session lives for a day on pings alone, and no timer is left after its end', async () => {
    const { clock, a, b } = simulated({ delay: 40 }, { idleTimeout: 60_000 });
    await clock.advance(86_400_000);
    expect([a.mux.isOver, b.mux.isOver]).toEqual([false, false]);
    expect(a.stats().bytesSent).toBeLessThan(50_000);
    void a.close();
    await clock.advance(10_000);
    expect([await a.closed, await b.closed]).toEqual([undefined, undefined]);
    expect(clock.pending).toBe(0);
  });

  it('a ping can be given up, and fails when the session ends', async () => {
    const { clock, control, a } = simulated({}, { idleTimeout: 1_000 });
    await clock.advance(1);
    control.halfDead = true;
    await expect(a.ping(AbortSignal.abort(new Error('no time')))).rejects.toThrow('no time');
    const pending = expect(a.ping()).rejects.toMatchObject({ code: 'ERR_MUX_IDLE' });
    await clock.advance(3_000);
    await pending;
  });

  it('tells a peer of another protocol from ours, and says so at once', async () => {
    const [left, right] = memoryPair();
    const random = new SeededRandom(1);
    const session = new Session(left, { random: (n) => random.bytes(n) });
    right.start({ data() {}, drain() {}, end() {}, closed() {} });
    right.send(new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const error = await session.closed;
    expect(error).toMatchObject({ code: 'ERR_MUX_PREFACE', fault: 'remote' });
    expect(error?.hint).toContain('HTTP');
  });
});

describe('fairness', () => {
  it('urgent channels pass bulk, and bulk goes on', async () => {
    const { clock, a, b } = simulated({ rate: 1_000, delay: 1 });
    const order: string[] = [];
    acceptAll(b, (channel) => {
      exercise(channel, { reads: 1, onEnd: () => order.push(channel.name) });
      channel.closeWrite();
    });
    for (const [name, urgency] of [
      ['bulk', 7],
      ['page', 3],
      ['keys', 0],
    ] as const)
      exercise(a.open(name, undefined, { urgency }), { writes: { seed: 1, length: 500_000 } });
    await clock.advance(700);
    expect(order).toEqual(['keys']);
    expect(b.stats().payloadReceived).toBeGreaterThan(600_000);
    await clock.advance(2_000);
    expect(order).toEqual(['keys', 'page', 'bulk']);
  });
});
