import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equalBytes } from '../../src/base/bytes.ts';
import { Kind } from '../../src/mux/frame.ts';
import { MuxError } from '../../src/mux/index.ts';
import { RESUME_SLACK } from '../../src/mux/limits.ts';
import { type MuxEnd, mirror } from '../support/muxPair.ts';
import { frame } from '../support/muxPeer.ts';
import { carryOn, cutOnce, cutTwice, end, pattern, ResumePair, SECRET } from '../support/resumePair.ts';

/** Which kind of link the session starts on, and which it moves to. */
const MOVES: readonly (readonly [boolean, boolean])[] = [
  [false, false],
  [true, true],
  [true, false],
  [false, true],
];

describe('a session whose link is cut', () => {
  // Each kind of move gets every twelfth byte here; test/slow gives each all of them.
  it('at any byte: nothing is lost and nothing comes twice', () => {
    let cuts = 0;
    for (let at = 0; at < 700; at += 3) cuts += cutOnce(at, ...MOVES[at % 4]!);
    expect(cuts).toBeGreaterThan(80);
  });

  it('in a goodbye: what was said last arrives, though the end that said it has no channel left', () => {
    for (const messages of [false, true]) {
      const pair = new ResumePair({ messages });
      const id = pair.a.mux.open('x');
      pair.settle();
      pair.b.mux.finish(mirror(id));
      pair.settle();
      pair.a.mux.write(id, pattern(3, 500));
      pair.a.mux.finish(id);
      pair.a.mux.goaway();
      pair.budget = 0; // its last bytes are lost
      pair.settle();
      expect([pair.a.mux.stats().channels, pair.b.mux.stats().channels]).toEqual([0, 1]);
      pair.reconnect();
      pair.settle();
      expect(equalBytes(pair.b.received(mirror(id)), pattern(3, 500))).toBe(true);
      expect([pair.a.error, pair.b.error, pair.b.mux.stats().channels]).toEqual([undefined, undefined, 0]);
      pair.cut(); // all of it is confirmed now: there is nothing to go on for
      expect([pair.a.mux.isOver, pair.b.mux.isOver]).toEqual([true, false]);
    }
  });

  it('in a goodbye: who only heard it waits for what the other end still opens', () => {
    const pair = new ResumePair();
    pair.settle();
    const id = pair.a.mux.open('x');
    pair.a.mux.write(id, pattern(3, 500));
    pair.a.mux.goaway();
    pair.move(10); // GOAWAY, and no OPEN yet
    pair.b.pull();
    expect([pair.b.of('goaway').length, pair.b.of('incoming').length]).toEqual([1, 0]);
    pair.cut();
    pair.reconnect();
    pair.settle();
    expect(equalBytes(pair.b.received(mirror(id)), pattern(3, 500))).toBe(true);
  });

  it('twice, the second time at any byte of the new link: RESUME, RESUMED or the replay are lost', () => {
    let cuts = 0;
    for (let at = 0; at < 700; at += 3) cuts += cutTwice(at, ...MOVES[at % 4]!);
    expect(cuts).toBeGreaterThan(130);
  });

  it('again and again, at random, with random traffic', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 60_000 }),
        (budgets, kinds, length) => {
          const pair = new ResumePair({ messages: kinds[0]!, limits: { initialCredit: 16_384 } });
          pair.a.mux.open('greet');
          pair.settle();
          const id = pair.a.mux.open('long');
          const sent = pattern(length, length);
          for (let at = 0; at < length; at += 1_000)
            pair.a.mux.write(id, sent.subarray(at, Math.min(length, at + 1_000)));
          pair.a.mux.finish(id);
          pair.budget = budgets[0]!;
          carryOn(pair, budgets.slice(1), kinds);
          expect(equalBytes(pair.b.received(mirror(id)), sent)).toBe(true);
          expect(pair.b.of('end')).toHaveLength(1);
          expect(pair.a.error).toBeUndefined();
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('while suspended', () => {
  function suspended(options: ConstructorParameters<typeof ResumePair>[0] = {}) {
    const pair = new ResumePair(options);
    const id = pair.a.mux.open('x');
    pair.settle();
    pair.now = 1_000;
    pair.cut();
    return { pair, id };
  }

  it('nothing is sent, nobody is pinged, and writers are told to stop at the high-water mark', () => {
    const { pair, id } = suspended();
    expect(pair.a.of('suspended')).toHaveLength(1);
    expect(pair.a.mux.write(id, new Uint8Array(1_000))).toBe(true);
    expect(pair.a.mux.write(id, new Uint8Array(200_000))).toBe(false);
    pair.a.mux.ping(pair.now);
    pair.now += 59_999;
    pair.a.mux.tick(pair.now);
    expect(pair.a.mux.takeOutput(1e6, pair.now)).toEqual([]);
    expect(pair.a.error).toBeUndefined();
  });

  it('K5: after the ttl it is given up with ERR_MUX_LOST, and every later call says so', () => {
    const { pair, id } = suspended({ limits: { resumeTtl: 5_000 } });
    expect(pair.a.mux.deadline()).toBe(6_000);
    pair.a.mux.tick(5_999);
    pair.a.pull();
    expect(pair.a.error).toBeUndefined();
    pair.a.mux.tick(6_000);
    pair.a.pull();
    expect(pair.a.error).toMatchObject({ code: 'ERR_MUX_LOST' });
    expect(() => pair.a.mux.open('y')).toThrow('the link was lost');
    expect(pair.a.mux.write(id, new Uint8Array(1))).toBe(false);
  });

  it('the shorter ttl and the smaller window of both ends count', () => {
    const pair = new ResumePair({ limits: { resumeTtl: 5_000 } });
    pair.settle();
    expect(pair.a.mux.settings?.resume).toEqual({ window: 4_194_304, ttl: 5_000 });
  });

  it('a round trip across the loss is told to who asked, and is no measure of the link', () => {
    const { pair } = suspended();
    pair.reconnect();
    pair.settle();
    pair.a.mux.ping(pair.now);
    pair.a.mux.takeOutput(1_000, pair.now); // lost on the way
    pair.cut();
    pair.now += 20_000;
    pair.reconnect();
    pair.settle();
    expect(pair.a.of('pong').at(-1)!.rtt).toBeGreaterThanOrEqual(20_000);
    expect(pair.a.mux.stats().rtt).toBeLessThan(1_000);
  });

  it('a peer that does not know the session ends it at once', () => {
    const { pair } = suspended();
    pair.b.mux.giveUp('the test says so');
    pair.b.pull();
    pair.reconnect();
    pair.settle();
    expect(pair.a.error).toMatchObject({
      code: 'ERR_MUX_LOST',
      message: expect.stringContaining('not know'),
    });
  });
});

describe('what is no reason to wait for another link', () => {
  it('a session without a secret ends with its link, as ever', () => {
    const pair = new ResumePair({ armed: false });
    pair.a.mux.open('x');
    pair.settle();
    pair.cut();
    expect(pair.a.error).toMatchObject({ code: 'ERR_MUX_LINK_CLOSED' });
    expect(pair.a.of('suspended')).toEqual([]);
  });

  it('a goodbye of both ends', () => {
    const pair = new ResumePair();
    pair.settle();
    pair.a.mux.goaway();
    pair.b.mux.goaway();
    pair.settle();
    pair.a.mux.endOfInput();
    pair.a.pull();
    expect([pair.a.mux.isOver, pair.a.error]).toEqual([true, undefined]);
  });

  it('a GOAWAY that says why', () => {
    const pair = new ResumePair();
    pair.a.mux.open('x');
    pair.settle();
    pair.b.mux.abort();
    pair.settle();
    expect(pair.a.error).toMatchObject({ code: 'ERR_MUX_REMOTE' });
  });
});

describe('a half-dead link', () => {
  it('of a session that may outlive it is dropped when nothing came for too long; the session waits', () => {
    const pair = new ResumePair({ limits: { idleTimeout: 3_000 } });
    pair.settle();
    for (pair.now = 0; pair.a.of('suspended').length === 0 && pair.now < 10_000; pair.now += 100) {
      pair.a.mux.tick(pair.now);
      pair.a.mux.takeOutput(1_000, pair.now);
      pair.a.pull();
    }
    expect(pair.a.of('suspended')[0]!.error).toMatchObject({ code: 'ERR_MUX_IDLE' });
    pair.linked = false;
    expect(pair.b.mux.resumption!.isLinked).toBe(true);
    const id = pair.a.mux.open('x');
    pair.a.mux.write(id, pattern(1, 5_000));
    pair.reconnect(); // at b the newest link wins over one that seems alive
    pair.settle();
    expect(equalBytes(pair.b.received(mirror(id)), pattern(1, 5_000))).toBe(true);
    expect(pair.b.mux.stats().links).toBe(2);
  });
});

describe('K6: a full window', () => {
  const window = 65_536;

  it('holds DATA back and nothing else, until the peer acknowledges', () => {
    const small = 12_000; // less than a first flight
    const pair = new ResumePair({ limits: { resumeWindow: small, maxFrame: 1_024 } });
    const id = pair.a.mux.open('bulk');
    pair.settle();
    pair.a.mux.write(id, pattern(7, 200_000));
    let sent = 0;
    for (let parts = pair.a.mux.takeOutput(1e6, 0); parts.length > 0; parts = pair.a.mux.takeOutput(1e6, 0))
      sent += concat(parts).length;
    expect(sent).toBeLessThanOrEqual(small);
    expect(sent).toBeGreaterThan(small - 2_100);
    pair.a.mux.ping(0);
    expect(concat(pair.a.mux.takeOutput(1e6, 0))[0]).toBe(Kind.ping);
    expect(pair.a.mux.isOver).toBe(false);
    pair.cut(); // what was taken is lost: it must come again
    pair.reconnect();
    pair.settle();
    expect(equalBytes(pair.b.received(mirror(id)), pattern(7, 200_000))).toBe(true);
    expect(pair.a.mux.stats().bytesReplayed).toBeGreaterThanOrEqual(sent);
  });

  it('and control frames beyond all reason end the session with a limit', () => {
    const pair = new ResumePair({ limits: { resumeWindow: window } });
    pair.settle();
    let most = 0;
    for (let i = 0; i < 1e6 && !pair.a.mux.isOver; i++) {
      pair.a.mux.ping(0);
      most += concat(pair.a.mux.takeOutput(1e6, 0)).length;
    }
    expect(pair.a.mux.error).toMatchObject({ code: 'ERR_MUX_LIMIT' });
    expect(most).toBeLessThan(window + RESUME_SLACK + 100);
  });

  it('is not filled by ACKs and PONGs, which owe no ACK: 4 KiB of them do', () => {
    const pair = new ResumePair({ limits: { resumeWindow: window, idleTimeout: 0 } });
    pair.settle();
    let most = 0;
    for (let i = 0; i < 5_000; i++) {
      pair.b.mux.ping(pair.now);
      pair.now += 30;
      pair.settle();
      most = Math.max(most, pair.a.mux.resumption!.held, pair.b.mux.resumption!.held);
    }
    expect([pair.a.mux.isOver, pair.b.mux.isOver]).toEqual([false, false]);
    expect(most).toBeGreaterThan(4_000);
    expect(most).toBeLessThan(4_200);
  });

  it.each([false, true])('lets DATA pass though it is full of PINGs (on a second link: %s)', (again) => {
    const pair = new ResumePair({ limits: { resumeWindow: 2_048, maxFrame: 1_024, idleTimeout: 0 } });
    const id = pair.a.mux.open('x');
    pair.settle();
    pair.now += 30;
    pair.settle();
    for (let i = 0; i < 300; i++) {
      pair.a.mux.ping(pair.now);
      if (again)
        pair.a.mux.takeOutput(1_000, pair.now); // lost on the way
      else pair.settle();
    }
    expect(pair.a.mux.resumption!.held).toBeGreaterThan(1_024);
    if (again) {
      pair.cut();
      pair.reconnect();
    }
    pair.a.mux.write(id, pattern(7, 20_000));
    for (let i = 0; i < 100; i++) {
      pair.now += 30;
      pair.settle();
    }
    expect(equalBytes(pair.b.received(mirror(id)), pattern(7, 20_000))).toBe(true);
  });
});

describe('a hostile RESUME', () => {
  /** What b's end makes of a link that a stranger, or a listener of old links, made. */
  function stranger(bytes: Uint8Array): MuxEnd {
    const fresh = end(false, 3, {});
    fresh.mux.takeOutput(1_000, 0);
    fresh.mux.feed(bytes, 0);
    fresh.pull();
    return fresh;
  }

  it.each([
    ['no body', new Uint8Array(0)],
    ['a short one', new Uint8Array(48)],
    [
      'a huge epoch',
      concat([SECRET.subarray(0, 16), new Uint8Array(32), new Uint8Array(8).fill(255), Uint8Array.of(0)]),
    ],
  ])('with %s ends its own link and harms nobody', (_, body) => {
    const pair = new ResumePair();
    pair.a.mux.open('x');
    pair.settle();
    pair.cut();
    const { mux } = stranger(
      concat([Uint8Array.of(0x51, 0x32, 0x51, 0x4d, 1), new Uint8Array(8), frame(Kind.resume, 0, body)]),
    );
    expect(mux.error).toMatchObject({ code: 'ERR_MUX_PROTOCOL' });
    expect(pair.b.mux.isOver).toBe(false);
  });

  it('seen on an older link opens nothing, and the session goes on where its owner asks', () => {
    const pair = new ResumePair();
    const id = pair.a.mux.open('x');
    pair.settle();
    pair.cut();
    pair.a.mux.resumption!.ask(false, 0);
    const seen = concat(pair.a.mux.takeOutput(1_000, 0));
    pair.a.mux.linkLost(new MuxError('ERR_MUX_LINK_CLOSED', 'cut'), 0);
    pair.a.pull();
    pair.reconnect();
    pair.settle();
    expect(pair.b.mux.stats().links).toBe(2);
    pair.cut();
    const [asked] = stranger(seen).of('resume');
    expect(pair.b.mux.acceptResume(asked!.request, 0)).toBe(false);
    expect(pair.b.mux.resumption!.isLinked).toBe(false);
    pair.a.mux.linkLost(new MuxError('ERR_MUX_LINK_CLOSED', 'cut'), 0);
    pair.a.pull();
    pair.reconnect();
    pair.a.mux.write(id, pattern(3, 100));
    pair.settle();
    expect(equalBytes(pair.b.received(mirror(id)), pattern(3, 100))).toBe(true);
  });

  it('among the frames of a session is an error of protocol', () => {
    for (const kind of [Kind.resume, Kind.resumed]) {
      const pair = new ResumePair();
      pair.settle();
      pair.b.mux.feed(frame(kind, 0, new Uint8Array(60)), 0);
      pair.b.pull();
      expect(pair.b.error).toMatchObject({ code: 'ERR_MUX_PROTOCOL' });
    }
  });

  it('answered by something else than RESUMED: the link is dropped, the session waits for a better one', () => {
    for (const answer of [Kind.resumed, Kind.ping, Kind.data]) {
      const pair = new ResumePair();
      const id = pair.a.mux.open('x');
      pair.settle();
      pair.cut();
      pair.reconnect();
      pair.fresh = undefined;
      pair.linked = false;
      const channel = answer === Kind.data ? 1 : 0;
      pair.a.mux.feed(frame(answer, channel, new Uint8Array(33)), 0);
      pair.a.pull();
      expect(pair.a.of('suspended').at(-1)!.error).toMatchObject({ code: 'ERR_MUX_PROTOCOL' });
      pair.reconnect();
      pair.a.mux.write(id, pattern(3, 100));
      pair.settle();
      expect(equalBytes(pair.b.received(mirror(id)), pattern(3, 100))).toBe(true);
    }
  });
});
